"""What SCIP says of the best objective: an unverified second opinion.

On refinery models SCIP has called programs infeasible that have a known plan, depending on the
order of the columns. So its bound is never called valid, and one that contradicts a known plan is
not returned at all.
"""

import time
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bounds.bound import BoundResult, BoundStatus

CONTRADICTS = 1e-6  # relative: a bound that excludes a known plan by more is wrong
LARGE = 1e20  # what SCIP takes for infinite


def scip_bound(
    program: BilinearProgram, *, seconds: float, known: FloatArray | None = None
) -> BoundResult:
    """Return the bound that SCIP reports, unverified.

    Args:
        program: to be bounded.
        seconds: time limit of SCIP.
        known: a feasible point, shape (n,), that the bound must not exclude.

    Raises:
        InputError: pyscipopt is not installed, or `seconds` is not positive.
    """
    if not seconds > 0.0:
        raise InputError(f"the bound got {seconds} seconds; give it some")
    started = time.monotonic()
    model = _model(program, seconds)
    model.optimize()
    cost = float(model.getDualbound()) + program.offset
    if model.getStatus() == "infeasible":
        cost = np.inf
    return judged(program, cost, known, time.monotonic() - started)


def judged(
    program: BilinearProgram, cost: float, known: FloatArray | None, seconds: float
) -> BoundResult:
    """Return a claimed lower bound of the cost, or nothing where a known plan contradicts it.

    Args:
        program: to be bounded.
        cost: claimed, with the program's offset; infinite for "there is no plan".
        known: a feasible point or none.
        seconds: that the claim took.
    """
    sign = -1.0 if program.maximise else 1.0
    nothing = BoundResult(-sign * np.inf, BoundStatus.NONE, "SCIP found no bound", seconds, ())
    if known is not None:
        reached = float(program.cost @ known) + program.offset
        if cost > reached + CONTRADICTS * max(abs(reached), 1.0):
            words = "SCIP excludes the known plan, so it is not believed"
            return BoundResult(nothing.bound, BoundStatus.NONE, words, seconds, ())
    if not np.isfinite(cost) or abs(cost) >= LARGE:
        return nothing
    bound = sign * cost
    return BoundResult(bound, BoundStatus.UNVERIFIED, "SCIP", seconds, ((seconds, bound),))


def _model(program: BilinearProgram, seconds: float) -> Any:
    try:
        from pyscipopt import Model, quicksum
    except ImportError as error:
        raise InputError(
            "pyscipopt is not installed; install it, or take the bound of this package"
        ) from error
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", seconds)
    kinds = np.where(program.integer, "I", "C")
    x = [
        model.addVar(vtype=str(kind), lb=_finite(low), ub=_finite(high))
        for kind, low, high in zip(kinds, program.low, program.high, strict=True)
    ]
    parts: list[list[Any]] = [[] for _ in program.rows]
    linear = program.linear.tocoo()
    for row, column, value in zip(linear.row, linear.col, linear.data, strict=True):
        parts[row].append(float(value) * x[column])
    terms = (program.term_row, program.term_left, program.term_right, program.term_coef)
    for row, left, right, value in zip(*terms, strict=True):
        parts[row].append(float(value) * x[left] * x[right])
    for row, low, high in zip(parts, program.row_low, program.row_high, strict=True):
        if row and np.isfinite(low):
            model.addCons(quicksum(row) >= float(low))
        if row and np.isfinite(high):
            model.addCons(quicksum(row) <= float(high))
    costed = np.flatnonzero(program.cost)
    model.setObjective(quicksum(float(program.cost[k]) * x[k] for k in costed), "minimize")
    return model


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None
