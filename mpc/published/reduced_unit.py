"""The reduced linear MPC of learners on upsets of the crude unit, against the nonlinear MPC.

Both see the same plant, references, limits and weights; each has the same filter of its output
bias. The loss is the difference of the nonlinear controller's own stage cost over what happened in
four hours: within the first one a controller looks cheap that does nothing against a crude which is
still on its way.
Cycles per second are those of the loop's cycles once more back to back, the median of five runs;
beside the simulation of the plant, which clears the processor's caches, they are slower.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.steady_state import steady_state
from operator_agent.mpc.linear.reduced import ORDER, OperatingPoint, Reducer
from operator_agent.mpc.linear.reduced_mpc import ReducedMpc, ReducedState
from operator_agent.mpc.published.unit_bench import (
    BIAS_FILTER,
    Truth,
    UnitRecord,
    UnitSetup,
    run_unit,
    unit_cost,
)
from operator_agent.mpc.published.unit_case import UnitCase
from operator_agent.mpc.published.unit_plants import RecordPlant
from operator_agent.mpc.weights import Weights

MOVED_SPANS = 1.0  # of an input or disturbance since the last linearisation: it is made anew
REDUCED_BLOCKS = (1, 1, 1, 2, 7)  # stages of each move of the horizon of twelve
SETTLED_CYCLES = 10  # between linearisations, at least: a ramp is waited for
REPLAYS = 5  # of the cycles without the plant
LONG_CYCLES = 240  # what an upset costs has been paid by then


@dataclass(frozen=True, slots=True)
class ReducedRecord:
    """What a loop of the reduced controller did.

    Attributes:
        record: as of the nonlinear one; its times are those of a whole cycle.
        points: number of linearisations.
        reduce_ms: wall time of the longest one, with its problem.
        replayed_ms: CPU times of the same cycles without the plant between them, shape (cycles,).
    """

    record: UnitRecord
    points: int
    reduce_ms: float
    replayed_ms: FloatArray


class _Points:
    """Makes the reduced controller where the unit is."""

    def __init__(self, setup: UnitSetup, weights: Weights) -> None:
        self._setup, self._weights = setup, weights
        self._reducer = Reducer(setup.model)
        self._point = Lineariser(ScaledModel.of(setup.model), 1)
        self._u, self._d = setup.model.u_nominal, setup.model.d_nominal
        self.count, self.longest_ms, self._cycle = 0, 0.0, 0

    def moved(self, k: int, u: FloatArray, d: FloatArray) -> bool:
        """Return whether the unit has left the last point, and the last change is old enough."""
        model = self._setup.model
        spans = np.concatenate([(u - self._u) / model.u_scale, (d - self._d) / model.d_scale])
        far = float(np.max(np.abs(spans))) > MOVED_SPANS
        return far and k - self._cycle >= SETTLED_CYCLES

    def controller(self, k: int, u: FloatArray, d: FloatArray) -> ReducedMpc | None:
        """Return the controller at the rest of these inputs; None where there is none."""
        start_s, setup = time.perf_counter(), self._setup
        model = setup.model
        found = steady_state(self._point, u / model.u_scale, d, model.x_nominal / model.x_scale)
        if found is None:
            return None
        point = OperatingPoint(found[0] * model.x_scale, u, d)
        reduced = self._reducer.at(point, setup.cycle_s, ORDER)
        made = ReducedMpc(reduced, setup.variables, self._weights, setup.cycle_s)
        self._u, self._d, self._cycle = u, d, k
        self.count += 1
        self.longest_ms = max(self.longest_ms, 1e3 * (time.perf_counter() - start_s))
        return made


def run_reduced(setup: UnitSetup, case: UnitCase, weights: Weights) -> ReducedRecord:
    """Return the loop of the reduced controller with the unit of record.

    Args:
        setup: unit and nonlinear controller.
        case: the upset; one without tightened limits.
        weights: of the reduced controller: blocks and bias filter may be its own.
    """
    case.fits(setup.model)
    model = setup.model
    plant = RecordPlant(model, setup.unit, setup.plant, case, setup.cycle_s)
    points, u, d = _Points(setup, weights), model.u_nominal, plant.disturbances()
    start, rows, failures, ended = _wanted_at_start(setup, case, plant), [], [], ""
    steps: list[Callable[[], object]] = []
    controller: ReducedMpc | None = None
    state: ReducedState | None = None
    for k in range(case.cycles):
        y, d = plant.outputs(), plant.disturbances()
        if controller is None or points.moved(k, u, d):
            before, controller = controller, points.controller(k, u, d) or controller
            assert controller is not None  # the nominal point has a rest
            if before is None or state is None:
                state = controller.start(y, u, d)
            else:
                state = controller.taken_over(state, before)
        y_target, u_target = start.copy(), model.u_nominal.copy()
        if k >= case.at:
            for name, jump in case.jumps.items():
                y_target[model.y_names.index(name)] += jump
            u_target[model.u_names.index("flow_vol_feed")] *= case.feed_factor
        assert state is not None
        steps.append(partial(controller.step, state, y, d, y_target, u_target))
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        outcome, state = controller.step(state, y, d, y_target, u_target)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        if not outcome.accepted:
            failures.append(f"{k}: {outcome.reason}")
        u = state.u
        try:
            plant.advance(u, setup.cycle_s)
        except PlantError as error:
            ended = f"cycle {k}: {error}"
            break
        margin = setup.weights.hard_margin * model.y_scale
        limits = setup.variables.with_margin(margin)
        rows.append((plant.outputs(), u, y_target, u_target, limits, 1e3 * cpu_s, 1e3 * wall_s))
    ys, us, y_targets, u_targets, limits_of, cpu_ms, wall_ms = zip(*rows, strict=True)
    record = UnitRecord(
        np.array(ys), np.vstack([model.u_nominal, *us]), np.array(y_targets), np.array(u_targets),
        limits_of, np.array(cpu_ms), np.array(wall_ms), np.ones(len(rows)), tuple(failures), ended,
    )  # fmt: skip
    return ReducedRecord(record, points.count, points.longest_ms, _replayed_ms(steps))


def _replayed_ms(steps: Sequence[Callable[[], object]]) -> FloatArray:
    """Return the CPU times of the same cycles back to back, the median of some runs, (n,) [ms]."""
    runs = []
    for _ in range(REPLAYS):
        times_s = [time.process_time()]
        for step in steps:
            step()
            times_s.append(time.process_time())
        runs.append(np.diff(times_s))
    found: FloatArray = 1e3 * np.median(runs, axis=0)
    return found


def _wanted_at_start(setup: UnitSetup, case: UnitCase, plant: RecordPlant) -> FloatArray:
    """Return the CVs at the start, or those of the unit's nominal rest where it starts cold."""
    if not case.cold_k:
        return plant.outputs()
    calm = UnitCase("calm", "")
    return RecordPlant(setup.model, setup.unit, setup.plant, calm, setup.cycle_s).outputs()


def reduced_row(setup: UnitSetup, case: UnitCase, weights: Weights) -> dict[str, Any]:
    """Return the row of an upset on the unit of record; the reference is the nonlinear controller.

    Args:
        setup, case, weights: as in `run_reduced`.
    """
    case = replace(case, cycles=max(case.cycles, LONG_CYCLES))
    found = run_reduced(setup, case, weights)
    record = found.record
    nonlinear = run_unit(setup, case, Truth.RECORD, "own")
    cost, reference = unit_cost(setup, record), unit_cost(setup, nonlinear)
    return {
        "case": f"{case.name}-record",
        "engine": f"reduced to {ORDER} states",
        "median_ms": float(np.median(record.cpu_ms[1:])),
        "p99_ms": float(np.percentile(record.cpu_ms[1:], 99.0)),
        "cost": cost,
        "reference_cost": reference,
        "hard_violation": _hard(setup, record),
        "failed_cycles": len(record.failures),
        "clock": "cpu",
        "reference": "the nonlinear MPC, with a bias filter of its own "
                     f"{BIAS_FILTER:g} per cycle in this loop",
        "reference_hard_violation": _hard(setup, nonlinear),
        "cycles_per_second": 1e3 / float(np.mean(found.replayed_ms[1:])),
        "cycles_per_second_beside_plant": 1e3 / float(np.mean(record.cpu_ms[1:])),
        "linearisations": found.points,
        "longest_linearisation_ms": found.reduce_ms,
        "ended": record.ended,
        "story": case.story,
        "reason": "",
    }  # fmt: skip


def _hard(setup: UnitSetup, record: UnitRecord) -> float:
    """Return the largest distance outside a hard limit [spans]."""
    v, model = setup.variables, setup.model
    outside = np.maximum(v.cv_hard_low - record.y, record.y - v.cv_hard_high) / model.y_scale
    return max(0.0, float(np.max(outside)))
