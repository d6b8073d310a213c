"""Limits that contradict each other: which give way at the least cost, and which clash.

First the elastic answer: all limits may be broken at a price, and the cheapest breakage is found;
then the best plan with just that breakage shows what each broken limit costs.
Second, an irreducible set (see `clashing`): limits that cannot hold together, though any one less
could.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.blends import spec_base
from operator_agent.planning.clashing import BROKEN, clashing_limits, without_whole_numbers
from operator_agent.planning.limits import Limit, Side, limit_holders
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.mixing import Exact
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.qualities import QUALITIES
from operator_agent.planning.quantities import in_unit
from operator_agent.planning.recursion import Plannable, linear_model, relax

WHOLE_WINDOW_K = 1e3  # trust region that never holds a cut point
SMALLEST_PRICE = 0.05  # [usd/bbl] less shows as nothing
ROOM = 1e-4  # relative, and [m3/h]: breakage is granted wider, so that the second LP has room


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """A limit that gives way.

    Attributes:
        limit: the limit.
        reached: value that it must be moved to [SI].
        price: gain of profit by moving it on: flows [usd/m3], others [usd/h per row unit].
        severity: m3/h of any flow that this counts like (see `Limit.weight`).
    """

    limit: Limit
    reached: float
    price: float
    severity: float

    def text(self) -> str:
        """Return what gives way, in planner words."""
        value = f"{in_unit(self.reached, self.limit.unit):.5g} {self.limit.unit}"
        earned = in_unit(abs(self.price), "usd/bbl") if _is_flow(self.limit) else 0.0
        told = math.isfinite(earned) and earned >= SMALLEST_PRICE
        cost = f"; each further barrel of this limit earns {earned:.1f} usd" if told else ""
        return f"{self.limit.text()} -> move it to {value.removesuffix(' number')}{cost}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a case has no plan.

    Attributes:
        case: its name.
        broken: limits that give way at the least cost.
        together: limits that cannot all hold; empty when no such set was found.
        profit: of the best plan once they give way [usd/h]; NaN when it has none.
        whole: whether only whole lots and single modes stand in the way.
    """

    case: str
    broken: tuple[BrokenLimit, ...]
    together: tuple[Limit, ...]
    profit: float
    whole: bool = False

    def clash_text(self) -> str:
        """Return the heading of the limits that clash, or why there are none."""
        if self.together:
            return "These limits cannot all hold together, though any one less could:"
        if self.whole:
            return "With parts of lots and shared modes all limits could hold."
        return "No short set of limits that cannot all hold together was found."

    def error(self) -> LimitsConflictError:
        """Return the error that tells it."""
        lines = [f"case {self.case} has no plan within its limits. The least that must give way:"]
        lines += [f"  {item.text()}" for item in self.broken]
        lines.append(self.clash_text())
        lines += [f"  {limit.text()}" for limit in self.together]
        if math.isfinite(self.profit):
            lines.append(f"With the first group moved the best plan earns {self.profit:.0f} usd/h.")
        return LimitsConflictError("\n".join(lines))


def explain_conflict(plant: Plannable, point: Any) -> Conflict | None:
    """Return the conflict in the linear model about a point, or None when all limits can hold.

    Args:
        plant: without a plan.
        point: about which limits are linear; the same point gives the same conflict.
    """
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
            block.limits[key].weight * slack,
        )
        for (block, key), slack in worst.items()
    )
    hard = linear_model(plant, point, WHOLE_WINDOW_K)
    whole = _only_whole(hard)
    return Conflict(plant.name, broken, clashing_limits(relax(hard)), profit, whole)


def _only_whole(model: Any) -> bool:
    """Return whether the model has a plan once its whole numbers may be broken."""
    program = compile_linear(model)
    if not len(program.integer):
        return False
    return solve_linear(without_whole_numbers(program)).stop is SolverStop.CONVERGED


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
