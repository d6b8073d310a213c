"""Crude evaluation: what a crude is worth to the refinery, barrel by barrel, alone and in company.

Each candidate is forced into the plan in steps, and everything else is optimised anew. The price at
which a step leaves the profit as it is without the crude is its breakeven price; it falls from step
to step as the crude fills what suits it. Candidates are crossed with partners that are forced in
too: what a candidate gains by the company of a partner is their synergy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from operator_agent.engine import Engine, SerialEngine
from operator_agent.engine_task import Progress, TaskResult
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.planning.analysis.base import linear_base
from operator_agent.planning.analysis.tangent import Tangent
from operator_agent.planning.analysis.words import first_sentence
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.limits import LimitKind, Side
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.solve import Stage, solve_case
from operator_agent.units import HOUR_S

ALONE = ""  # partner of a candidate that is evaluated by itself


@dataclass(frozen=True, slots=True)
class ForcedPlan:
    """A plan with a crude, and perhaps a partner, forced in.

    Attributes:
        flow: of the candidate [m3/s].
        profit: [usd/h]; NaN when there is no plan.
        worth_of_next: value of one more m3 of the candidate at the crude unit [usd/m3]; NaN when
            there is no plan.
        reason: why there is no plan; empty when there is one.
    """

    flow: float
    profit: float
    worth_of_next: float
    reason: str = ""

    @property
    def possible(self) -> bool:
        """Whether there is a plan."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class CrudeCurve:
    """What a candidate is worth over its flow.

    Attributes:
        candidate: its name.
        partner: crude that is forced in beside it; empty when alone.
        partner_flow: of the partner [m3/s].
        price: of the candidate in the case [usd/m3].
        plans: from none of it upwards.
    """

    candidate: str
    partner: str
    partner_flow: float
    price: float
    plans: tuple[ForcedPlan, ...]

    @property
    def first_barrel(self) -> float:
        """Price at which its first m3 leaves the profit as it is [usd/m3]."""
        return self.plans[0].worth_of_next

    def gain(self, flow: float) -> float:
        """Return by how much forcing the flow changes the profit [usd/h]; NaN without a plan.

        Raises:
            InputError: the curve has no such flow.
        """
        return self._at(flow).profit - self.plans[0].profit

    def breakeven(self, flow: float) -> float:
        """Return the price at which the whole flow leaves the profit as it is [usd/m3].

        Raises:
            InputError: the curve has no such flow, or it is zero.
        """
        if flow <= 0.0:
            raise InputError(f"breakeven of {self.candidate} at no flow; use first_barrel")
        return self.price + self.gain(flow) / (flow * HOUR_S)

    def increments(self) -> tuple[tuple[float, float, float], ...]:
        """Return what each step is worth: flow from, flow to [m3/s], value of its m3 [usd/m3]."""
        return tuple(
            (
                low.flow,
                high.flow,
                self.price + (high.profit - low.profit) / ((high.flow - low.flow) * HOUR_S),
            )
            for low, high in pairwise(self.plans)
        )

    def _at(self, flow: float) -> ForcedPlan:
        for plan in self.plans:
            if plan.flow == flow:
                return plan
        flows = ", ".join(f"{plan.flow:.6g}" for plan in self.plans)
        raise InputError(
            f"curve of {self.candidate} has no flow {flow:.6g} m3/s; use one of {flows}"
        )


@dataclass(frozen=True, slots=True)
class CrudeEvaluation:
    """Candidates, alone and with each partner.

    Attributes:
        case: its name.
        curves: by (candidate, partner); partner empty for alone.
    """

    case: str
    curves: Mapping[tuple[str, str], CrudeCurve]

    def synergy(self, candidate: str, partner: str, flow: float) -> float:
        """Return what the partner's company adds to the breakeven price [usd/m3].

        Raises:
            InputError: no such flow.
        """
        alone, beside = self.curves[candidate, ALONE], self.curves[candidate, partner]
        return beside.breakeven(flow) - alone.breakeven(flow)


def evaluate_crudes(
    case: PlanningCase,
    candidates: Sequence[str],
    flows: Sequence[float],
    *,
    partners: Mapping[str, float] | None = None,
    stage: Stage = "nlp",
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> CrudeEvaluation:
    """Return what candidates are worth in a case.

    Args:
        case: into which they are forced; a candidate's own limits and lots give way.
        candidates: names of crudes of the case.
        flows: to force, besides none [m3/s].
        partners: crudes to force in beside the candidates, with their flows [m3/s].
        stage: of the plans.
        engine: that solves them; this process when not given.
        progress: is told each result.

    Raises:
        InputError: an unknown crude, a candidate that is its own partner, a flow that is not
            positive, or a slate that is fixed.
        SolveFailedError: there is no plan without a candidate, so nothing to compare with.
    """
    beside = dict(partners or {})
    _check(case, candidates, flows, beside)
    steps = [0.0, *sorted(set(flows))]
    pairs = [(name, partner) for name in candidates for partner in (ALONE, *beside)]
    runs = [
        (name, {name: flow} | ({partner: beside[partner]} if partner else {}))
        for name, partner in pairs
        for flow in steps
    ]
    worker = engine or SerialEngine()
    results = worker.map(partial(_solve_forced, case, stage), runs, progress=progress)
    curves = {}
    for place, (name, partner) in enumerate(pairs):
        plans = tuple(
            _forced_plan(flow, results[place * len(steps) + step])
            for step, flow in enumerate(steps)
        )
        if not plans[0].possible:
            raise SolveFailedError(
                f"case {case.name} has no plan without {name}"
                f"{f' beside {partner}' if partner else ''}: {plans[0].reason}"
            )
        curves[name, partner] = CrudeCurve(
            name, partner, beside.get(partner, 0.0), case.crudes[name].price, plans
        )
    return CrudeEvaluation(case.name, curves)


def with_forced_crude(case: PlanningCase, name: str, flow: float) -> PlanningCase:
    """Return the case in which exactly this flow of a crude is bought, lots or not.

    Args:
        case: with the crude.
        name: of the crude.
        flow: [m3/s].

    Raises:
        InputError: the case has no such crude.
    """
    if name not in case.crudes:
        raise InputError(f"case {case.name} has no crude '{name}'; use {', '.join(case.crudes)}")
    forced = replace(case.crudes[name], low=flow, high=flow, lot=0.0, at_least_if_any=0.0)
    return replace(case, crudes={**case.crudes, name: forced})


def _check(
    case: PlanningCase,
    candidates: Sequence[str],
    flows: Sequence[float],
    partners: Mapping[str, float],
) -> None:
    if case.slate:
        raise InputError(
            f"case {case.name} fixes its slate, so no crude can be forced in; delete 'slate'"
        )
    if not candidates or not flows:
        raise InputError("crude evaluation needs at least one candidate and one flow to force")
    for name in [*candidates, *partners]:
        if name not in case.crudes:
            raise InputError(
                f"case {case.name} has no crude '{name}'; use {', '.join(case.crudes)}, or give "
                "the file of a candidate"
            )
    for name in candidates:
        if name in partners:
            raise InputError(f"crude '{name}' is candidate and partner; name it once")
    capacity = case.crude_unit.high
    for flow in [*flows, *partners.values()]:
        if not 0.0 < flow <= capacity:
            raise InputError(
                f"flow {flow:.6g} m3/s to force is not within 0 and the capacity of the crude "
                f"unit, {capacity:.6g} m3/s"
            )


def _solve_forced(
    case: PlanningCase, stage: Stage, run: tuple[str, Mapping[str, float]]
) -> tuple[float, float]:
    """Return the profit of the plan with flows forced in, and what the next m3 is worth in it."""
    name, forced = run
    for crude, flow in forced.items():
        case = with_forced_crude(case, crude, flow)
    plan = solve_case(case, stage=stage)
    if plan.worth is PointWorth.NONE:
        raise SolveFailedError(f"no plan with the crude forced in ({plan.stop.value})")
    if forced[name] == 0.0:
        return plan.objective, worth_of_first(case, name, stage)
    return plan.objective, plan.crude_values[name]


def worth_of_first(case: PlanningCase, name: str, stage: Stage) -> float:
    """Return what the first m3 of a crude is worth that the case buys none of [usd/m3].

    At none of it the crude is held from both sides and the solver's marginal may be any number
    above. The step that forces it in, from the optimum without it, is exact (see `tangent`) and
    the same whatever the crude costs.

    Args:
        case: in which the crude has a maximum of zero.
        name: of the crude.
        stage: of the plan.

    Raises:
        SolveFailedError: there is no plan, or none with any of the crude.
    """
    base = linear_base(case, stage=stage)
    maximum = base.row_of(f"{LimitKind.CRUDE.value}:{name}:purchase:{Side.MAX.value}")
    column = base.totals[LimitKind.CRUDE, name]
    step = Tangent(base.program, base.solution, opened=maximum).column(column, 1.0)
    if not step.possible:
        raise SolveFailedError(f"case {case.name} has no plan with any {name} in it")
    return case.crudes[name].price + step.gain


def _forced_plan(flow: float, result: TaskResult[tuple[float, float]]) -> ForcedPlan:
    if not result.ok:
        return ForcedPlan(flow, float("nan"), float("nan"), first_sentence(result.error))
    profit, worth = result.value
    return ForcedPlan(flow, profit, worth)
