"""How far from the best a plan can still be: a proven limit to the objective of any plan.

The steps: presolve, cancel common factors, give products their own columns, multiply equations by
columns, narrow bounds by interval arithmetic and by what qualities are mixed of, solve the linear
relaxation, and split boxes until time is over. Each relaxation counts with the bound that its dual
values prove.

What "proven" means: no point that satisfies rows and bounds of the given program exactly beats the
bound. Presolve and the cancelling of factors treat numbers as equal that agree to 1e-9 (remainders
of 1e-11 as zero), interval arithmetic opens rows by 1e-9 of their terms, and dual bounds allow for
rounding. A row that is missed by 1e-6 may buy a little more than the bound; that is not a plan.

The bound is that of the program as given, holes included: where rows mass = density * volume leave
the density free, give the program with its guards (`bilinear.guards.guarded`) for the bound of
what is physical, and say so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.presolve import presolve
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bounds.box import Box, first_box, narrowed
from operator_agent.planning.bounds.cancelled_factors import cancel_factors
from operator_agent.planning.bounds.lifted_rows import LiftedRows, lifted_rows, multiplied_rows
from operator_agent.planning.bounds.quality_ranges import QualityRanges
from operator_agent.planning.bounds.tree import Tree, TreeResult, closed_at

MISSING_PRODUCTS = (2, 1)  # new products that a multiplied equation may ask for, by preference
MOST_COLUMNS = 3000  # of the relaxation with the first of these; beyond, its solves are too slow
ROUNDS = 100  # of interval arithmetic on the whole program
RANGE_ROUNDS = 3  # of ranges of qualities; later rounds move little
RANGE_SHARE = 0.25  # of the time that ranges of qualities may take
PROBE_SHARE = 0.25  # of the time left that trying each split once may take
KNOWN_VIOLATION = 1e-6  # relative: what a known plan may miss rows by
OPTIMAL_GAP = 1e-6  # relative: a known plan this near to the bound is the best there is

Progress = Callable[[float, float], None]


class BoundStatus(Enum):
    """What a bound is worth."""

    PROVEN = "the known plan is the best there is, within 1e-6"
    VALID = "no plan is better than the bound"
    UNVERIFIED = "a solver says so, and nothing checks it"
    NONE = "no bound was found"


@dataclass(frozen=True)
class BoundResult:
    """A limit to the objective.

    Attributes:
        bound: in the sense in which the objective was stated: no plan earns more (of a maximum),
            costs less (of a minimum).
        status: what the bound is worth.
        method: how it was found, in words.
        seconds: that it took.
        trace: (seconds, bound) whenever the bound became better.
    """

    bound: float
    status: BoundStatus
    method: str
    seconds: float
    trace: tuple[tuple[float, float], ...]

    def gap(self, objective: float) -> float:
        """Return how much of the bound a plan with this objective leaves open, relative to it."""
        return abs(self.bound - objective) / max(abs(objective), 1e-9)


def objective_bound(
    program: BilinearProgram,
    *,
    seconds: float,
    known: FloatArray | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> BoundResult:
    """Return a proven limit to the objective of a program.

    Args:
        program: to be bounded.
        seconds: after which the best bound so far is returned; one solve of a relaxation may
            run over.
        known: a feasible point, shape (n,). Points that are worse are then of no interest, which
            makes bounds of columns narrower.
        workers: threads that solve relaxations at the same time.
        progress: called with (seconds, bound) whenever the bound becomes better.

    Raises:
        InputError: `seconds` or `workers` is not positive, or the known point is not feasible.
        LimitsConflictError: no point satisfies the program.
    """
    cutoff = _cutoff(program, known, seconds, workers)
    trail = _Trail(program, cutoff, progress)
    found = _proven(program, cutoff, seconds, workers, trail)
    if found.bound == np.inf:
        raise LimitsConflictError(
            "no point satisfies the rows and bounds of this program; relax some of them"
        )
    return trail.result(found.bound, f"branch and bound, {found.nodes} relaxations")


def _proven(
    program: BilinearProgram, cutoff: float, seconds: float, workers: int, trail: "_Trail"
) -> TreeResult:
    """Return what the steps prove, offset included; infinite when there is no point at all."""
    deadline = trail.started + seconds
    reduced = cancel_factors(presolve(program).program)
    rows = _all_rows(reduced)
    limit = cutoff - rows.offset
    nothing = TreeResult(closed_at(limit) + rows.offset, 0, complete=True)

    def report(bound: float) -> None:
        trail.add(bound + rows.offset)

    box = narrowed(rows, first_box(rows, reduced.low, reduced.high), limit, ROUNDS)
    tree = Tree(rows, box, limit, deadline, report)
    root = tree.node(box, -np.inf)
    if root is None:
        return nothing
    report(root.bound)
    box = _with_ranges(reduced, rows, root.box, limit, trail.started + RANGE_SHARE * seconds)
    root = tree.node(box, root.bound, root.basis)
    if root is None:
        return nothing
    report(root.bound)
    root = tree.probed(root, workers, time.monotonic() + PROBE_SHARE * trail.left(deadline))
    if root is None:
        return nothing
    report(root.bound)
    found = tree.search(root, workers)
    return replace(found, bound=found.bound + rows.offset)


class _Trail:
    """What was proven when, in the stated sense."""

    def __init__(self, program: BilinearProgram, cutoff: float, progress: Progress | None) -> None:
        self.started = time.monotonic()
        self._program, self._cutoff, self._progress = program, cutoff, progress
        self._best = -np.inf
        self._steps: list[tuple[float, float]] = []

    def left(self, deadline: float) -> float:
        """Return the seconds that are left."""
        return max(deadline - time.monotonic(), 0.0)

    def add(self, cost: float) -> None:
        """Note a lower bound of the cost, with offset, when it is better than the last."""
        cost = min(cost, self._cutoff)
        if not np.isfinite(cost) or cost <= self._best:
            return
        self._best = cost
        step = time.monotonic() - self.started, _stated(self._program, cost)
        self._steps.append(step)
        if self._progress is not None:
            self._progress(*step)

    def result(self, cost: float, method: str) -> BoundResult:
        """Return what was proven in all."""
        self.add(cost)
        took = time.monotonic() - self.started
        if not np.isfinite(self._best):
            bound = _stated(self._program, -np.inf)
            return BoundResult(bound, BoundStatus.NONE, method, took, ())
        room = OPTIMAL_GAP * max(abs(self._cutoff), 1.0)
        closed = np.isfinite(self._cutoff) and self._cutoff - self._best <= room
        status = BoundStatus.PROVEN if closed else BoundStatus.VALID
        bound = _stated(self._program, self._best)
        return BoundResult(bound, status, method, took, tuple(self._steps))


def _all_rows(program: BilinearProgram) -> LiftedRows:
    """Return the lifted rows with as many multiplied equations as the solver digests."""
    rows = lifted_rows(program)
    for missing in MISSING_PRODUCTS:
        found = multiplied_rows(rows, missing)
        if len(found.cost) <= MOST_COLUMNS:
            return found
    return found


def _with_ranges(
    program: BilinearProgram, rows: LiftedRows, box: Box, limit: float, until: float
) -> Box:
    """Return the box narrowed by ranges of qualities and intervals in turn."""
    ranges = QualityRanges(program, rows, box)
    for _ in range(RANGE_ROUNDS):
        before = box
        box = ranges.narrowed(box, RANGE_ROUNDS, until)
        box = narrowed(rows, box, limit, ROUNDS)
        same = np.array_equal(before.low, box.low) and np.array_equal(before.high, box.high)
        if same or box.is_empty() or time.monotonic() > until:
            break
    return box


def _cutoff(
    program: BilinearProgram, known: FloatArray | None, seconds: float, workers: int
) -> float:
    """Return the cost of the known point with the program's offset; infinite without one."""
    if not seconds > 0.0:
        raise InputError(f"the bound got {seconds} seconds; give it some")
    if workers < 1:
        raise InputError(f"the bound got {workers} workers; give it at least one")
    if known is None:
        return float("inf")
    if known.shape != program.low.shape:
        raise InputError(
            f"the known plan has {known.size} of {program.low.size} columns; give all of them"
        )
    violation = program.violation(known)
    if not violation <= KNOWN_VIOLATION:
        raise InputError(
            f"the known plan misses a row or bound by {violation:.3g}, more than "
            f"{KNOWN_VIOLATION:.0e}; give a feasible plan or none"
        )
    return float(program.cost @ known) + program.offset


def _stated(program: BilinearProgram, cost: float) -> float:
    return -cost if program.maximise else cost
