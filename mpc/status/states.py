"""The states of single variables, and all of them together as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.frozen import FrozenMapping
from operator_agent.messages import ControllerMode
from operator_agent.signing import Json
from operator_agent.site import Limits

BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class MvState(Enum):
    """State of an MV; the value says it in words."""

    ON = "moved by the controller"
    SATURATED = "at its limit; moved by the controller"
    WOUND_UP = "the device does not follow; planned from its read-back, away from where it stuck"
    HELD = "out of service; held at its read-back"
    OUTSIDE = "outside its limits by more than one move; held until someone brings it inside"
    BAD = "no read-back; taken to stand where it was written or read last"


class CvState(Enum):
    """State of a CV; the value says it in words."""

    ON = "controlled"
    OFF = "taken out of service by a person; predicted, neither tracked nor limited"
    REJECTED = "its reading is too far from the prediction and was not believed; controlled"
    BAD = "no good reading; controlled by its prediction"
    DROPPED = "no good reading for too long; neither tracked nor limited"
    CROSSED = "its hard limits cross; neither tracked nor limited until they are corrected"
    LOOSE = "its soft limits cross and are left out; tracked, and kept inside its hard ones"


class DvState(Enum):
    """State of a measured disturbance; the value says it in words."""

    ON = "measured"
    OFF = "taken out of service by a person; the last value before that is used"
    BAD = "no good reading; the last good value is used"
    LOST = "no good reading for too long"


MOVED = frozenset({MvState.ON, MvState.SATURATED, MvState.WOUND_UP})
CONTROLLED = frozenset({CvState.ON, CvState.REJECTED, CvState.BAD, CvState.LOOSE})


@dataclass(frozen=True, slots=True)
class MvStatus:
    """One MV in one cycle.

    Attributes:
        name: of the variable.
        state: see there.
        reason: in words with numbers; empty when it is simply on.
        value: set point from which the cycle plans [SI].
        lost: cycles in a row without a read-back.
        stuck: +1 where the device stays below what was written, -1 where it stays above, else 0.
        short: cycles in a row in which the loop has stayed below its set point, negative where it
            has stayed above.
        process: process value of the loop when that began [SI].
    """

    name: str
    state: MvState
    reason: str
    value: float
    lost: int = 0
    stuck: int = 0
    short: int = 0
    process: float = np.nan

    @property
    def moved(self) -> bool:
        """Whether the controller moves it."""
        return self.state in MOVED


@dataclass(frozen=True, slots=True)
class CvStatus:
    """One CV in one cycle.

    Attributes:
        name: of the variable.
        state: see there.
        reason: in words; empty when it is simply on.
        bad: cycles in a row without a reading that counts.
    """

    name: str
    state: CvState
    reason: str
    bad: int = 0

    @property
    def controlled(self) -> bool:
        """Whether it is tracked and limited."""
        return self.state in CONTROLLED


@dataclass(frozen=True, slots=True)
class DvStatus:
    """One measured disturbance in one cycle; fields as in `CvStatus`."""

    name: str
    state: DvState
    reason: str
    bad: int = 0


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """All variables in one cycle.

    Attributes:
        mvs, cvs, dvs: in the order of the model.
        obstacle: why control cannot go on with what is in service; empty when it can.
    """

    mvs: tuple[MvStatus, ...] = ()
    cvs: tuple[CvStatus, ...] = ()
    dvs: tuple[DvStatus, ...] = ()
    obstacle: str = ""

    @property
    def moved(self) -> BoolArray:
        """Which MVs the controller moves, shape (n_u,)."""
        return np.array([mv.moved for mv in self.mvs], dtype=np.bool_)

    @property
    def controlled(self) -> BoolArray:
        """Which CVs are tracked and limited, shape (n_y,)."""
        return np.array([cv.controlled for cv in self.cvs], dtype=np.bool_)

    @property
    def held(self) -> FloatArray:
        """Set points from which the cycle plans, shape (n_u,) [SI]."""
        return np.array([mv.value for mv in self.mvs])

    def unusual(self) -> dict[str, str]:
        """Return state and reason of every variable that is not simply on, by name."""
        return {
            v.name: f"{v.state.name}: {v.reason or v.state.value}"
            for v in self._all()
            if v.state not in (MvState.ON, CvState.ON, DvState.ON)
        }

    def _all(self) -> list[MvStatus | CvStatus | DvStatus]:
        return [*self.mvs, *self.cvs, *self.dvs]

    def payload(self) -> dict[str, Json]:
        """Return state and reason of every variable, by name, as plain values for JSON."""
        return {v.name: [v.state.name, v.reason] for v in self._all()}


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What people and devices say of the variables before a cycle.

    Attributes:
        mode: of the controller; in any other than ON its moves are not written.
        out_of_service: who took a variable out and why, by name.
        not_remote: mode of a loop that takes no set point from outside, by MV name.
        written: set points written and confirmed in the last cycle, by MV name [SI].
        optimizer_limits: limits inside the operator's, by MV or CV name [SI].
    """

    mode: ControllerMode = ControllerMode.ON
    out_of_service: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))
    not_remote: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))
    written: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))
    optimizer_limits: Mapping[str, Limits] = field(default_factory=lambda: FrozenMapping({}))

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("out_of_service", "not_remote", "written", "optimizer_limits"):
            object.__setattr__(self, name, FrozenMapping(dict(getattr(self, name))))
