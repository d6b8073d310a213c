"""How far from the best a plan can still be: a proven limit to the objective of any plan.

The steps: presolve, cancel common factors, give products their own columns, multiply equations by
columns, narrow the bounds of all columns, solve the linear relaxation, and take the bound that its
dual values prove.

What "proven" means: no point that satisfies rows and bounds of the given program exactly beats the
bound. Presolve treats remainders of 1e-11 of cancelled coefficients as zero, interval arithmetic
opens rows by 1e-9 of their terms, and dual bounds allow for rounding. A row that is missed by 1e-6
may buy a little more than the bound; that is not a plan.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.bilinear.presolve import presolve
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bounds.box import first_box, narrowed
from operator_agent.planning.bounds.cancelled_factors import cancel_factors
from operator_agent.planning.bounds.lifted_rows import lifted_rows, multiplied_rows
from operator_agent.planning.bounds.linear_relaxation import (
    RelaxationStop,
    relaxation_within,
    solve_relaxation,
)

MISSING_PRODUCTS = 2  # new products that a multiplied equation may ask for; more buy nothing
ROUNDS = 100  # of interval arithmetic on the whole program
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
    started = time.monotonic()
    cutoff = _cutoff(program, known, seconds, workers)
    reduced = cancel_factors(presolve(program).program)
    rows = multiplied_rows(lifted_rows(reduced), MISSING_PRODUCTS)
    box = first_box(rows, reduced.low, reduced.high)
    box = narrowed(rows, box, cutoff - rows.offset, ROUNDS)
    found = solve_relaxation(relaxation_within(rows, box), seconds)
    bound = min(found.bound + rows.offset, cutoff)
    took = time.monotonic() - started
    if found.stop is RelaxationStop.UNKNOWN or not np.isfinite(bound):
        return BoundResult(_stated(program, -np.inf), BoundStatus.NONE, "relaxation", took, ())
    stated = _stated(program, bound)
    if progress is not None:
        progress(took, stated)
    closed = np.isfinite(cutoff) and cutoff - bound <= OPTIMAL_GAP * max(abs(cutoff), 1.0)
    status = BoundStatus.PROVEN if closed else BoundStatus.VALID
    return BoundResult(stated, status, "linear relaxation", took, ((took, stated),))


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
