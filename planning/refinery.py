"""The refinery model: streams, crude unit, units, pools, blends and markets put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.blends import add_blends
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.choices import add_choices, near_choices
from operator_agent.planning.crude_unit import add_crude_unit
from operator_agent.planning.cuts import CrudeCuts, cut_crude
from operator_agent.planning.exchange import ALONE, Exchange
from operator_agent.planning.flow_rows import add_flow_rows
from operator_agent.planning.limits import prepare_limits
from operator_agent.planning.markets import add_markets, taken_in
from operator_agent.planning.mixing import Exact, Mixing
from operator_agent.planning.outcome import put
from operator_agent.planning.pools import add_pools
from operator_agent.planning.qualities import QUALITIES
from operator_agent.planning.streams import Point, add_streams, read_point
from operator_agent.planning.units import add_units
from operator_agent.units import HOUR_S

EMPTY = 1e-6  # [m3/h] draws that add up to less say nothing of how a stream is shared
TRACE = 1e-10  # of a stream: too little to matter, enough to compute a quality
NO_QUALITY = 1e-30  # [m3/h] below this a stream has no quality of its own to compute


@dataclass(frozen=True, slots=True)
class Refinery:
    """A case made ready to be modelled: its crudes are cut once.

    Attributes:
        case: the case.
        cuts: of each crude.
    """

    case: PlanningCase
    cuts: Mapping[str, CrudeCuts]

    @property
    def name(self) -> str:
        """Name of the case."""
        return self.case.name

    def model(self, mixing: Mixing, point: Point) -> Any:
        """Return the Pyomo model, started at a point."""
        return build_model(self, mixing, point)

    def first_point(self) -> Point:
        """Return a point to start from."""
        return first_point(self)

    def place(self, model: Any, point: Point) -> Point:
        """Set the decisions of a point in an exact model and recompute the rest."""
        return place(model, self.case, point)

    def read(self, model: Any) -> Point:
        """Return the present values of a model."""
        return read_point(model)


def refinery(case: PlanningCase) -> Refinery:
    """Return a case with its crudes cut."""
    unit, profiles = case.crude_unit, case.profiles
    return Refinery(
        case, {name: cut_crude(crude, unit, profiles) for name, crude in case.crudes.items()}
    )


def build_model(plant: Refinery, mixing: Mixing, point: Point) -> Any:
    """Return the Pyomo model of a refinery, started at a point."""
    model = pyo.ConcreteModel(plant.case.name)
    prepare_limits(model)
    add_streams(model, plant.case, point)
    add_balances(model, plant, mixing)
    model.profit = pyo.Objective(expr=model.margin, sense=pyo.maximize)
    return model


def add_balances(model: Any, plant: Refinery, mixing: Mixing, exchange: Exchange = ALONE) -> None:
    """Add all balances, limits and the money of a refinery to a model or block.

    Args:
        model: with its places for limits and the variables of its streams.
        plant: the refinery.
        mixing: exact or first order.
        exchange: what tanks and transport add.
    """
    model.case = plant.case
    model.slate = pyo.Constraint(pyo.Any)
    add_crude_unit(model, plant.case)
    add_units(model, plant.case)
    add_pools(model, plant.case, plant.cuts, mixing, exchange)
    add_blends(model, plant.case, mixing)
    add_markets(model, plant.case, mixing, exchange)
    add_flow_rows(model, plant.case)
    add_choices(model, plant.case, mixing)


def first_point(plant: Refinery) -> Point:
    """Return a point to start from: crudes in proportion to what may be bought, streams in the
    middle of what may, cut points in the middle of their windows, every stream shared equally
    between its uses.
    """
    return simulate(build_model(plant, Exact(), equal_shares(plant.case)), plant.case)


def equal_shares(case: PlanningCase) -> Point:
    """Return the decisions of the first point; its volumes and contents are not yet computed."""
    offered = case.slate or {name: crude.high for name, crude in case.crudes.items()}
    if not any(offered.values()):  # everything comes from tanks
        offered = dict.fromkeys(case.crudes, 1.0)
    feed = case.crude_unit.high * HOUR_S
    total = sum(offered.values())
    charge = {name: feed * share / total for name, share in offered.items()}
    supply = {name: 0.5 * (one.low + one.high) * HOUR_S for name, one in case.purchases.items()}
    return Point(
        charge,
        {cut.name: cut.middle for cut in case.crude_unit.cuts},
        dict.fromkeys(case.streams, 0.0),
        {
            (s, name): sum(QUALITIES[name].content_range) / 2.0
            for s in case.streams
            for name in case.contents[s]
        },
        {(s, use): 1.0 for s in case.streams for use in case.uses(s)},
        supply,
        near_choices(case, charge | supply),
    )


def place(model: Any, case: PlanningCase, point: Point) -> Point:
    """Set the decisions of a point in an exact model and recompute the rest (see `simulate`)."""
    decide(model, point)
    return simulate(model, case)


def decide(model: Any, point: Point) -> None:
    """Set the decisions of a point in a model or block; what follows from them stays as it is."""
    model.charge.set_values(point.charge, skip_validation=True)
    model.cut.set_values(point.cut, skip_validation=True)
    model.flow.set_values(point.flow, skip_validation=True)
    model.supply.set_values(point.supply, skip_validation=True)
    model.choice.set_values(point.choice, skip_validation=True)


def simulate(model: Any, case: PlanningCase) -> Point:
    """Set volumes and contents to what crudes, cut points and shares of streams lead to.

    Args:
        model: with exact mixing; its charges, cut points and the proportions of the draws from
            each stream are kept, everything else is recomputed from the front to the back.
        case: of the model.

    Returns:
        The point; all balances hold at it, limits may not.
    """
    for name in model.purchase:
        put(model.purchase, name, pyo.value(taken_in(model, name)))
    for stream in case.streams:
        gather(model, case, stream)
        draws = [model.flow[stream, use] for use in case.uses(stream)]
        share_out(draws, pyo.value(model.volume[stream]))
    return read_point(model)


def gather(model: Any, case: PlanningCase, stream: str) -> None:
    """Set volume and contents of a stream to what flows into it."""
    volume = pyo.value(model.inflow[stream])
    put(model.volume, stream, volume)
    for name in case.contents[stream]:
        if volume > NO_QUALITY:
            put(model.content, (stream, name), pyo.value(model.amount[stream, name]) / volume)


def share_out(draws: Sequence[Any], volume: float) -> None:
    """Draw a volume [m3/h] in the proportions that the variables of the draws have now.

    Every open draw gets a trace at least: what it feeds then has the quality that it would have,
    which the next linear model needs to open it.
    """
    # Solvers leave traces below zero, which have no share in a stream.
    flows = [max(pyo.value(draw), 0.0) for draw in draws]
    before = sum(flows)
    if before <= EMPTY:
        flows = [1.0] * len(draws)
    else:
        least = [TRACE * before if draw.ub is None or draw.ub > 0.0 else 0.0 for draw in draws]
        flows = [max(pair) for pair in zip(flows, least, strict=True)]
    whole = sum(flows)
    for draw, flow in zip(draws, flows, strict=True):
        put(draw.parent_component(), draw.index(), volume * flow / whole)
