"""The unit's NMPC against its converged solution, each in its own closed loop.

Both get the same problem each cycle: state (of the plant where it is the controller's model, else
predicted and corrected by an output bias), references, limits, weights. The cost is the
controller's own stage cost over what happened, computed from the record.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.stage_weights import StageWeights, stage_weights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.published.unit_case import UnitCase
from operator_agent.mpc.published.unit_plants import ModelPlant, RecordPlant, UnitPlant
from operator_agent.mpc.solve import solve
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

BIAS_FILTER = 0.3  # of the plain estimator of these loops; not the site's
UNIT_ENGINES = ("own", "ipopt")
MODEL_TOLERANCE = 1e-6  # of the prediction, scaled


class Truth(Enum):
    """Which plant answers."""

    MODEL = "model"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class UnitSetup:
    """A unit with its controller.

    Attributes:
        plant: case of the unit.
        unit: of record.
        model: of the controller.
        scaled: the same as the controller evaluates it; keeps what was made of it between loops.
        variables: limits.
        weights: tuning.
        cycle_s: time between moves [s].
    """

    plant: CrudeUnitCase
    unit: CrudeUnit
    model: ProcessModel
    scaled: ScaledModel
    variables: ControlVariables
    weights: Weights
    cycle_s: float


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """What a loop did, one row for each cycle.

    Attributes:
        y: true CVs at the end of the cycle, shape (n, n_y).
        u: inputs during it, the first row before the start, shape (n + 1, n_u).
        y_target, u_target: wanted, shapes (n, n_y), (n, n_u).
        limits: of each cycle.
        cpu_ms, wall_ms: of the solve, shape (n,).
        iterations: of the solver, shape (n,).
        failures: `cycle: reason`.
        ended: why it stopped early.
    """

    y: FloatArray
    u: FloatArray
    y_target: FloatArray
    u_target: FloatArray
    limits: tuple[ControlVariables, ...]
    cpu_ms: FloatArray
    wall_ms: FloatArray
    iterations: FloatArray
    failures: tuple[str, ...]
    ended: str


@dataclass(frozen=True, slots=True)
class _Found:
    u: FloatArray
    iterations: int
    reason: str


class _Own:
    """Iterations as the site's weights say."""

    def __init__(self) -> None:
        self._warm: Warm | None = None

    def solve(self, problem: Problem) -> _Found:
        outcome = solve(problem, self._warm)
        self._warm = outcome.warm
        iterations = outcome.diagnostics.iterations
        if not outcome.accepted:
            return _Found(problem.u_held, iterations, outcome.reason or outcome.status.value)
        return _Found(outcome.move, iterations, "")


class _Converged:
    """IPOPT from its own last plan; the first one from this project's, which is not timed."""

    def __init__(self, grid: Transcription, shape: LimitShape, scaled: ScaledModel) -> None:
        key = ("converged", shape, grid.horizon.lengths_s)
        self._reference = scaled.once(key, lambda: Reference(grid, scaled.values))
        self._guess: tuple[FloatArray, FloatArray] | None = None

    def prepare(self, problem: Problem) -> None:
        """Find a first plan."""
        if self._guess is None:
            warm = solve(problem, None).warm
            if warm is not None:
                self._guess = (warm.blocks, warm.states)

    def solve(self, problem: Problem) -> _Found:
        if self._guess is None:
            return _Found(problem.u_held, 0, "no first plan")
        plan = self._reference.solve(problem, self._guess)
        if not plan.success:
            self._guess = None
            return _Found(problem.u_held, plan.iterations, "IPOPT did not converge")
        self._guess = (plan.blocks, plan.states)
        u = plan.blocks[0] * problem.transcription.model.u_scale
        v = problem.variables
        return _Found(np.clip(u, v.mv_low, v.mv_high), plan.iterations, "")


def run_unit(setup: UnitSetup, case: UnitCase, truth: Truth, engine: str) -> UnitRecord:
    """Return the record of one engine's loop.

    Args:
        setup: unit and controller.
        case: the upset.
        truth: the plant.
        engine: one of `UNIT_ENGINES`.
    """
    case.fits(setup.model)
    loop = _Loop(setup, case, truth)
    solver = _Own() if engine == "own" else _Converged(loop.grid, loop.shape, loop.scaled)
    rows, failures, ended = [], [], ""
    for k in range(case.cycles):
        problem = loop.problem(k)
        if isinstance(solver, _Converged):
            solver.prepare(problem)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        found = solver.solve(problem)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        if found.reason:
            failures.append(f"{k}: {found.reason}")
        try:
            loop.advance(found.u)
        except PlantError as error:
            ended = f"cycle {k}: {error}"
            break
        clocks = (1e3 * cpu_s, 1e3 * wall_s, found.iterations)
        rows.append((loop.plant.outputs(), found.u, loop.y_target(k), loop.u_target(k),
                     problem.variables, clocks))  # fmt: skip
    y, u, y_target, u_target, limits, clocks_ms = zip(*rows, strict=True)
    cpu_ms, wall_ms, iterations = np.array(clocks_ms, dtype=np.float64).T
    return UnitRecord(
        np.array(y), np.vstack([setup.model.u_nominal, *u]), np.array(y_target),
        np.array(u_target), limits, cpu_ms, wall_ms, iterations, tuple(failures), ended,
    )  # fmt: skip


class _Loop:
    """Plant, plain estimator and references of one loop."""

    def __init__(self, setup: UnitSetup, case: UnitCase, truth: Truth) -> None:
        self._setup, self._case = setup, case
        model, weights = setup.model, setup.weights
        self.plant: UnitPlant = (
            ModelPlant(model, case, setup.cycle_s)
            if truth is Truth.MODEL
            else RecordPlant(model, setup.unit, setup.plant, case, setup.cycle_s)
        )
        self.scaled = setup.scaled
        self._start = self.plant.outputs() if not case.cold_k else self._nominal()
        margin = weights.hard_margin * model.y_scale
        self._before, self._after = (
            case.limits(setup.variables, self._start, model.y_scale, active).with_margin(margin)
            for active in (False, True)
        )
        horizon = Horizon.of(weights.first_stages_s, weights.stage_s, weights.move_blocks,
                             weights.n_pred)  # fmt: skip
        self.shape = LimitShape.of(self._after)
        self.grid = Transcription(self.scaled, horizon, self.shape)
        self._integrator = make_integrator(model, MODEL_TOLERANCE)
        self._x, self._u = model.x_nominal, model.u_nominal
        self._bias = np.zeros(model.n_y)
        if self.plant.state() is None:
            self._bias = self.plant.outputs() - self._predicted()

    def _nominal(self) -> FloatArray:
        """Return the CVs at the plant's nominal rest."""
        calm = UnitCase("calm", "")
        setup, state = self._setup, self.plant.state()
        if state is None:
            fresh: UnitPlant = RecordPlant(
                setup.model, setup.unit, setup.plant, calm, setup.cycle_s
            )
        else:
            fresh = ModelPlant(setup.model, calm, setup.cycle_s)
        return fresh.outputs()

    def _predicted(self) -> FloatArray:
        y = self._setup.model.outputs(self._x, self._u, self.plant.disturbances())
        return np.asarray(y).ravel()

    def y_target(self, k: int) -> FloatArray:
        """Return the wanted CVs in cycle k."""
        target = self._start.copy()
        if k >= self._case.at:
            for name, jump in self._case.jumps.items():
                target[self._setup.model.y_names.index(name)] += jump
        return target

    def u_target(self, k: int) -> FloatArray:
        """Return the MVs to rest at in cycle k."""
        model, u = self._setup.model, self._setup.model.u_nominal.copy()
        if k >= self._case.at:
            u[model.u_names.index("flow_vol_feed")] *= self._case.feed_factor
        return u

    def problem(self, k: int) -> Problem:
        """Return the problem of cycle k."""
        setup, state = self._setup, self.plant.state()
        weights = setup.weights
        return Problem(
            transcription=self.grid,
            variables=self._after if k >= self._case.at else self._before,
            weights=stage_weights(weights, setup.model, None),
            x=self._x if state is None else state,
            u_held=self._u,
            d=self.plant.disturbances(),
            bias=self._bias,
            y_reference=np.tile(self.y_target(k), (weights.n_pred, 1)),
            u_reference=self.u_target(k),
            cycle_s=setup.cycle_s,
            iterations=weights.iterations,
            cold_iterations=weights.cold_iterations,
        )

    def advance(self, u: FloatArray) -> None:
        """Let the plant run for a cycle, and correct the bias by what it shows."""
        cycle_s = self._setup.cycle_s
        d = self.plant.disturbances()
        self.plant.advance(u, cycle_s)
        self._u = u
        if self.plant.state() is None:
            self._x = self._integrator.step(self._x, u, d, cycle_s)
            missed = self.plant.outputs() - self._predicted() - self._bias
            self._bias = self._bias + BIAS_FILTER * missed


def unit_cost(setup: UnitSetup, record: UnitRecord) -> float:
    """Return the controller's stage cost over what happened."""
    model = setup.model
    weights: StageWeights = stage_weights(setup.weights, model, None)
    share = setup.cycle_s / max(*setup.weights.first_stages_s, setup.weights.stage_s)
    off = (record.y - record.y_target) / model.y_scale
    away = (record.u[1:] - record.u_target) / model.u_scale
    moves = np.diff(record.u, axis=0) / model.u_scale
    total = share * (np.sum(off**2 @ weights.tracking) + np.sum(away**2 @ weights.resting))
    total += float(np.sum(moves**2 @ weights.move))
    for price, low, high in (
        (weights.soft_penalty, "cv_soft_low", "cv_soft_high"),
        (weights.hard_penalty, "cv_hard_low", "cv_hard_high"),
    ):
        outside = _outside(model, record, low, high)
        total += share * price * float(np.sum(outside + outside**2))
    return float(total)


def _outside(model: ProcessModel, record: UnitRecord, low: str, high: str) -> FloatArray:
    """Return the distance outside two limits, shape (n, n_y) [spans]."""
    lows = np.array([getattr(limits, low) for limits in record.limits])
    highs = np.array([getattr(limits, high) for limits in record.limits])
    outside: FloatArray = np.maximum(np.maximum(lows - record.y, record.y - highs), 0.0)
    return outside / model.y_scale


def bench_unit(
    setup: UnitSetup,
    case: UnitCase,
    truth: Truth,
    engines: Sequence[str],
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Return the rows of a unit's upset as plain values; keys as of the published cases.

    Args:
        setup: unit and controller.
        case: the upset.
        truth: the plant.
        engines: names to show; IPOPT runs in any case, as the reference.
        progress: is told what runs now.
    """
    records = {}
    for engine in dict.fromkeys((*engines, "ipopt")):
        progress(f"{case.name} on {truth.value}: {engine}")
        records[engine] = run_unit(setup, case, truth, engine)
    reference = records["ipopt"]
    return [_row(setup, case, truth, name, records[name], reference) for name in engines]


def _row(
    setup: UnitSetup,
    case: UnitCase,
    truth: Truth,
    engine: str,
    record: UnitRecord,
    reference: UnitRecord,
) -> dict[str, Any]:
    cpu, wall = record.cpu_ms[1:], record.wall_ms[1:]
    worst, allowed, soft = (
        float(np.max(_outside(setup.model, which, f"cv_{rank}_low", f"cv_{rank}_high")))
        for which, rank in ((record, "hard"), (reference, "hard"), (record, "soft"))
    )
    return {
        "case": f"{case.name}-{truth.value}",
        "engine": engine,
        "median_ms": float(np.median(cpu)),
        "p99_ms": float(np.percentile(cpu, 99.0)),
        "cost": unit_cost(setup, record),
        "reference_cost": unit_cost(setup, reference),
        "hard_violation": worst,
        "failed_cycles": len(record.failures),
        "clock": "cpu",
        "wall_median_ms": float(np.median(wall)),
        "wall_p99_ms": float(np.percentile(wall, 99.0)),
        "cold_start_ms": float(record.cpu_ms[0]),
        "iterations": float(np.median(record.iterations[1:])),
        "soft_violation": soft,
        "reference_hard_violation": allowed,
        "reference_failed_cycles": len(reference.failures),
        "cycles": int(record.y.shape[0]),
        "repeats": 1,
        "failures": list(record.failures[:3]),
        "ended": record.ended,
        "story": f"{case.story}; the plant is the {truth.name.lower()}",
        "reason": "",
    }
