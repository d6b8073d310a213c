"""From one start to a local optimum: elastic, whole numbers, hard rows, polish.

A large program goes through an elastic stage first, in which the rows with products may be missed
at a price and whole numbers are free: it leads every start to the same few valleys. Then the whole
numbers are fixed, the rows become hard, and the last digits are solved in scales of the point.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import LimitsConflictError
from operator_agent.planning.bilinear.elastic import elastic, product_rows
from operator_agent.planning.bilinear.linear_part import solve_linear_part
from operator_agent.planning.bilinear.local_solve import LocalPoint, Stop, solve_local
from operator_agent.planning.bilinear.presolve import Presolved, presolve
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.scaling import (
    Scales,
    first_scales,
    scaled,
    scales_at,
    scales_between,
    scales_for,
)
from operator_agent.planning.bilinear.successive_linear import to_corner
from operator_agent.planning.bilinear.whole_numbers import (
    chosen,
    relaxed,
    rounded,
    with_whole_numbers,
)
from operator_agent.planning.outcome import SolverStop

SMALL = 300  # columns: below, hard rows at once take milliseconds and an elastic stage seldom helps
PRICE = 45.0  # of a missed scaled row against typical costs of one; 10 leaves gaps, 100 earns less
BOX = 2.0  # scales: how far starts of a small program reach where no bound is nearer
ROUNDING_FAILED = 1e-6  # relative violation above which other whole numbers are tried
SPREAD = 1.1  # of the logarithm of a start around the scales
ELASTIC: dict[str, Any] = {
    "tol": 1e-5,  # tighter, the last barrier step wanders; the hard rows finish better
    "max_iter": 300,
    "mumps_pivtol": 1e-4,  # a hundred times the default: rows of empty streams are nearly singular
}
COLD: dict[str, Any] = {"tol": 1e-8, "max_iter": 400}
NEAR: dict[str, Any] = {
    "tol": 1e-9,
    "max_iter": 60,
    "mu_init": 1e-6,
    "bound_push": 1e-9,
    "bound_frac": 1e-9,
    "slack_bound_push": 1e-9,
    "slack_bound_frac": 1e-9,
}
MOVED: dict[str, Any] = {  # by the rounding of whole numbers
    "tol": 1e-9,
    "max_iter": 150,
    "mu_strategy": "adaptive",
    "mu_init": 1e-3,
    "bound_push": 1e-6,
    "bound_frac": 1e-6,
    "slack_bound_push": 1e-6,
    "slack_bound_frac": 1e-6,
}


@dataclass(frozen=True, slots=True)
class Landing:
    """Where one start came down.

    Attributes:
        stop: why the last stage stopped.
        x: columns of the program, shape (n,).
        cost: to be minimised.
        violation: largest miss of the program's rows and bounds.
        seconds: that it took.
    """

    stop: SolverStop
    x: FloatArray
    cost: float
    violation: float
    seconds: float


@dataclass(frozen=True)
class Launch:
    """What all starts of one program share.

    Attributes:
        program: reduced, with at least one product.
        scales: of its columns, rows and cost.
    """

    program: BilinearProgram
    scales: Scales


def launch_of(program: BilinearProgram) -> Launch:
    """Return what all starts of a program share."""
    return Launch(program, first_scales(program))


def start_point(launch: Launch, seed: int) -> FloatArray:
    """Return a start: the scales themselves for seed 0, else scattered.

    Starts of a large program scatter around the scales, which are worth keeping; those of a small
    one fill the box of its bounds, because its valleys are few and far apart.
    """
    program, scales = launch.program, launch.scales.columns
    if seed == 0:
        return np.clip(scales, program.low, program.high)
    generator = np.random.default_rng(seed)
    if is_small(program):
        floor = np.where(np.isfinite(program.low), program.low, -scales)
        ceiling = np.minimum(program.high, np.maximum(floor, 0.0) + BOX * scales)
        return np.asarray(floor + generator.uniform(0.0, 1.0, len(scales)) * (ceiling - floor))
    scatter = np.exp(generator.uniform(-SPREAD, SPREAD, len(scales)))
    return np.clip(scales * scatter, program.low, program.high)


def is_small(program: BilinearProgram) -> bool:
    """Return whether hard rows are tried at once."""
    return len(program.columns) <= SMALL and not np.any(program.integer)


def land(launch: Launch, start: FloatArray, stop: Stop | None = None) -> Landing:
    """Return where a start comes down.

    Args:
        launch: program and scales.
        start: columns, shape (n,).
        stop: asked in every iteration; true ends the solve.
    """
    began = time.perf_counter()
    program, scales = launch.program, launch.scales
    x, options = start, COLD
    if not is_small(program):
        x, options = _elastic_stage(launch, start, stop), NEAR
    found = _hard_stage(program, scales, x, options, stop)
    return Landing(
        found.stop,
        found.x,
        float(program.cost @ found.x),
        program.violation(found.x),
        time.perf_counter() - began,
    )


def _elastic_stage(launch: Launch, start: FloatArray, stop: Stop | None) -> FloatArray:
    scales = launch.scales.columns
    inner = scaled(relaxed(launch.program), launch.scales)
    loose = elastic(inner, product_rows(inner), PRICE)
    begin = np.concatenate([start / scales, loose.start[len(start) :]])
    return np.asarray(solve_local(loose, begin, ELASTIC, stop).x[: len(start)] * scales)


def _hard_stage(
    program: BilinearProgram, scales: Scales, x: FloatArray, options: Any, stop: Stop | None
) -> LocalPoint:
    """Return the local optimum with whole numbers as the point suggests."""
    if not np.any(program.integer):
        return _hard_rows(program, scales, x, options, stop)
    found = _with_values(program, scales, x, rounded(program, x), stop)
    if found is not None and program.violation(found.x) <= ROUNDING_FAILED:
        return found
    values = chosen(program, x, scales)
    other = None if values is None else _with_values(program, scales, x, values, stop)
    points = [point for point in (found, other) if point is not None]
    if not points:
        return LocalPoint(SolverStop.FAILED, x, 0, 0.0)
    return min(points, key=lambda point: program.violation(point.x))


def _with_values(
    program: BilinearProgram, scales: Scales, x: FloatArray, values: FloatArray, stop: Stop | None
) -> LocalPoint | None:
    """Return the local optimum with given whole numbers; None when they contradict the rows."""
    try:
        small = presolve(with_whole_numbers(program, values))
    except LimitsConflictError:
        return None
    if not len(small.program.term_coef):
        return _linear_rest(small)
    inner = scales_for(small.program, scales.columns[small.places], scales.cost)
    found = _hard_rows(small.program, inner, small.reduce(x), MOVED, stop)
    return LocalPoint(found.stop, small.restore(found.x), found.iterations, found.seconds)


def _linear_rest(small: Presolved) -> LocalPoint | None:
    """Return the optimum of what whole numbers left without products."""
    scales = first_scales(small.program)
    found = solve_linear_part(scaled(small.program, scales))
    if not np.all(np.isfinite(found.x)):
        return None
    x = small.restore(found.x * scales.columns)
    return LocalPoint(found.stop, x, found.iterations, found.seconds)


def _hard_rows(
    program: BilinearProgram, first: Scales, x: FloatArray, options: Any, stop: Stop | None
) -> LocalPoint:
    """Return the local optimum with hard rows, its last digits in scales of the point."""
    scales = first if options is COLD else scales_between(program, x, first)
    found = solve_local(scaled(program, scales), x / scales.columns, options, stop)
    x = found.x * scales.columns
    if found.stop is SolverStop.UNBOUNDED:
        return LocalPoint(found.stop, x, found.iterations, found.seconds)
    scales = scales_at(program, x, first)
    corner = to_corner(scaled(program, scales), x / scales.columns, stop)
    end = SolverStop.CONVERGED if corner.stationary else found.stop
    iterations = found.iterations + corner.iterations
    return LocalPoint(end, corner.x * scales.columns, iterations, found.seconds)
