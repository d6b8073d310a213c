"""Limits that cannot all hold together: an irreducible set, the same one every time.

Limits are taken out of the elastic linear program, those first that a planner suspects last; what
may stay out without the rest holding is not needed for the conflict. What remains cannot hold
together, though any one less could (deletion filter: J. Chinneck, E. Dravnieks, "Locating minimal
infeasible constraint sets in linear programs", ORSA Journal on Computing 3 (1991), 157-168).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import highspy

from operator_agent.planning.limits import Limit, LimitKind, Side, limit_holders
from operator_agent.planning.linear import LinearProgram, compile_linear, load_solver

BROKEN = 1e-6  # weighted amount [m3/h] from which a limit counts as broken
MARKETS = (LimitKind.PRODUCT, LimitKind.CRUDE, LimitKind.PURCHASE, LimitKind.SUPPLY)
CAPACITY_LAST, SPECIFICATION_LAST = (0, 1), (1, 0)  # two orders: the shorter set is taken


def clashing_limits(model: Any) -> tuple[Limit, ...]:
    """Return limits that cannot all hold, none of them dispensable.

    Args:
        model: elastic linear model (see `recursion.relax`); whole numbers may be parted.

    Returns:
        The limits in the order of the model; empty when all can hold, or when the set that was
        found does not stand a second look.
    """
    breakage = _Breakage(model)
    sets = [
        breakage.irreducible(order)
        for order in (CAPACITY_LAST, SPECIFICATION_LAST)
        if breakage.clash(breakage.all)
    ]
    sound = [found for found in sets if breakage.is_irreducible(found)]
    shortest = min(sound, key=len, default=[])
    return tuple(breakage.limits[place] for place in sorted(shortest))


class _Breakage:
    """The elastic program with prices on the breakage of some limits; the others cost nothing."""

    def __init__(self, model: Any) -> None:
        program = without_whole_numbers(compile_linear(model))
        columns = {id(variable): index for index, variable in enumerate(program.variables)}
        found = [
            (limit, columns[id(block.slack[key])])
            for block in limit_holders(model)
            for key, limit in block.limits.items()
            if id(block.slack[key]) in columns
        ]
        self.limits = [limit for limit, _ in found]
        self.all = list(range(len(found)))
        self._columns = [column for _, column in found]
        self._prices = [float(program.cost[column]) for column in self._columns]
        _, self._sizes = program.scales()
        self._solver = load_solver(program)
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("solver", "simplex")  # keeps its basis from set to set

    def clash(self, places: Sequence[int]) -> bool:
        """Return whether limits cannot all hold while the others give way."""
        held = set(places)
        for place, column in enumerate(self._columns):
            price = self._prices[place] * self._sizes[column] if place in held else 0.0
            self._solver.changeColCost(column, price)
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self._solver.clearSolver()  # a warm start may lose its status
            self._solver.run()
        return bool(self._solver.getObjectiveValue() > BROKEN)

    def irreducible(self, order: tuple[int, int]) -> list[int]:
        """Return a set that clashes: of what is taken out first, as little as can be."""
        ranked = sorted(self.all, key=lambda place: _suspicion(self.limits[place], order))
        kept, rest = list(ranked), [ranked]
        while rest:
            part = rest.pop()
            without = [place for place in kept if place not in set(part)]
            if self.clash(without):
                kept = without
            elif len(part) > 1:
                half = len(part) // 2
                rest += [part[half:], part[:half]]
        return kept

    def is_irreducible(self, places: Sequence[int]) -> bool:
        """Return whether limits clash, and any one less does not, each looked at afresh."""
        self._solver.clearSolver()
        return self.clash(places) and not any(
            self.clash([place for place in places if place != one]) for one in places
        )


def _suspicion(limit: Limit, order: tuple[int, int]) -> tuple[int, bool]:
    """Return how late a limit is taken out: turndowns, markets, other limits, then by `order`."""
    if limit.kind is LimitKind.UNIT:
        rank = 0 if limit.side is Side.MIN else 4 + order[1]
    elif limit.kind is LimitKind.SPEC:
        rank = 4 + order[0]
    elif limit.kind in MARKETS:
        rank = 1 if limit.side is Side.MAX else 2
    else:
        rank = 3
    return rank, limit.item == "crude_unit"


def without_whole_numbers(program: LinearProgram) -> LinearProgram:
    """Return the program with parts of lots and shared modes allowed."""
    return replace(program, integer=program.integer[:0])
