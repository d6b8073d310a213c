"""Pools: every stream gathers what makes it, takes one quality, and is drawn to its uses."""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.case import PlanningCase
from operator_agent.planning.crude_unit import crude_unit_amount
from operator_agent.planning.cuts import VOLUME, CrudeCuts
from operator_agent.planning.exchange import ALONE, STILL, Exchange, Movement
from operator_agent.planning.mixing import Mixing
from operator_agent.planning.units import unit_amount


def add_pools(
    model: Any,
    case: PlanningCase,
    cuts: Mapping[str, CrudeCuts],
    mixing: Mixing,
    exchange: Exchange = ALONE,
) -> None:
    """Add the balances of all streams: volume, contents, and draws.

    The dual of `drawn[s]` is the value of one more m3 of stream s as it is: the m3 comes with the
    quality of the stream and changes nothing upstream.
    """
    contents = [(s, name) for s in case.streams for name in case.contents[s]]

    def moved(stream: str) -> Movement:
        return exchange.streams.get(stream, STILL)

    def made(block: Any, stream: str, of: str) -> Any:
        if stream in case.crude_unit.streams:
            return crude_unit_amount(block, case, cuts, mixing, stream, of)
        return sum(
            unit_amount(block, mixing, unit, made.yielded if of == VOLUME else made.amounts[of])
            for unit, made in case.producers(stream)
        )

    def supplied(block: Any, stream: str, of: str) -> Any:
        return sum(
            block.supply[one.name] * (1.0 if of == VOLUME else one.contents[of])
            for one in case.suppliers(stream)
        )

    model.supplied = pyo.Expression(case.streams, rule=lambda m, s: supplied(m, s, VOLUME))
    model.made = pyo.Expression(case.streams, rule=lambda m, s: made(m, s, VOLUME))
    model.made_amount = pyo.Expression(contents, rule=made)
    model.inflow = pyo.Expression(
        case.streams, rule=lambda m, s: m.made[s] + m.supplied[s] + moved(s).gained
    )
    model.amount = pyo.Expression(
        contents,
        rule=lambda m, s, name: (
            m.made_amount[s, name] + supplied(m, s, name) + moved(s).amounts.get(name, 0.0)
        ),
    )
    model.gathered = pyo.Constraint(case.streams, rule=lambda m, s: m.volume[s] == m.inflow[s])
    constant = {
        key: value
        for key, value in case.constant_contents.items()
        if key[0] not in exchange.streams
    }
    for key, value in constant.items():
        model.content[key].fix(value)
    model.mixed = pyo.Constraint(
        [key for key in contents if key not in constant],
        rule=lambda m, s, name: (
            mixing.product(m.content[s, name], m.volume[s]) == m.amount[s, name]
        ),
    )
    model.drawn = pyo.Constraint(
        case.streams,
        rule=lambda m, s: (
            sum(m.flow[s, use] for use in case.uses(s)) + moved(s).given == m.volume[s]
        ),
    )
