"""The two stages of a plan: the linear one by recursion, the nonlinear one from where that ends.

Both serve whatever can be planned: one refinery, or several plants and periods.
"""

from collections.abc import Sequence
from typing import Any

from operator_agent.errors import SolveFailedError
from operator_agent.planning.certificate import largest_violation
from operator_agent.planning.infeasible import Conflict, explain_conflict
from operator_agent.planning.mixing import Exact
from operator_agent.planning.nonlinear import (
    import_nonlinear,
    model_values,
    solve_from,
    solve_nonlinear,
)
from operator_agent.planning.outcome import PointWorth, Solution, SolverStop
from operator_agent.planning.recursion import LinearPlan, Plannable, relax

TRUE_ROWS = 1e-5  # relative violation above which a point is no plan: 0.001 % of any limit
LINEAR_ROWS = 1e-3  # the same for the linear stage, which knows qualities to first order only
CONFLICT = 1e-4  # weighted breakage [m3/h] of the elastic plan below which all limits can hold


def linear_stage(plant: Plannable, linear: LinearPlan) -> tuple[Any, Solution, PointWorth]:
    """Return the exact model at the point of the recursion's best pass.

    Raises:
        LimitsConflictError: the limits contradict each other.
        SolveFailedError: no pass found a plan, though there is one.
    """
    if linear.solution.stop is not SolverStop.CONVERGED:
        _elastic_point(plant, linear.point)
        raise SolveFailedError(
            f"case {plant.name}: the linear stage did not settle within {linear.passes} "
            "passes, though all limits can hold; solve it with stage 'nlp'"
        )
    model = plant.model(Exact(), linear.point)
    plant.place(model, linear.point)
    close = largest_violation(model).amount <= LINEAR_ROWS
    converged = linear.solution.stop is SolverStop.CONVERGED
    worth = PointWorth.LINEAR_OPTIMUM if close and converged else PointWorth.NONE
    return model, linear.solution, worth


def nonlinear_stage(plant: Plannable, linear: LinearPlan) -> tuple[Any, Solution, PointWorth]:
    """Return the best local optimum from the LP's point and from the default start.

    When neither converges, the elastic form decides whether the limits contradict each other or
    whether there is a point to start a last attempt from.

    Raises:
        LimitsConflictError: the limits contradict each other.
    """
    model, solution = _best_from(plant, (linear.point, plant.first_point()))
    if solution.stop is not SolverStop.CONVERGED:
        model, solution = _best_from(plant, (_elastic_point(plant, linear.point),))
    if largest_violation(model).amount > TRUE_ROWS:
        return model, solution, PointWorth.NONE
    if solution.stop is SolverStop.CONVERGED:
        return model, solution, PointWorth.LOCAL_OPTIMUM
    return model, solution, PointWorth.FEASIBLE


def _best_from(plant: Plannable, points: Sequence[Any]) -> tuple[Any, Solution]:
    """Return the exact model that holds the best local optimum over some starts."""
    model = plant.model(Exact(), points[0])
    program = import_nonlinear(model)
    starts = []
    for point in points:
        plant.place(model, point)
        starts.append(model_values(program))
    best = solve_from(program, starts)
    plant.place(model, points[0])  # whole numbers are those that the program was written with
    best.load()
    return model, best


def find_conflict(plant: Plannable, linear: LinearPlan) -> Conflict | None:
    """Return the conflict for which the nonlinear stage finds no plan, or None when it finds one.

    Args:
        plant: to look at.
        linear: outcome of its linear stage.
    """
    _, solution = _best_from(plant, (linear.point, plant.first_point()))
    if solution.stop is SolverStop.CONVERGED:
        return None
    return _least_breakage(plant, linear.point)[1]


def _elastic_point(plant: Plannable, point: Any) -> Any:
    """Return a point within all limits.

    Raises:
        LimitsConflictError: there is none nearby; the message names what gives way.
    """
    least, conflict = _least_breakage(plant, point)
    if conflict is not None:
        raise conflict.error()
    return least


def _least_breakage(plant: Plannable, point: Any) -> tuple[Any, Conflict | None]:
    """Return the point that breaks limits the least, and the conflict about it if it breaks any."""
    model = plant.model(Exact(), point)
    plant.place(model, point)
    program = import_nonlinear(relax(model))
    solution = solve_nonlinear(program)
    solution.load()
    least = plant.read(model)
    if -solution.profit <= CONFLICT:
        return least, None
    return least, explain_conflict(plant, plant.place(model, least)) or explain_conflict(
        plant, point
    )
