"""Where every cubic metre of a plan goes: what each unit makes, and what draws each stream."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.case import LinearForm, PlanningCase, ProcessUnit
from operator_agent.planning.mixing import Exact
from operator_agent.planning.units import unit_amount
from operator_agent.units import HOUR_S

DENSITY = "density"
CRUDE_UNIT = "crude_unit"
NOTHING = 1e-6  # [m3/s] flows below tell no density


@dataclass(frozen=True, slots=True)
class Flows:
    """The movements of a plan.

    Attributes:
        made: volume flow by (unit, stream) [m3/s]; the crude unit is `crude_unit`.
        made_mass: mass flow by (unit, stream) [kg/s]; NaN where the case gives no density.
        drawn: volume flow by (stream, use) [m3/s]: a unit, a mode `unit.mode`, or a product.
        contents: of streams by (stream, quality), per m3 (see `qualities`); a density that no
            specification asks for is the mass made and bought over its volume.
    """

    made: Mapping[tuple[str, str], float]
    made_mass: Mapping[tuple[str, str], float]
    drawn: Mapping[tuple[str, str], float]
    contents: Mapping[tuple[str, str], float]

    def density(self, stream: str) -> float:
        """Return the density of a stream [kg/m3]; NaN where the case gives none."""
        return self.contents.get((stream, DENSITY), math.nan)


def read_flows(model: Any, case: PlanningCase) -> Flows:
    """Return the movements at the values of an exact model."""
    contents = {key: float(pyo.value(model.content[key])) for key in model.content}
    made: dict[tuple[str, str], float] = {}
    mass: dict[tuple[str, str], float] = {}
    for stream in case.crude_unit.streams:
        made[CRUDE_UNIT, stream] = float(pyo.value(model.made[stream])) / HOUR_S
        mass[CRUDE_UNIT, stream] = (
            float(pyo.value(model.made_amount[stream, DENSITY])) / HOUR_S
            if (stream, DENSITY) in model.made_amount
            else math.nan
        )
    for unit in case.units.values():
        for run in unit.operations:
            for product in run.products:
                key = (unit.name, product.stream)
                form = product.amounts.get(DENSITY)
                made[key] = made.get(key, 0.0) + _hourly(model, run, product.yielded)
                mass[key] = mass.get(key, 0.0) + _mass(model, run, form, contents)
    drawn = {key: model.flow[key].value / HOUR_S for key in model.flow}
    return Flows(made, mass, drawn, _densities(model, case, made, mass) | contents)


def _densities(
    model: Any,
    case: PlanningCase,
    made: Mapping[tuple[str, str], float],
    mass: Mapping[tuple[str, str], float],
) -> dict[tuple[str, str], float]:
    """Return densities of streams from the masses that come in; none where one is unknown."""
    found = {}
    for stream in case.streams:
        come = [(made[key], mass[key]) for key in made if key[1] == stream]
        for one in case.purchases.values():
            if one.stream == stream:
                flow = float(model.supply[one.name].value) / HOUR_S
                come.append((flow, flow * one.contents.get(DENSITY, math.nan)))
        come = [(flow, known) for flow, known in come if flow > NOTHING]
        volume, total = sum(flow for flow, _ in come), sum(known for _, known in come)
        if volume > 0.0 and math.isfinite(total):
            found[stream, DENSITY] = total / volume
    return found


def _mass(
    model: Any,
    unit: ProcessUnit,
    form: LinearForm | None,
    contents: Mapping[tuple[str, str], float],
) -> float:
    """Return the mass of a unit's product [kg/s]; NaN when the case does not tell."""
    if form is None or any((f, s) not in contents for f in unit.feeds for s in form.slopes):
        return math.nan
    return _hourly(model, unit, form)


def _hourly(model: Any, unit: ProcessUnit, form: LinearForm) -> float:
    return float(pyo.value(unit_amount(model, Exact(), unit, form))) / HOUR_S
