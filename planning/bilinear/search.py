"""The best local optimum of a bilinear program over several starts, checked on its own rows.

Route: guard the densities that nothing bounds, presolve, scale, then from each start an elastic
stage, whole numbers, hard rows and a polish. What comes back is recomputed on the program as it
was given, never on the solver's word.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, LimitsConflictError, SolveFailedError
from operator_agent.planning.bilinear.guards import (
    Guard,
    density_guards,
    guarded,
    unphysical_columns,
)
from operator_agent.planning.bilinear.linear_part import solve_linear_part
from operator_agent.planning.bilinear.local_solve import Stop
from operator_agent.planning.bilinear.one_start import (
    Landing,
    Launch,
    land,
    launch_of,
    start_point,
)
from operator_agent.planning.bilinear.presolve import Presolved, presolve
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.scaling import first_scales, scaled
from operator_agent.planning.outcome import PointWorth, SolverStop

ACCEPTED_VIOLATION = 1e-6  # relative miss of a row or bound up to which a point is a plan
SAME = 1e-6  # relative: two objectives as near as this are one optimum
NO_BOUND = "the objective has no bound; bound a purchase or a sale"
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start.

    Attributes:
        seed: of the start; 0 of a search with seed 0 starts from the scales themselves.
        objective: in the stated sense, recomputed.
        violation: largest relative miss of a row or bound of the given program, recomputed.
        seconds: that it took.
        stop: why the solver stopped.
        unphysical: guarded columns out of range.
    """

    seed: int
    objective: float
    violation: float
    seconds: float
    stop: SolverStop
    unphysical: tuple[str, ...] = ()

    @property
    def runs_away(self) -> bool:
        """Whether the rows hold at a point whose objective grew without end."""
        return self.stop is SolverStop.UNBOUNDED and self.violation <= ACCEPTED_VIOLATION

    @property
    def is_plan(self) -> bool:
        """Whether the cost is bounded, all rows hold and no guarded quality left its range."""
        bounded = self.stop is not SolverStop.UNBOUNDED
        return bounded and self.violation <= ACCEPTED_VIOLATION and not self.unphysical


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        stop: why the solver stopped at the best point, or what presolve proved.
        worth: what the point is worth; NONE when it is no plan.
        x: the best point, all columns, shape (n,); the least violated one when none is a plan.
        objective: at x, in the stated sense; NaN without a point.
        violation: at x, recomputed on the given program.
        attempts: one for each start, in order of their seeds.
        hits: how many starts reached the best objective.
        unphysical: guarded columns that are out of range at x though their stream is used.
        reason: one sentence when there is no plan, else empty.
        seconds: all in.
    """

    stop: SolverStop
    worth: PointWorth
    x: FloatArray
    objective: float
    violation: float
    attempts: tuple[Attempt, ...]
    hits: int
    unphysical: tuple[str, ...]
    reason: str
    seconds: float

    def plan(self) -> FloatArray:
        """Return x if it is a plan.

        Raises:
            SolveFailedError: no start reached a point that satisfies all rows.
        """
        if self.worth is PointWorth.NONE:
            raise SolveFailedError(self.reason)
        return self.x


def search(
    program: BilinearProgram,
    *,
    seed: int = 0,
    starts: int = 3,
    workers: int = 1,
    progress: Progress | None = None,
    stop: Stop | None = None,
    guards: tuple[Guard, ...] | None = None,
) -> SearchResult:
    """Return the best local optimum over several starts.

    Args:
        program: to solve; not changed.
        seed: of the first start; the others follow by one. The same seeds give the same points.
        starts: how many.
        workers: processes; 1 stays in this one.
        progress: told (done, total, best objective) after each start; NaN before the first plan.
        stop: asked in every iteration; true ends the search with what it has. One process only.
        guards: ranges of qualities that the program does not bound; found from its rows when not
            given.

    Raises:
        InputError: a number of the program is not a number, or starts or workers is below one.
    """
    began = time.perf_counter()
    if starts < 1 or workers < 1:
        raise InputError(f"starts is {starts} and workers {workers}; give at least one of each")
    held = density_guards(program) if guards is None else guards
    try:
        small = presolve(guarded(program, held))
    except LimitsConflictError as error:
        return _nothing(program, SolverStop.INFEASIBLE, str(error), began)
    check = _Check(program, small, held)
    if not len(small.program.term_coef):
        return _linear_result(check, began)
    launch = launch_of(small.program)
    seeds = range(seed, seed + starts)
    landings = _land_all(check, launch, seeds, workers, progress, stop)
    return _best(check, landings, began)


@dataclass(frozen=True)
class _Check:
    """The given program, by which every point is judged."""

    program: BilinearProgram
    small: Presolved
    guards: tuple[Guard, ...]

    def attempt(self, seed: int, landing: Landing) -> tuple[Attempt, FloatArray]:
        """Return what a landing is worth on the given program, and its point there."""
        x = self.small.restore(landing.x)
        judged = Attempt(
            seed,
            self.program.objective(x),
            self.program.violation(x),
            landing.seconds,
            landing.stop,
            unphysical_columns(self.program, self.guards, x),
        )
        return judged, x

    def is_better(self, one: Attempt, other: Attempt) -> bool:
        """Return whether one attempt beats another."""
        if one.runs_away != other.runs_away:  # one such ray disproves every optimum
            return one.runs_away
        if one.is_plan != other.is_plan:
            return one.is_plan
        if not one.is_plan:
            return one.violation < other.violation
        return (one.objective > other.objective) == self.program.maximise


def _land_all(
    check: _Check,
    launch: Launch,
    seeds: range,
    workers: int,
    progress: Progress | None,
    stop: Stop | None,
) -> list[tuple[Attempt, FloatArray]]:
    found: dict[int, tuple[Attempt, FloatArray]] = {}
    best: Attempt | None = None
    for seed, landing in _landings(launch, seeds, workers, stop):
        found[seed] = check.attempt(seed, landing)
        if best is None or check.is_better(found[seed][0], best):
            best = found[seed][0]
        if progress is not None:
            progress(len(found), len(seeds), best.objective if best.is_plan else float("nan"))
    return [found[seed] for seed in sorted(found)]


def _landings(
    launch: Launch, seeds: range, workers: int, stop: Stop | None
) -> Iterator[tuple[int, Landing]]:
    if workers == 1 or len(seeds) == 1:
        for seed in seeds:
            if stop is not None and stop() and seed > seeds[0]:
                return
            yield seed, land(launch, start_point(launch, seed), stop)
        return
    with ProcessPoolExecutor(min(workers, len(seeds)), get_context("spawn")) as pool:
        waiting = {pool.submit(_land_seed, launch, seed): seed for seed in seeds}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _land_seed(launch: Launch, seed: int) -> Landing:
    return land(launch, start_point(launch, seed))


def _best(check: _Check, found: list[tuple[Attempt, FloatArray]], began: float) -> SearchResult:
    best, x = found[0]
    for attempt, point in found[1:]:
        if check.is_better(attempt, best):
            best, x = attempt, point
    attempts = tuple(attempt for attempt, _ in found)
    room = SAME * max(1.0, abs(best.objective))
    hits = sum(a.is_plan and abs(a.objective - best.objective) <= room for a in attempts)
    return SearchResult(
        best.stop,
        _worth(best),
        x,
        best.objective,
        best.violation,
        attempts,
        hits,
        best.unphysical,
        "" if best.is_plan else _why_none(best, len(attempts)),
        time.perf_counter() - began,
    )


def _worth(best: Attempt) -> PointWorth:
    if not best.is_plan:
        return PointWorth.NONE
    converged = best.stop is SolverStop.CONVERGED
    return PointWorth.LOCAL_OPTIMUM if converged else PointWorth.FEASIBLE


def _why_none(best: Attempt, starts: int) -> str:
    if best.stop is SolverStop.UNBOUNDED:
        return NO_BOUND
    if best.unphysical:
        return (
            f"the best of {starts} starts uses '{best.unphysical[0]}' outside its physical range; "
            "bound that quality in the model"
        )
    return (
        f"none of {starts} starts reached a point that satisfies all rows; the nearest misses one "
        f"by {best.violation:.3g} of its largest term; give more starts or relax limits"
    )


def _linear_result(check: _Check, began: float) -> SearchResult:
    """Return the result of a program that presolve left without products."""
    small = check.small.program
    scales = first_scales(small)
    whole = small.integer
    scales.columns[whole] = 1.0
    found = solve_linear_part(scaled(small, scales))
    if not np.all(np.isfinite(found.x)):
        reason = {
            SolverStop.INFEASIBLE: "no point satisfies all rows; ask for the conflicting limits",
            SolverStop.UNBOUNDED: NO_BOUND,
        }.get(found.stop, "the linear solver left no point; check the sizes of the coefficients")
        return _nothing(check.program, found.stop, reason, began)
    landing = Landing(found.stop, found.x * scales.columns, 0.0, 0.0, found.seconds)
    result = _best(check, [check.attempt(0, landing)], began)
    if result.worth is not PointWorth.LOCAL_OPTIMUM:
        return result
    return replace(result, worth=PointWorth.LINEAR_OPTIMUM)


def _nothing(program: BilinearProgram, stop: SolverStop, reason: str, began: float) -> SearchResult:
    nan = float("nan")
    x = np.full(len(program.columns), nan)
    seconds = time.perf_counter() - began
    return SearchResult(stop, PointWorth.NONE, x, nan, float("inf"), (), 0, (), reason, seconds)
