"""Multistart: which local optima a case has, how often each is reached, and how they differ.

IPOPT finds a best plan nearby. Starts at random cut points, slates and splits, all from one seed,
show what else there is; the best one found is solved once more, with its certificate, as the plan.
That none of the starts does better is no proof that nothing does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from operator_agent.clock import Clock, SystemClock
from operator_agent.engine import Engine, SerialEngine
from operator_agent.engine_task import Progress, TaskResult
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.local_search import LocalSearch
from operator_agent.planning.analysis.random_starts import random_start
from operator_agent.planning.analysis.words import first_sentence
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.plan import Plan
from operator_agent.planning.plan_reader import read_limits
from operator_agent.planning.recursion import solve_recursion
from operator_agent.planning.refinery import refinery
from operator_agent.planning.solve import Solved, read_plan
from operator_agent.planning.stages import TRUE_ROWS
from operator_agent.planning.streams import Point
from operator_agent.signing import Json
from operator_agent.units import HOUR_S

SAME_PROFIT = 1e-5  # relative: two solves of one local optimum agree better than this
SAME_SHARE = 5e-3  # of the feed: slates that differ by less are one
SAME_CUT_K = 1.0  # cut points that differ by less are one; no controller holds them closer


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where one start ended.

    Attributes:
        start: its number; 0 is the start that every plan begins from.
        stop: why the solver stopped.
        profit: [usd/h].
        violation: relative miss of the worst row.
        point: reached.
        held: keys of the limits that hold the point.
    """

    start: int
    stop: SolverStop
    profit: float
    violation: float
    point: Point
    held: tuple[str, ...]

    @property
    def optimal(self) -> bool:
        """Whether it is a local optimum within all rows."""
        return self.stop is SolverStop.CONVERGED and self.violation <= TRUE_ROWS


@dataclass(frozen=True, slots=True)
class LocalGroup:
    """One local optimum with the starts that reached it.

    Attributes:
        best: the arrival with the highest profit.
        starts: numbers of all starts that ended here.
    """

    best: Arrival
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Multistart:
    """The local optima of a case.

    Attributes:
        case: its name.
        seed: of the random starts.
        groups: distinct local optima, best first.
        failed: starts that ended nowhere, with the reason.
        plan: of the best, solved again from where it is.
    """

    case: str
    seed: int
    groups: tuple[LocalGroup, ...]
    failed: tuple[tuple[int, str], ...]
    plan: Plan

    @property
    def usual(self) -> int | None:
        """Place of the optimum that the usual start reaches; None when it reaches none."""
        return next((n for n, group in enumerate(self.groups) if 0 in group.starts), None)


def multistart(
    case: PlanningCase,
    starts: int,
    *,
    seed: int = 1,
    engine: Engine | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Multistart:
    """Return the local optima that random starts and the usual one reach.

    Args:
        case: to solve.
        starts: random starts, besides the usual one.
        seed: of the starts; the same seed gives the same result on every engine.
        engine: that solves them; this process when not given.
        progress: is told each result.
        clock: for the time stamp of the plan; the system's when not given.

    Raises:
        InputError: no start.
        SolveFailedError: no start led to a local optimum, or a pass of the recursion failed.
    """
    if starts < 1:
        raise InputError(f"starts is {starts}; give 1 or more")
    clock, worker = clock or SystemClock(), engine or SerialEngine()
    begin = clock.monotonic_s()
    linear = solve_recursion(refinery(case))
    solve = partial(_arrive, case, linear.point, seed)
    results = worker.map(solve, range(starts + 1), progress=progress)
    reached = [one.value for one in results if one.ok and one.value.optimal]
    if not reached:
        raise SolveFailedError(
            f"case {case.name}: none of {starts + 1} starts led to a plan; "
            "`plan explain-conflict` tells whether its limits contradict each other"
        )
    groups = _grouped(reached)
    search = LocalSearch(refinery(case), linear.point)
    best = search.best_of([groups[0].best.point])
    seconds = clock.monotonic_s() - begin
    worth = PointWorth.LOCAL_OPTIMUM if best.violation.amount <= TRUE_ROWS else PointWorth.NONE
    solved = Solved("nlp", search.model, best.solution, worth, linear, seconds, clock.wall_s())
    marginals = best.solution.marginal_of()
    plan = read_plan(case, search.model, solved, marginals, linear.profit)
    return Multistart(case.name, seed, groups, _failures(results), plan)


def _arrive(case: PlanningCase, usual: Point, seed: int, start: int) -> Arrival:
    """Return where one start ends; start 0 is the usual one."""
    plant = refinery(case)
    search = LocalSearch(plant, usual)
    found = search.solve(random_start(plant, seed, start) if start else usual)
    held = [one.limit.key for one in read_limits(search.model, case, {}) if one.held]
    solution = found.solution
    profit, violation = solution.profit, found.violation.amount
    return Arrival(start, solution.stop, profit, violation, found.point, tuple(held))


def _grouped(reached: Sequence[Arrival]) -> tuple[LocalGroup, ...]:
    """Return arrivals by local optimum, the best first."""
    groups: list[list[Arrival]] = []
    for arrival in sorted(reached, key=lambda one: (-one.profit, one.start)):
        near = (group for group in groups if same_optimum(group[0], arrival))
        group = next(near, None)
        if group is None:
            groups.append([arrival])
        else:
            group.append(arrival)
    return tuple(
        LocalGroup(group[0], tuple(sorted(one.start for one in group))) for group in groups
    )


def same_optimum(one: Arrival, other: Arrival) -> bool:
    """Return whether two arrivals are one plan: by profit, slate and cut points."""
    if not math.isclose(one.profit, other.profit, rel_tol=SAME_PROFIT):
        return False
    first, second = one.point, other.point
    feed = max(sum(first.charge.values()), 1.0)
    slate = all(
        abs(first.charge[name] - second.charge[name]) <= SAME_SHARE * feed for name in first.charge
    )
    return slate and all(
        abs(first.cut[name] - second.cut[name]) <= SAME_CUT_K for name in first.cut
    )


def _failures(results: Sequence[TaskResult[Arrival]]) -> tuple[tuple[int, str], ...]:
    return tuple(
        (one.index, first_sentence(one.error) if one.error else _why(one.value))
        for one in results
        if not one.ok or not one.value.optimal
    )


def _why(arrival: Arrival) -> str:
    if arrival.stop is SolverStop.CONVERGED:
        return f"converged, but a row is missed by {arrival.violation:.1e}"
    return str(arrival.stop.value)


def multistart_payload(result: Multistart) -> Json:
    """Return a multistart for JSON: the optima, best first, and the plan of the best."""
    return {
        "case": result.case,
        "seed": result.seed,
        "optima": [
            {
                "profit_usd_h": group.best.profit,
                "starts": list(group.starts),
                "charge": {name: flow / HOUR_S for name, flow in group.best.point.charge.items()},
                "cut_points": dict(group.best.point.cut),
                "held": list(group.best.held),
            }
            for group in result.groups
        ],
        "failed": [{"start": start, "reason": reason} for start, reason in result.failed],
        "plan": result.plan.payload(),
    }
