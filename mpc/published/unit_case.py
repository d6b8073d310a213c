"""Upsets of the crude unit for the comparison with converged solutions.

No publication has them; they are of the sorts that a prototype of this controller was measured on:
more feed, a lighter and a heavier crude, large jumps of the targets, three limits at once, a cold
start. Sizes are in SI; slates and jumps are the comparison's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

CYCLES = 20
SWITCH_CYCLES = 36  # the ramp, and what comes after it
UPSET_AT = 3  # cycle
RAMP_S = 1800.0  # of a crude switch
LIGHTER = {"fraction_arabian_light": 0.35, "fraction_maya": 0.05, "fraction_bonny_light": 0.6}
HEAVIER = {"fraction_arabian_light": 0.4, "fraction_maya": 0.4, "fraction_bonny_light": 0.2}
JUMPS = {"temp_tbp95_naphtha": 4.0, "temp_tbp95_kerosene": -6.0, "temp_tbp95_lgo": 6.0}  # [K]
LIMITS = {"temp_tbp95_lgo": 4.0, "duty_furnace": 1.5e6, "fraction_flooding": 0.03}  # below now
FAR = 20.0  # scales from a CV's start: a limit there holds nothing
COLD_K = 21.0  # of the coil outlet


@dataclass(frozen=True, slots=True)
class UnitCase:
    """One upset of a unit.

    Attributes:
        name: by which it is asked for.
        story: in words.
        cycles: length of the loop.
        at: cycle in which the upset begins.
        feed_factor: on the feed that the controller rests at.
        slate: to which the crude changes, by DV name; empty for none.
        jumps: of the targets, by CV name [SI].
        tightened: hard high limits, so far below the CV's start, by CV name [SI].
        cold_k: so much colder the coil outlet was before the start [K].
    """

    name: str
    story: str
    cycles: int = CYCLES
    at: int = UPSET_AT
    feed_factor: float = 1.0
    slate: Mapping[str, float] = field(default_factory=dict)
    jumps: Mapping[str, float] = field(default_factory=dict)
    tightened: Mapping[str, float] = field(default_factory=dict)
    cold_k: float = 0.0

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("slate", "jumps", "tightened"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def fits(self, model: ProcessModel) -> None:
        """Refuse a model that has none of the variables of this upset.

        Raises:
            InputError: a name is missing; the message names it.
        """
        known = {*model.d_names, *model.y_names}
        missing = sorted({*self.slate, *self.jumps, *self.tightened} - known)
        if missing:
            raise InputError(f"case {self.name}: model {model.name} has no {missing[0]}")

    def limits(
        self, variables: ControlVariables, y_start: FloatArray, y_scale: FloatArray, active: bool
    ) -> ControlVariables:
        """Return the limits; those that come down are finite before, too, but far away.

        Args:
            variables: of the site.
            y_start: CVs at the start, shape (n_y,) [SI].
            y_scale: their scales, shape (n_y,) [SI].
            active: whether the upset has begun.
        """
        high = variables.cv_hard_high.copy()
        for name, distance in self.tightened.items():
            place = variables.cv_names.index(name)
            offset = -distance if active else FAR * y_scale[place]
            high[place] = min(high[place], y_start[place] + offset)
        return replace(
            variables,
            cv_hard_high=high,
            cv_hard_low=np.minimum(variables.cv_hard_low, high),
            cv_soft_low=np.minimum(variables.cv_soft_low, high),
            cv_soft_high=np.minimum(variables.cv_soft_high, high),
        )


UNIT_CASES: Mapping[str, UnitCase] = MappingProxyType(
    {
        case.name: case
        for case in (
            UnitCase("unit-feed", "planning asks for 3 % more feed", feed_factor=1.03),
            UnitCase(
                "unit-lighter",
                "half an hour's switch to a lighter crude",
                SWITCH_CYCLES,
                slate=LIGHTER,
            ),
            UnitCase(
                "unit-heavier",
                "half an hour's switch to a heavier crude",
                SWITCH_CYCLES,
                slate=HEAVIER,
            ),
            UnitCase("unit-targets", "three targets jump by +4, -6 and +6 K", jumps=JUMPS),
            UnitCase("unit-limits", "three hard limits come down at once", tightened=LIMITS),
            UnitCase("unit-cold", "the coil outlet was 21 K colder", at=0, cold_k=COLD_K),
        )
    }
)
