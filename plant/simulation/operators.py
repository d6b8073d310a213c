"""Four shifts of operators: they follow cards slowly, each in its own way, and correct by results.

They look at the unit every ten minutes. A shift has habits: how soon it follows a new crude, how
far it leaves a card and how boldly it moves. Set points are typed as operators type them, rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from operator_agent.plant.simulation.history_plan import SetpointTest
from operator_agent.plant.simulation.sensors import Measurement
from operator_agent.plant.simulation.streams import streams
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.recipe import nearest_recipe
from operator_agent.units import DAY_S, HOUR_S

LOOK_S = 600.0  # between two looks at the unit
_SHIFT_S = 8.0 * HOUR_S
_WEEK_S = 7.0 * DAY_S

# What a set point is rounded to when it is typed: 0.5 degC, 1 m3/h, 0.5 MW, 0.05 kg/s, 0.02 bar.
_STEPS = {
    "temp": (0.5, 273.15),
    "flow_vol": (1.0 / HOUR_S, 0.0),
    "flow_mass": (0.05, 0.0),
    "duty": (0.5e6, 0.0),
    "pressure": (2000.0, 0.0),
    "fraction": (0.001, 0.0),
}
# Which handle corrects a product, and whether more of it raises the boiling point.
_CORRECTED_BY = {
    "temp_tbp95_naphtha": "temp_top",
    "temp_tbp95_kerosene": "flow_vol_kerosene",
    "temp_tbp05_kerosene": "temp_top",
    "temp_tbp95_lgo": "flow_vol_lgo",
    "temp_tbp95_hgo": "flow_vol_hgo",
}
_SCALED_BY_FEED = ("flow_vol_", "duty_", "flow_mass_")  # what a card gives for its own feed
_HABIT_SPANS = 0.3  # standard deviation of a shift's distance from the card
_THROUGHPUT_SD = 0.03  # of the weekly plan's feed around the card's
_THROUGHPUT_RANGE = (0.92, 1.05)
_CORRECTION_SPANS, _CORRECTION_LIMIT_SPANS = 0.25, 2.5
_CORRECTION_WAIT_S = 2400.0  # for the effect of the last correction
_GENTLE, _GENTLE_WAIT_S = 0.5, 3.0 * HOUR_S  # where nothing is out of specification
_KEPT_AT_NEW_CARD = 0.3  # share of the corrections that outlives a change of card
_GIVEAWAY_K = 9.0  # inside a limit before anybody moves closer
_OVERFLASH_LOW, _OVERFLASH_HIGH = 0.025, 0.06  # below the one too little, above the other to spare
_FLOODING_HIGH, _FLOODING_LOW = 0.88, 0.80
_OLDEST_RESULT_S = 1800.0


@dataclass(frozen=True, slots=True)
class OperatorState:
    """What the operators remember.

    Attributes:
        card: in force.
        due_card, due_s: card of the new crude, and when the shift gets to it [s].
        corrections: by handle [spans].
        corrected_s: time of the last correction by handle [s].
        test_bases: set point before the test that is on, by handle [SI].
    """

    card: str
    due_card: str
    due_s: float = 0.0
    corrections: Mapping[str, float] = field(default_factory=dict)
    corrected_s: Mapping[str, float] = field(default_factory=dict)
    test_bases: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "OperatorState":
        """Return the state of a mapping of its own fields."""
        return cls(**values)


class Operators:
    """The operators of one unit; the same seed gives the same people."""

    def __init__(
        self, unit: CrudeUnit, case: CrudeUnitCase, tests: tuple[SetpointTest, ...], seed: int
    ) -> None:
        """Begin with the card of the nominal slate.

        Raises:
            InputError: the case has no cards.
        """
        self._case, self._tests = case, tests
        model = unit.model
        self._names = model.u_names
        self._nominal = dict(zip(model.u_names, model.u_nominal.tolist(), strict=True))
        self._span = dict(zip(model.u_names, model.u_scale.tolist(), strict=True))
        self._ranges = case.instruments.ranges
        self._habits = streams(seed, [f"operators:{name}" for name in model.u_names])
        self._shift = streams(seed, ["operators:shift"])
        self._cards = {recipe.name: recipe.setpoints for recipe in case.recipes}
        first = nearest_recipe(case, case.slate).name
        self.state = OperatorState(first, first)

    def look(
        self,
        time_s: float,
        readings: Mapping[str, Measurement],
        held: Mapping[str, float],
        slate: Mapping[str, float],
    ) -> dict[str, float]:
        """Return the set points that are changed at a look, by handle [SI].

        Args:
            time_s: now [s].
            readings: of all variables.
            held: set points now [SI].
            slate: declared.
        """
        shift = int(time_s // _SHIFT_S)
        self._notice(time_s, slate, shift)
        tested = self._under_test(time_s, held)
        self._correct(time_s, readings, shift, set(tested))
        boldness = 0.3 + 0.7 * float(self._shift.uniforms(shift, 1)[0])
        idle = float(self._shift.uniforms(round(time_s / LOOK_S), 9)[0]) < 0.35
        wanted = self._wanted(time_s, shift)
        moved = dict(tested)
        for name in self._names:
            if name not in tested and not idle:
                reach = 0.5 * boldness * self._span[name]
                near = held[name] + min(max(wanted[name] - held[name], -reach), reach)
                moved[name] = _typed(name, near)
        inside = {name: self._accepted(name, value) for name, value in moved.items()}
        return {name: value for name, value in inside.items() if value != held[name]}

    def _accepted(self, name: str, value: float) -> float:
        """Return the nearest set point that the control system takes."""
        low, high = self._ranges.get(name, (0.0, np.inf))
        return min(max(value, low), high)

    def _notice(self, time_s: float, slate: Mapping[str, float], shift: int) -> None:
        """Turn to the card of the declared slate, some time after it changed."""
        state, name = self.state, nearest_recipe(self._case, slate).name
        if name != state.due_card:
            delay_s = 600.0 + 3600.0 * float(self._shift.uniforms(shift, 0)[0])
            state = replace(state, due_card=name, due_s=time_s + delay_s)
        if state.due_card != state.card and time_s >= state.due_s:
            kept = {key: _KEPT_AT_NEW_CARD * size for key, size in state.corrections.items()}
            state = replace(state, card=state.due_card, corrections=kept)
        self.state = state

    def _under_test(self, time_s: float, held: Mapping[str, float]) -> dict[str, float]:
        active = [test for test in self._tests if test.at_s <= time_s < test.end_s]
        bases = {
            test.handle: self.state.test_bases.get(test.handle, held[test.handle])
            for test in active
        }
        self.state = replace(self.state, test_bases=bases)
        return {
            test.handle: _typed(test.handle, bases[test.handle] + test.delta) for test in active
        }

    def _wanted(self, time_s: float, shift: int) -> dict[str, float]:
        """Return where this shift would like the set points to be [SI]."""
        card = self._nominal | dict(self._cards[self.state.card])
        week = float(self._shift.normals(int(time_s // _WEEK_S), 8)[0])
        throughput = float(np.clip(1.0 + _THROUGHPUT_SD * week, *_THROUGHPUT_RANGE))
        # What is not on the card is seldom touched: by week, not by shift.
        seldom = self._habits.normals(int(time_s // _WEEK_S), 1)
        habits = dict(zip(self._names, seldom.tolist(), strict=True))
        for name, habit in zip(self._names, self._habits.normals(shift), strict=True):
            if name in self._cards[self.state.card]:
                habits[name] = float(habit)
        return {
            name: card[name] * (throughput if name.startswith(_SCALED_BY_FEED) else 1.0)
            + (_HABIT_SPANS * habits[name] + self.state.corrections.get(name, 0.0))
            * self._span[name]
            for name in self._names
        }

    def _correct(
        self, time_s: float, readings: Mapping[str, Measurement], shift: int, tested: set[str]
    ) -> None:
        caution = 0.5 + float(self._shift.uniforms(shift, 2)[0])
        for handle, push in self._pushes(readings, shift).items():
            wait_s = _GENTLE_WAIT_S if abs(push) <= _GENTLE else _CORRECTION_WAIT_S
            if handle in tested or time_s - self.state.corrected_s.get(handle, 0.0) < wait_s:
                continue
            there = self.state.corrections.get(handle, 0.0) + _CORRECTION_SPANS * caution * push
            limited = min(max(there, -_CORRECTION_LIMIT_SPANS), _CORRECTION_LIMIT_SPANS)
            self.state = replace(
                self.state,
                corrections={**self.state.corrections, handle: limited},
                corrected_s={**self.state.corrected_s, handle: time_s},
            )

    def _pushes(self, readings: Mapping[str, Measurement], shift: int) -> dict[str, float]:
        """Return in which direction results ask a handle to move; off-specification comes first."""
        pushes: dict[str, float] = {}
        giveaway = _GIVEAWAY_K * (0.8 + 0.6 * float(self._shift.uniforms(shift, 3)[0]))
        for limit in self._case.specifications:
            handle = _CORRECTED_BY.get(limit.variable)
            reading = readings.get(limit.variable)
            if handle is None or reading is None or not _trusted(reading):
                continue
            if reading.value > limit.high:
                pushes[handle] = -1.0
            elif reading.value < limit.low:
                pushes[handle] = 1.0
            elif max(limit.low - reading.value, reading.value - limit.high) < -giveaway:
                pushes.setdefault(handle, _GENTLE if limit.high < np.inf else 0.0)
        self._push_loads(pushes, readings)
        return {handle: push for handle, push in pushes.items() if push != 0.0}

    def _push_loads(self, pushes: dict[str, float], readings: Mapping[str, Measurement]) -> None:
        overflash, flooding = readings["fraction_overflash"], readings["fraction_flooding"]
        if _trusted(overflash) and overflash.value < _OVERFLASH_LOW:
            pushes["flow_vol_hgo"] = -1.0
        elif not _trusted(overflash) or overflash.value < _OVERFLASH_HIGH:
            pushes["flow_vol_hgo"] = min(pushes.get("flow_vol_hgo", 0.0), 0.0)
        cut = self.state.corrections.get("flow_vol_feed", 0.0) < 0.0
        if _trusted(flooding) and flooding.value > _FLOODING_HIGH:
            pushes["flow_vol_feed"] = -1.0
        elif _trusted(flooding) and flooding.value < _FLOODING_LOW and cut:
            pushes["flow_vol_feed"] = _GENTLE


def _trusted(reading: Measurement) -> bool:
    return reading.status == "good" and reading.age_s < _OLDEST_RESULT_S


def _typed(name: str, value: float) -> float:
    """Return a set point as it is typed: rounded in its unit."""
    step, zero = next(parts for word, parts in _STEPS.items() if name.startswith(word))
    return zero + step * round((value - zero) / step)
