"""Limits that contradict each other: which give way at the least cost, and which clash.

First the elastic answer: all limits may be broken at a price, and the cheapest breakage is found;
then the best plan with just that breakage shows what each broken limit costs.
Second, an irreducible set from HiGHS: limits that cannot hold together, though any one less could.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.blends import spec_base
from operator_agent.planning.limits import Limit, Side, limit_holders
from operator_agent.planning.linear import LinearProgram, compile_linear, load_solver, solve_linear
from operator_agent.planning.mixing import Exact
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.qualities import QUALITIES
from operator_agent.planning.quantities import in_unit
from operator_agent.planning.recursion import Plannable, linear_model, relax

BROKEN = 1e-6  # weighted amount [m3/h] from which a limit counts as broken
WHOLE_WINDOW_K = 1e3  # trust region that never holds a cut point
ROOM = 1e-4  # relative, and [m3/h]: breakage is granted wider, so that the second LP has room
IIS_STRATEGY = 6  # HiGHS bit mask: from the LP itself, and irreducible


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """A limit that gives way.

    Attributes:
        limit: the limit.
        reached: value that it must be moved to [SI].
        price: gain of profit by moving it on: flows [usd/m3], others [usd/h per row unit].
    """

    limit: Limit
    reached: float
    price: float

    def text(self) -> str:
        """Return what gives way, in planner words."""
        value = in_unit(self.reached, self.limit.unit)
        told = _is_flow(self.limit) and math.isfinite(self.price)
        cost = f"; going on earns {abs(self.price):.0f} usd/m3 at first" if told else ""
        return f"{self.limit.text()} -> move it to {value:.5g} {self.limit.unit}{cost}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a case has no plan.

    Attributes:
        case: its name.
        broken: limits that give way at the least cost.
        together: limits that cannot all hold; empty when HiGHS found no such set.
        profit: of the best plan once they give way [usd/h]; NaN when it has none.
        whole: whether only whole lots and single modes stand in the way.
    """

    case: str
    broken: tuple[BrokenLimit, ...]
    together: tuple[Limit, ...]
    profit: float
    whole: bool = False

    def error(self) -> LimitsConflictError:
        """Return the error that tells it."""
        lines = [f"case {self.case} has no plan within its limits. The least that must give way:"]
        lines += [f"  {item.text()}" for item in self.broken]
        if self.together:
            lines.append("These limits cannot all hold together:")
            lines += [f"  {limit.text()}" for limit in self.together]
        if self.whole:
            lines.append("With parts of lots and shared modes all limits could hold.")
        if math.isfinite(self.profit):
            lines.append(f"With the first group moved the best plan earns {self.profit:.0f} usd/h.")
        return LimitsConflictError("\n".join(lines))


def explain_conflict(plant: Plannable, point: Any) -> Conflict | None:
    """Return the conflict in the linear model about a point, or None when all limits can hold."""
    model = relax(linear_model(plant, point, WHOLE_WINDOW_K))
    solve_linear(compile_linear(model)).load()
    granted = {
        (block, key): float(block.slack[key].value)
        for block in limit_holders(model)
        for key in block.limits
    }
    worst = {
        (block, key): slack
        for (block, key), slack in granted.items()
        if slack * block.limits[key].weight > BROKEN
    }
    if not worst:
        return None
    profit, prices = _price_breakage(model, granted)
    broken = tuple(
        BrokenLimit(
            block.limits[key],
            _reached(block, block.limits[key], slack),
            prices.get(block.limit[key].name, math.nan) / block.share,
        )
        for (block, key), slack in worst.items()
    )
    hard = linear_model(plant, point, WHOLE_WINDOW_K)
    return Conflict(plant.name, broken, clashing_limits(hard), profit, _only_whole(hard))


def _only_whole(model: Any) -> bool:
    """Return whether the model has a plan once its whole numbers may be broken."""
    program = compile_linear(model)
    if not len(program.integer):
        return False
    return solve_linear(_without_whole_numbers(program)).stop is SolverStop.CONVERGED


def _without_whole_numbers(program: LinearProgram) -> LinearProgram:
    return replace(program, integer=program.integer[:0])


def _is_flow(limit: Limit) -> bool:
    return not limit.quality


def _price_breakage(
    model: Any, granted: Mapping[tuple[Any, str], float]
) -> tuple[float, Mapping[str, float]]:
    """Return the best profit with the given breakage, and the marginals by name of row."""
    for (block, key), slack in granted.items():
        block.slack[key].fix(slack * (1.0 + ROOM) + ROOM / block.limits[key].weight)
    model.breakage.deactivate()
    model.profit.activate()
    solution = solve_linear(compile_linear(model))
    if solution.stop is not SolverStop.CONVERGED:
        return math.nan, {}
    solution.load()
    return solution.profit, solution.marginal_of()


def _reached(block: Any, limit: Limit, slack: float) -> float:
    """Return the value at which a broken limit would hold [SI]."""
    sign = 1.0 if limit.row_side is Side.MAX else -1.0
    if _is_flow(limit):
        return limit.value + sign * slack * limit.per_row
    blend = block.case.specified(limit.item)
    spec = next(spec for spec in blend.specs if spec.quality.name == limit.quality)
    base = float(pyo.value(spec_base(block, Exact(), blend, spec)))
    return QUALITIES[limit.quality].from_index(limit.row_value + sign * slack / max(base, BROKEN))


def clashing_limits(model: Any) -> tuple[Limit, ...]:
    """Return limits of an infeasible LP that cannot all hold, none of them dispensable."""
    program = _without_whole_numbers(compile_linear(model))  # the search knows no whole numbers
    rows = _irreducible_rows(program)
    by_row = {
        block.limit[key].name: limit
        for block in limit_holders(model)
        for key, limit in block.limits.items()
    }
    names = dict.fromkeys(program.rows[index].name for index in rows)
    return tuple(by_row[name] for name in names if name in by_row)


def _irreducible_rows(program: LinearProgram) -> list[int]:
    solver = load_solver(program)
    solver.setOptionValue("iis_strategy", IIS_STRATEGY)
    solver.run()
    _, found = solver.getIis()
    return [int(index) for index in found.row_index_]
