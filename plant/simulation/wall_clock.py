"""Runs a simulator at a multiple of real time, against a clock that is passed in."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from operator_agent.clock import Clock
from operator_agent.errors import InputError
from operator_agent.plant.simulation.simulator import Simulator

_STEP_S = 60.0  # plant time between two looks at the clock
_END_TOLERANCE_S = 1e-6  # rounding of sums of steps


@dataclass(frozen=True, slots=True)
class Pace:
    """How well a run kept up with its clock.

    Attributes:
        plant_s: simulated time that passed [s].
        clock_s: time of the clock that passed [s].
        steps: taken.
        late_steps: that ended after the clock had passed their time.
        latest_s: most by which one was late [s of the clock].
    """

    plant_s: float
    clock_s: float
    steps: int
    late_steps: int
    latest_s: float

    @property
    def speed(self) -> float:
        """Simulated seconds per second of the clock."""
        return self.plant_s / self.clock_s if self.clock_s > 0.0 else math.inf


def run(
    simulator: Simulator,
    speed: float,
    clock: Clock,
    wait: Callable[[float], None],
    duration_s: float,
    step_s: float = _STEP_S,
    each_step: Callable[[Simulator], None] | None = None,
) -> Pace:
    """Advance a simulator so that `speed` plant seconds pass in a second of the clock.

    A step that takes too long is not made up for by skipping: the following steps run without
    waiting until the clock is caught, and the report says how late they were.

    Args:
        simulator: to advance.
        speed: plant seconds per second of the clock; 1 is real time.
        clock: that tells the time.
        wait: lets so many seconds of the clock pass, such as `time.sleep`.
        duration_s: plant time to run [s].
        step_s: plant time between two looks at the clock [s].
        each_step: called after each step, to read and to write.

    Raises:
        InputError: speed, duration or step are not positive.
        PlantError: the plant left its physical range.
    """
    for name, value in (("speed", speed), ("duration_s", duration_s), ("step_s", step_s)):
        if not (math.isfinite(value) and value > 0.0):
            raise InputError(f"wall clock: {name} is {value}; give a positive number")
    start_s, clock_start_s = simulator.time_s, clock.monotonic_s()
    steps, late_steps, latest_s = 0, 0, 0.0
    while (left_s := start_s + duration_s - simulator.time_s) > _END_TOLERANCE_S:
        simulator.advance(min(step_s, left_s))
        steps += 1
        due_s = clock_start_s + (simulator.time_s - start_s) / speed
        early_s = due_s - clock.monotonic_s()
        if early_s > 0.0:
            wait(early_s)
        elif early_s < 0.0:
            late_steps, latest_s = late_steps + 1, max(latest_s, -early_s)
        if each_step is not None:
            each_step(simulator)
    passed_s = clock.monotonic_s() - clock_start_s
    return Pace(simulator.time_s - start_s, passed_s, steps, late_steps, latest_s)
