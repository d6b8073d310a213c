"""Streams: their volumes, contents and destinations as variables of the model.

The model counts flows in m3/h and money in usd/h, which puts all variables near one another in
size; everything outside the model is SI.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.case import PlanningCase
from operator_agent.planning.choices import Choice, choices
from operator_agent.planning.qualities import QUALITIES
from operator_agent.units import HOUR_S

FLOW_HEADROOM = 2.0  # no stream exceeds twice what comes in: bounds the search, never active


@dataclass(frozen=True, slots=True)
class Point:
    """Values of all decisions and of what follows from them.

    Attributes:
        charge: crude by name [m3/h].
        cut: cut temperatures by name [K].
        volume: of streams [m3/h].
        content: of streams by (stream, quality), per m3.
        flow: by (stream, use) [m3/h].
        supply: streams bought ready, by purchase [m3/h].
        choice: whole numbers that the plan decides (see `choices`).
    """

    charge: Mapping[str, float]
    cut: Mapping[str, float]
    volume: Mapping[str, float]
    content: Mapping[tuple[str, str], float]
    flow: Mapping[tuple[str, str], float]
    supply: Mapping[str, float] = field(default_factory=dict)
    choice: Mapping[Choice, float] = field(default_factory=dict)


def add_streams(model: Any, case: PlanningCase, point: Point) -> None:
    """Add the variables of all streams, started at a point."""
    bought = sum(purchase.high for purchase in case.purchases.values())
    top = FLOW_HEADROOM * (case.crude_unit.high + bought) * HOUR_S
    contents = [(s, name) for s in case.streams for name in case.contents[s]]
    flows = [(s, use) for s in case.streams for use in case.uses(s)]
    cuts = {cut.name: cut for cut in case.crude_unit.cuts}
    model.charge = pyo.Var(list(case.crudes), bounds=(0.0, top), initialize=dict(point.charge))
    model.cut = pyo.Var(
        list(cuts),
        bounds={name: (cut.low, cut.high) for name, cut in cuts.items()},
        initialize=dict(point.cut),
    )
    model.volume = pyo.Var(case.streams, bounds=(0.0, top), initialize=dict(point.volume))
    model.flow = pyo.Var(flows, bounds=(0.0, top), initialize=dict(point.flow))
    model.content = pyo.Var(
        contents,
        bounds={key: QUALITIES[key[1]].content_range for key in contents},
        initialize=dict(point.content),
    )
    model.supply = pyo.Var(list(case.purchases), bounds=(0.0, top), initialize=dict(point.supply))
    most = choices(case)
    model.choice = pyo.Var(
        list(most),
        domain=pyo.Integers,
        bounds={key: (0, count) for key, count in most.items()},
        initialize=dict(point.choice),
    )


def read_point(model: Any) -> Point:
    """Return the present values of the variables.

    What is taken in has no bound of its own: the traces that solvers leave below zero are dropped.
    """

    def values(variable: Any) -> dict[Any, float]:
        return {index: float(pyo.value(variable[index])) for index in variable}

    def taken_in(variable: Any) -> dict[Any, float]:
        return {index: max(value, 0.0) for index, value in values(variable).items()}

    return Point(
        taken_in(model.charge),
        values(model.cut),
        values(model.volume),
        values(model.content),
        values(model.flow),
        taken_in(model.supply),
        values(model.choice),
    )
