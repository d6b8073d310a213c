"""A quick stack: cases that differ in prices and limits only, all on the matrix of one base plan.

The base case is planned once by the recursion. Its last linear model, with every quality known to
first order about that plan, then answers the other cases in a millisecond each, as a recursed LP
matrix does in the tools that refineries know. It tells what a day of prices would change. The
further a case lies from the base plan, the less its answer is worth: cut points stay near those of
the base, and a case that is to be acted on is solved by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyomo.repn import generate_standard_repn

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.casework.tree import CaseNode
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.linear import LinearProgram, compile_linear
from operator_agent.planning.linear_stack import LinearAnswer, LinearCase, solve_stack
from operator_agent.planning.markets import product_sale
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.quantities import in_unit, parse_quantity
from operator_agent.planning.recursion import linear_model, solve_recursion
from operator_agent.planning.refinery import Refinery, refinery
from operator_agent.planning.report import Table
from operator_agent.units import HOUR_S

NEAR_K = 5.0  # cut points of the cases stay this close to the base plan, where first order is good
PRICE = re.compile(r"(crudes|purchases|products)\.([^.\[]+)\.price")
RANGE = re.compile(
    r"(crudes|purchases|products|units)\.([^.\[]+)\.(min|max|turndown|capacity)"
    r"|(crude_unit)\.(turndown|capacity)"
)
KINDS = {
    "crudes": (LimitKind.CRUDE, "purchase"),
    "purchases": (LimitKind.PURCHASE, "purchase"),
    "products": (LimitKind.PRODUCT, "sale"),
    "units": (LimitKind.UNIT, "feed"),
    "crude_unit": (LimitKind.UNIT, "feed"),
}
SIDES = {"min": Side.MIN, "turndown": Side.MIN, "max": Side.MAX, "capacity": Side.MAX}


@dataclass(frozen=True, slots=True)
class QuickRow:
    """A case of a quick stack.

    Attributes:
        case: its name.
        stop: why the solver stopped; None when the case does not fit on the matrix.
        profit: [usd/h]; NaN when the case has no answer.
        bought: crudes and purchased streams [m3/s].
        sold: products [m3/s].
        reason: why there is no answer; empty when there is one.
    """

    case: str
    stop: SolverStop | None
    profit: float
    bought: Mapping[str, float]
    sold: Mapping[str, float]
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return not self.reason

    def payload(self) -> dict[str, Any]:
        """Return the row as plain values; what is not known is None."""

        def known(flows: Mapping[str, float]) -> dict[str, float | None]:
            return {name: None if np.isnan(flow) else flow for name, flow in flows.items()}

        profit = None if np.isnan(self.profit) else self.profit
        stop = None if self.stop is None else self.stop.value
        flows = {"bought_m3_s": known(self.bought), "sold_m3_s": known(self.sold)}
        told = {"case": self.case, "stop": stop, "reason": self.reason or None}
        return {**told, "profit_usd_h": profit, **flows}


@dataclass(frozen=True)
class QuickMatrix:
    """The linear model of a base plan, and where prices and limits stand in it.

    Attributes:
        node: the base case.
        program: compiled about the base plan.
        amounts: what is bought or sold by (group, name): coefficients over the columns that add up
            to [m3/h], shape (n,).
        rows: place of each limit's row, by the key of the limit.
    """

    node: CaseNode
    program: LinearProgram
    amounts: Mapping[tuple[str, str], FloatArray]
    rows: Mapping[str, int]

    def numbers(self, node: CaseNode) -> LinearCase:
        """Return the prices and limits of a case as numbers of this matrix.

        Raises:
            InputError: the case changes more than prices and limits; the message names the key.
        """
        cost = self.program.cost.copy()
        low, high = self.program.row_low.copy(), self.program.row_high.copy()
        before, after = _leaves(self.node.entry), _leaves(node.entry)
        for key in sorted(before.keys() | after.keys()):
            if key == "name" or before.get(key) == after.get(key):
                continue
            price, limit = PRICE.fullmatch(key), RANGE.fullmatch(key)
            if key not in before or key not in after or not (price or limit):
                raise InputError(
                    f"{node.source}: case {node.name} changes {key}, which moves the matrix; a "
                    "quick stack takes prices, purchase and sale limits and capacities: solve it "
                    "with 'plan stack'"
                )
            if price:
                step = _step(before[key], after[key], "price by volume", f"{node.source}: {key}")
                sign = -1.0 if price[1] == "products" else 1.0
                cost += sign * step * self.amounts[price[1], price[2]]
            elif limit:
                step = _step(before[key], after[key], "volume flow", f"{node.source}: {key}")
                self._move(limit, step * HOUR_S, (low, high), f"{node.source}: {key}")
        return LinearCase(cost=cost, row_low=low, row_high=high)

    def _move(
        self, found: re.Match[str], step: float, rows: tuple[FloatArray, FloatArray], place: str
    ) -> None:
        group, side = found[1] or found[4], SIDES[found[3] or found[5]]
        kind, words = KINDS[group]
        key = f"{kind.value}:{found[2] or group}:{words}:{side.value}"
        if key not in self.rows:
            raise InputError(
                f"{place}: the base case has no such limit (a minimum of 0 is none); solve it "
                "with 'plan stack'"
            )
        rows[0 if side is Side.MIN else 1][self.rows[key]] += step


def quick_matrix(node: CaseNode) -> QuickMatrix:
    """Return the linear model about the plan of a base case.

    Raises:
        InputError: something is wrong in the case, or it buys whole lots.
        SolveFailedError: the base case has no linear plan to start from.
    """
    plant = refinery(node.case())
    linear = solve_recursion(plant)
    if linear.solution.stop is not SolverStop.CONVERGED:
        raise SolveFailedError(
            f"base case {node.name} has no linear plan ({linear.solution.stop.value}); solve it by "
            "itself first"
        )
    model = linear_model(plant, linear.point, NEAR_K)
    program = compile_linear(model)
    place = {id(column): index for index, column in enumerate(program.variables)}
    amounts = {
        key: _coefficients(body, place, len(program.cost))
        for key, body in _bodies(model, plant).items()
    }
    at = {row.name: index for index, row in enumerate(program.rows)}
    rows = {key: at[model.limit[key].name] for key in model.limits if model.limit[key].name in at}
    return QuickMatrix(node, program, amounts, rows)


def quick_stack(
    matrix: QuickMatrix, cases: Sequence[CaseNode], *, threads: int = 1
) -> list[QuickRow]:
    """Return a row for each case, in their order; one that does not fit tells why.

    Args:
        matrix: of the base case.
        cases: that differ from it in prices and limits.
        threads: to solve them in.
    """
    numbers: list[LinearCase | InputError] = []
    for node in cases:
        try:
            numbers.append(matrix.numbers(node))
        except InputError as error:
            numbers.append(error)
    fitting = [found for found in numbers if isinstance(found, LinearCase)]
    answers = iter(solve_stack(matrix.program, fitting, threads=threads))
    return [
        _row(matrix, node, next(answers))
        if isinstance(found, LinearCase)
        else QuickRow(node.name, None, np.nan, {}, {}, str(found))
        for node, found in zip(cases, numbers, strict=True)
    ]


def quick_table(rows: Sequence[QuickRow]) -> Table:
    """Return a row for each case: profit, difference to the first, and what is bought."""
    first = next((row for row in rows if row.ok), rows[0])
    names = list(first.bought)
    told = [
        (
            row.case,
            *(_money(row.profit, first.profit) if row.ok else ("-", "-")),
            *(f"{in_unit(row.bought[name], 'kbbl/d'):.2f}" if row.ok else "-" for name in names),
            _state(row),
        )
        for row in rows
    ]
    columns = ("case", "profit usd/h", "to the first", *(f"{name} kbbl/d" for name in names))
    return Table("Quick stack, to first order", (*columns, "answer"), tuple(told))


def quick_reasons_table(rows: Sequence[QuickRow]) -> Table | None:
    """Return why cases have no answer, or None when all have one."""
    told = tuple((row.case, row.reason) for row in rows if not row.ok)
    return Table("Cases without an answer", ("case", "reason"), told) if told else None


def _state(row: QuickRow) -> str:
    if row.ok:
        return "optimal"
    return "moves the matrix: solve it with plan stack" if row.stop is None else "no plan"


def _money(profit: float, first: float) -> tuple[str, str]:
    return f"{profit:,.0f}", f"{profit - first:+,.0f}"


def _row(matrix: QuickMatrix, node: CaseNode, answer: LinearAnswer) -> QuickRow:
    flows = {key: float(part @ answer.x) / HOUR_S for key, part in matrix.amounts.items()}
    sold = {name: flow for (group, name), flow in flows.items() if group == "products"}
    bought = {name: flow for (group, name), flow in flows.items() if group != "products"}
    reason = "" if answer.stop is SolverStop.CONVERGED else _stopped(answer.stop)
    return QuickRow(node.name, answer.stop, answer.profit, bought, sold, reason)


def _stopped(stop: SolverStop) -> str:
    return f"the solver found no plan ({stop.value}); 'plan stack' says which limits are in the way"


def _bodies(model: Any, plant: Refinery) -> dict[tuple[str, str], Any]:
    case: PlanningCase = plant.case
    found: dict[tuple[str, str], Any] = {}
    found |= {("crudes", name): model.purchase[name] for name in case.crudes}
    found |= {("purchases", name): model.purchase[name] for name in case.purchases}
    found |= {("products", p.name): product_sale(model, p) for p in case.products.values()}
    return found


def _coefficients(body: Any, place: Mapping[int, int], count: int) -> FloatArray:
    linear = generate_standard_repn(body)
    found = np.zeros(count)
    for variable, value in zip(linear.linear_vars, linear.linear_coefs, strict=True):
        if id(variable) in place:
            found[place[id(variable)]] += value
    return found


def _leaves(entry: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return what stands at the ends of a nested mapping, by dotted key."""
    found: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found |= _leaves(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def _step(before: Any, after: Any, dimension: str, place: str) -> float:
    return parse_quantity(after, dimension, place) - parse_quantity(before, dimension, place)
