"""The messages that layers exchange. They are frozen, and hold SI values only.

| message | from | to |
|---|---|---|
| `Reading` | io | runtime, mpc |
| `EconomicTargets` | planning | mpc |
| `Advice` | rl_supervisor | mpc (inside an `AdviceEnvelope`) |
| `Move` | mpc (signed) | io: the write gate |
| `GateReply` | io: the write gate | runtime |
| `ControlStatus` | runtime | api, console |
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from operator_agent.errors import InputError, SignatureError
from operator_agent.frozen import FrozenMapping
from operator_agent.signing import Json, sign, verify

SLATE_TOLERANCE = 1e-6  # LP solutions close to 1e-9; this catches real mistakes only


class Quality(Enum):
    """What a reading is worth. `UNCERTAIN` counts as `BAD` unless a site says otherwise."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


class ControllerMode(Enum):
    """The state of the controller."""

    OFF = "off"
    STANDBY = "standby"  # predicts, writes nothing
    ON = "on"
    SHED = "shed"  # latched: the DCS holds, a human must look


@dataclass(frozen=True, slots=True)
class Reading:
    """One value from the plant with all that is known about its worth.

    Attributes:
        tag: name in the site's tag list.
        value: in SI; NaN when nothing was read.
        unit: SI symbol of the value.
        quality: after all checks so far.
        source_time_s: time stamp by the source [s since 1970 UTC], NaN when it gave none.
        reason: in words, why the quality is not good; empty when it is.
        since_s: when the value was first seen as it is [s since 1970 UTC]; NaN where unknown.
    """

    tag: str
    value: float
    unit: str
    quality: Quality
    source_time_s: float
    reason: str = ""
    since_s: float = math.nan

    @property
    def good(self) -> bool:
        """Whether the value may be used."""
        return self.quality is Quality.GOOD and math.isfinite(self.value)


def _frozen_numbers(values: Mapping[str, float], what: str) -> Mapping[str, float]:
    for name, value in values.items():
        if not math.isfinite(value):
            raise InputError(f"{what} of '{name}' is {value}; give a finite number")
    return FrozenMapping(values)


@dataclass(frozen=True, slots=True)
class EconomicTargets:
    """What planning asks of the crude unit, and what it is worth.

    Attributes:
        case: name of the planning case.
        created_s: wall time of the plan [s since 1970 UTC].
        slate: volume fraction of each crude in the feed; adds up to one.
        flow_vol_feed: throughput that the plan wants [m3/s].
        targets: wanted value by CV name [SI]: the T95 of each cut from the planned cut points.
        stream_prices: value of each crude-unit stream to the refinery [usd/m3], by stream
            (`naphtha`, `kerosene`, `lgo`, `hgo`, `residue`), and of `feed`: the crude with what
            the unit costs to run apart from fuel and steam.
        energy_price: of fired duty [usd/J].
        steam_price: [usd/kg].
    """

    case: str
    created_s: float
    slate: Mapping[str, float]
    flow_vol_feed: float
    targets: Mapping[str, float]
    stream_prices: Mapping[str, float]
    energy_price: float
    steam_price: float

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse numbers that are not finite."""
        object.__setattr__(self, "slate", _frozen_numbers(self.slate, "slate fraction"))
        object.__setattr__(self, "targets", _frozen_numbers(self.targets, "target"))
        prices = _frozen_numbers(self.stream_prices, "stream price")
        object.__setattr__(self, "stream_prices", prices)
        scalars = {
            "flow_vol_feed": self.flow_vol_feed,
            "energy_price": self.energy_price,
            "steam_price": self.steam_price,
        }
        _frozen_numbers(scalars, "economic target")
        total = sum(self.slate.values())
        if abs(total - 1.0) > SLATE_TOLERANCE or min(self.slate.values()) < -SLATE_TOLERANCE:
            raise InputError(
                f"the crude slate of case '{self.case}' adds up to {total:.6f}; "
                "volume fractions must be positive and add up to 1"
            )

    def payload(self) -> dict[str, Json]:
        """Return the message as plain values for JSON."""
        return {
            "case": self.case,
            "created_s": self.created_s,
            "slate": dict(self.slate),
            "flow_vol_feed": self.flow_vol_feed,
            "targets": dict(self.targets),
            "stream_prices": dict(self.stream_prices),
            "energy_price": self.energy_price,
            "steam_price": self.steam_price,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "EconomicTargets":
        """Return the message from plain values: how it crosses between processes.

        Raises:
            InputError: a key is missing or unknown.
        """
        try:
            return cls(**payload)
        except TypeError as error:
            raise InputError(f"economic targets with wrong keys: {error}") from error


@dataclass(frozen=True, slots=True)
class Advice:
    """What the supervisor asks of the MPC. All zeros and ones is "no change".

    Attributes:
        cycle: control cycle in which it was given.
        weight_factors: multiplier on the tracking weight, by CV name; 1 is no change.
        target_biases: added to the target, by CV name [SI]; 0 is no change.
        back_offs: extra distance kept from the soft and hard limits, by CV name [SI]; 0 is none.
        n_pred: prediction horizon in steps; 0 is no change.
        move_suppression_factor: multiplier on all move weights; 1 is no change.
    """

    cycle: int
    weight_factors: Mapping[str, float] = field(default_factory=dict)
    target_biases: Mapping[str, float] = field(default_factory=dict)
    back_offs: Mapping[str, float] = field(default_factory=dict)
    n_pred: int = 0
    move_suppression_factor: float = 1.0

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse numbers that are not finite."""
        for name in ("weight_factors", "target_biases", "back_offs"):
            object.__setattr__(self, name, _frozen_numbers(getattr(self, name), name))
        _frozen_numbers({"move_suppression_factor": self.move_suppression_factor}, "advice")

    def payload(self) -> dict[str, Json]:
        """Return the message as plain values for JSON."""
        return {
            "cycle": self.cycle,
            "weight_factors": dict(self.weight_factors),
            "target_biases": dict(self.target_biases),
            "back_offs": dict(self.back_offs),
            "n_pred": self.n_pred,
            "move_suppression_factor": self.move_suppression_factor,
        }


@dataclass(frozen=True, slots=True)
class AdviceEnvelope:
    """The signed bounds inside which advice counts; whatever lies outside is cut to them.

    Attributes:
        weight_factor: lowest and highest multiplier, for every CV.
        target_biases: largest absolute bias by CV name [SI]; a CV not named takes none.
        back_offs: largest extra back-off by CV name [SI]; a CV not named takes none.
        n_pred: shortest and longest horizon.
        move_suppression_factor: lowest and highest multiplier.
        signature: HMAC over all of the above.
    """

    weight_factor: tuple[float, float]
    target_biases: Mapping[str, float]
    back_offs: Mapping[str, float]
    n_pred: tuple[int, int]
    move_suppression_factor: tuple[float, float]
    signature: str = ""

    def payload(self) -> dict[str, Json]:
        """Return the signed part as plain values."""
        return {
            "weight_factor": list(self.weight_factor),
            "target_biases": dict(self.target_biases),
            "back_offs": dict(self.back_offs),
            "n_pred": list(self.n_pred),
            "move_suppression_factor": list(self.move_suppression_factor),
        }

    def check(self, key: bytes) -> None:
        """Check the signature.

        Raises:
            SignatureError: it does not belong to these bounds and this key.
        """
        verify(self.payload(), self.signature, key, what="the advice envelope")


@dataclass(frozen=True, slots=True)
class Move:
    """The set points of one cycle, as accepted by the optimizer and signed by the MPC.

    Values are a tuple of pairs, so that nothing in a signed move can be edited in place; a copy
    with other values does not match the signature.

    Attributes:
        sequence: strictly increasing within one session.
        session: random text, new at each start of the controller.
        created_mono_s: monotonic time of the host when it was signed [s].
        read_id: identity of the scan of readings on which it rests.
        values: pairs of MV tag and set point [SI].
        solver_status: why the solver stopped.
        residual: largest scaled violation that the MPC found when it checked the point by itself.
        limits_sha256: hash of the limits that it was checked against.
        config_sha256: hash of the site configuration.
        hold: True when the optimizer gave no acceptable move and the set points stay; `values` is
            then empty.
        signature: HMAC over all of the above.
    """

    sequence: int
    session: str
    created_mono_s: float
    read_id: int
    values: tuple[tuple[str, float], ...]
    solver_status: str
    residual: float
    limits_sha256: str
    config_sha256: str
    hold: bool = False
    signature: str = ""

    def payload(self) -> dict[str, Json]:
        """Return the signed part as plain values."""
        return {
            "sequence": self.sequence,
            "session": self.session,
            "created_mono_s": self.created_mono_s,
            "read_id": self.read_id,
            "values": [[tag, value] for tag, value in self.values],
            "solver_status": self.solver_status,
            "residual": self.residual,
            "limits_sha256": self.limits_sha256,
            "config_sha256": self.config_sha256,
            "hold": self.hold,
        }

    def signed(self, key: bytes) -> "Move":
        """Return this move with its signature.

        Raises:
            InputError: a value is NaN or infinite.
        """
        return replace(self, signature=sign(self.payload(), key))

    def check(self, key: bytes) -> None:
        """Check the signature.

        Raises:
            SignatureError: the move is unsigned, altered, or signed with another key.
        """
        if not self.signature:
            raise SignatureError(f"move {self.sequence} is not signed and is refused")
        verify(self.payload(), self.signature, key, what=f"move {self.sequence}")


class GateVerdict(Enum):
    """What the gate did with a move."""

    WRITTEN = "written"  # all values written and read back
    HELD = "held"  # a signed hold: nothing to write, heartbeat given
    REFUSED = "refused"  # a check failed, nothing was written
    FAILED = "failed"  # a write was tried and is not verified
    SHED = "shed"  # the gate is latched


@dataclass(frozen=True, slots=True)
class GateReply:
    """The gate's answer to one move.

    Attributes:
        sequence: of the move.
        verdict: what was done.
        check: name of the first check that failed, empty when none did.
        reason: in words, with tag, value, unit and limit.
        read_back: pairs of MV tag and the value read after the write [SI].
        duration_s: time inside the gate.
    """

    sequence: int
    verdict: GateVerdict
    check: str = ""
    reason: str = ""
    read_back: tuple[tuple[str, float], ...] = ()
    duration_s: float = math.nan


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """What the control loop tells the outside after each cycle.

    Attributes:
        mode: of the controller.
        cycle: number of the cycle.
        plant_time_s: time stamp of the last scan [s since 1970 UTC]; None when it failed.
        updated_s: wall time of this status [s since 1970 UTC].
        reason: why the mode is not ON, or what limits the last cycle; empty when all is well.
        solve_ms: wall time of the last solve [ms]; None before the first.
        gate: verdict of the last move.
        active_limits: names of the limits that hold the last solution.
        case: planning case that is tracked.
        biases: measured minus modelled, by CV name [SI]; empty before the first estimate.
        states: state and reason of every variable that is not simply in service, by name.
    """

    mode: ControllerMode
    cycle: int
    plant_time_s: float | None
    updated_s: float
    reason: str
    solve_ms: float | None
    gate: str
    active_limits: tuple[str, ...]
    case: str
    biases: Mapping[str, float] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)

    def payload(self) -> dict[str, Json]:
        """Return the message as plain values for JSON."""
        return {
            "mode": self.mode.value,
            "cycle": self.cycle,
            "plant_time_s": self.plant_time_s,
            "updated_s": self.updated_s,
            "reason": self.reason,
            "solve_ms": self.solve_ms,
            "gate": self.gate,
            "active_limits": list(self.active_limits),
            "case": self.case,
            "biases": dict(self.biases),
            "states": dict(self.states),
        }
