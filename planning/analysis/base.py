"""The solved case that an analysis starts from: its linear program at the optimum, with names."""

import difflib
from dataclasses import dataclass, replace
from typing import Any

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.local_search import LocalSearch
from operator_agent.planning.analysis.totals import Total, weights_of, with_totals
from operator_agent.planning.case import Crude, PlanningCase, Purchase
from operator_agent.planning.limits import LimitKind
from operator_agent.planning.linear import LinearProgram, compile_linear, solve_linear
from operator_agent.planning.markets import product_sale
from operator_agent.planning.outcome import Solution, SolverStop
from operator_agent.planning.recursion import FIRST_TRUST_K, linear_model, solve_recursion
from operator_agent.planning.refinery import Refinery, refinery
from operator_agent.planning.solve import Stage


@dataclass(frozen=True, slots=True)
class Base:
    """A case at its optimum.

    Attributes:
        plant: the case, its crudes cut.
        model: its linear model, holding the values of the optimum.
        program: of the model, with a total for every purchase and sale after its columns; whole
            numbers are fixed where the plan has them.
        solution: of the program.
        totals: column of each total by (kind, item).
    """

    plant: Refinery
    model: Any
    program: LinearProgram
    solution: Solution
    totals: dict[tuple[LimitKind, str], int]

    @property
    def case(self) -> PlanningCase:
        """The case."""
        return self.plant.case

    def key_of(self, words: str) -> str:
        """Return the key of a limit that is named by its key, or by its text or the start of it.

        Raises:
            InputError: no limit of the case is named so, or several are.
        """
        limits = self.model.limits
        if words in limits:
            return words
        start = words.casefold()
        found = [key for key, limit in limits.items() if limit.text().casefold() == start] or [
            key for key, limit in limits.items() if limit.text().casefold().startswith(start)
        ]
        if len(found) == 1:
            return str(found[0])
        if found:
            meant = " or ".join(f"'{limits[key].text()}'" for key in found)
            raise InputError(f"case {self.case.name}: '{words}' may be {meant}; write one of them")
        texts = [*limits, *(limit.text() for limit in limits.values())]
        near = difflib.get_close_matches(words, texts, n=1, cutoff=0.0)
        nearest = f"the nearest is '{near[0]}'" if near else "it has no limits"
        raise InputError(f"case {self.case.name} has no limit '{words}'; {nearest}")

    def row_of(self, key: str) -> int:
        """Return the row of a limit.

        Args:
            key: of the limit, or its text (see `key_of`).

        Raises:
            InputError: the case has no such limit.
        """
        name = self.model.limit[self.key_of(key)].name
        return next(i for i, row in enumerate(self.program.rows) if row.name == name)


def linear_base(case: PlanningCase, *, stage: Stage = "lp") -> Base:
    """Return a case at its optimum.

    Args:
        case: to solve.
        stage: `lp` takes the last linear program of the recursion; `nlp` the linear program about
            the nonlinear optimum, which has the same first-order conditions there.

    Raises:
        SolveFailedError: that stage has no optimum; solve the case to see why.
        InputError: no such stage.
    """
    if stage not in ("lp", "nlp"):
        raise InputError(f"stage '{stage}' is not known; use 'lp' or 'nlp'")
    plant = refinery(case)
    linear = solve_recursion(plant)
    if stage == "lp" and linear.solution.stop is not SolverStop.CONVERGED:
        raise _without_plan(case, stage, linear.solution.stop)  # its model is the elastic one
    model = linear.model
    if stage == "nlp":
        best = LocalSearch(plant, linear.point).best_of([linear.point, plant.first_point()])
        model = linear_model(plant, best.point, FIRST_TRUST_K)
        for key, number in best.point.choice.items():
            model.choice[key].fix(round(number))
    program = compile_linear(model)
    totals = _totals(model, case, program)
    named = with_totals(program, [total for _, total in totals])
    solution = solve_linear(named)
    if solution.stop is not SolverStop.CONVERGED:
        raise _without_plan(case, stage, solution.stop)
    first = len(program.variables)
    replace(solution, variables=program.variables, x=solution.x[:first]).load()
    places = {key: first + index for index, (key, _) in enumerate(totals)}
    return Base(plant, model, named.fixed_at(solution.x), solution, places)


def _without_plan(case: PlanningCase, stage: Stage, stop: SolverStop) -> SolveFailedError:
    return SolveFailedError(
        f"case {case.name} has no plan to analyse in stage '{stage}' ({stop.value}); "
        "`plan explain-conflict` names the limits that must give way"
    )


def _totals(
    model: Any, case: PlanningCase, program: LinearProgram
) -> list[tuple[tuple[LimitKind, str], Total]]:
    """Return purchases and sales as totals at their prices [m3/h, usd/m3]."""
    offers: list[tuple[LimitKind, Crude | Purchase]]
    offers = [(LimitKind.CRUDE, crude) for crude in case.crudes.values()]
    offers += [(LimitKind.PURCHASE, stream) for stream in case.purchases.values()]
    found = []
    for kind, offer in offers:
        weights = weights_of(model.purchase[offer.name] * 1.0, program)
        found.append(((kind, offer.name), Total(f"purchase of {offer.name}", weights, offer.price)))
    for product in case.products.values():
        weights = weights_of(product_sale(model, product) * 1.0, program)
        total = Total(f"sale of {product.name}", weights, -product.price)
        found.append(((LimitKind.PRODUCT, product.name), total))
    return found
