"""Pike's simple refinery: the layout of its JSON file, and the linear program as a Pyomo model.

R. W. Pike, "Optimization for Engineering Systems", simple refinery. Crude goes through an
atmospheric distillation (AD), a reformer (RF) and a catalytic cracker (CC); streams are blended
into products with limits on their properties. Barrels a day, standard cubic feet of fuel gas,
dollars a day.
"""

from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import InputError
from operator_agent.planning.published.json_entry import STRICT, entry_of

KEYS = frozenset({"prices", "capacity", "yields", "blend"})  # mark the layout
GAS = "FG"  # fuel gas, sold as it comes
# The textbook's instance circulates with 83 as the octane of regular petrol; the textbook's is 87,
# and its published optimum holds for that (701 823 dollars a day).
PUBLISHED_NAME, CIRCULATED_OCTANE, PUBLISHED_OCTANE = "pike_simple_refinery", 83.0, 87.0
PUBLISHED_OPTIMUM = 701_823.43  # dollars a day, of the instance with the textbook's octane


@dataclass(frozen=True, slots=True)
class Capacity:
    """Largest amounts [bbl/d]: crude on offer, and feed of AD, RF and CC."""

    crude_avail: float
    AD: float
    RF: float
    CC: float

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Yields:
    """Yields [bbl/bbl, fuel gas scf/bbl]: of crude by stream, of RF and CC by feed and stream."""

    AD: dict[str, float]
    RF: dict[str, dict[str, float]]
    CC: dict[str, dict[str, float]]

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class OperatingCost:
    """Cost of what is fed to RF and CC [usd/bbl]; a note says where that of AD is."""

    reformer_feed: float
    cracker_feed: float
    note: str = ""

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class PikeRefinery:
    """The refinery as its file gives it; the keys are those of the file.

    Attributes:
        name, source: of the problem.
        prices: of crude (negative), of fuel gas by scf, and of every product [usd/bbl].
        opcost, capacity, yields: see there.
        blend: components by product.
        octane, vp, density, sulfur: properties of components, mixing by volume.
        spec: by product, limits `octane_min`, `vp_max` and so on.
        demand_min: least amount by product [bbl/d].
        known_optimum: published profit [usd/d], None when the file has none.
    """

    name: str
    prices: dict[str, float]
    opcost: OperatingCost
    capacity: Capacity
    yields: Yields
    blend: dict[str, list[str]]
    octane: dict[str, float]
    vp: dict[str, float]
    density: dict[str, float]
    sulfur: dict[str, float]
    spec: dict[str, dict[str, float]]
    demand_min: dict[str, float]
    source: str = ""
    known_optimum: float | None = None

    __pydantic_config__ = STRICT

    def property_values(self) -> dict[str, dict[str, float]]:
        """Return the values of components by property."""
        return {
            "octane": self.octane,
            "vp": self.vp,
            "density": self.density,
            "sulfur": self.sulfur,
        }


def pike_refinery(raw: dict[str, Any], source: str) -> PikeRefinery:
    """Return the refinery in a mapping.

    Args:
        raw: as read from the file.
        source: of the mapping, for messages.

    Raises:
        InputError: a key is missing or unknown, a limit is on no property, a component lacks a
            property that is limited, or a stream is used that nothing makes.
    """
    case = entry_of(PikeRefinery, raw, source)
    made = {stream for yields in _stream_yields(case) for stream in yields}
    used = [*case.yields.RF, *case.yields.CC, *(s for parts in case.blend.values() for s in parts)]
    for stream in used:
        if stream not in made:
            raise InputError(f"{source}: stream '{stream}' is used and nothing makes it; add it")
    for product, parts in case.blend.items():
        if product not in case.prices:
            raise InputError(f"{source}: prices has no '{product}'; add its price")
        for limit in case.spec.get(product, {}):
            name, _, end = limit.rpartition("_")
            values = case.property_values().get(name)
            if values is None or end not in ("min", "max"):
                raise InputError(
                    f"{source}: spec.{product}.{limit} is on no property; write one of "
                    f"{', '.join(case.property_values())} with _min or _max"
                )
            for part in parts:
                if part not in values:
                    raise InputError(f"{source}: {name} of '{part}' is missing; add it")
    for key in ("crude", "fuel_gas_per_scf"):
        if key not in case.prices:
            raise InputError(f"{source}: prices has no '{key}'; add it")
    return case


def published_pike(case: PikeRefinery) -> tuple[PikeRefinery, str]:
    """Return a refinery as published, and a sentence about what was corrected for that.

    Only the textbook's own instance, by name and by the octane that circulates in its place, is
    corrected; every other refinery of the layout stays as its file has it, with an empty sentence.
    """
    regular = case.spec.get("regular", {})
    if case.name != PUBLISHED_NAME or regular.get("octane_min") != CIRCULATED_OCTANE:
        return case, ""
    spec = case.spec | {"regular": regular | {"octane_min": PUBLISHED_OCTANE}}
    note = (
        f"octane_min of regular is {CIRCULATED_OCTANE:g} in the file and {PUBLISHED_OCTANE:g} in "
        "the textbook; solved with the textbook's"
    )
    return replace(case, spec=spec, known_optimum=PUBLISHED_OPTIMUM), note


def _stream_yields(case: PikeRefinery) -> list[dict[str, float]]:
    return [case.yields.AD, *case.yields.RF.values(), *case.yields.CC.values()]


def build_pike(case: PikeRefinery) -> Any:
    """Return the refinery as a linear Pyomo model; its profit is to be maximised.

    Columns: `crude`, `feed[unit,s]`, `blend[s,product]`. Rows: `capacity[unit]`, `balance[s]`,
    `demand[product]`, `specification[product,limit]`.
    """
    model = pyo.ConcreteModel(name=case.name)
    feeds = [(u, s) for u in ("RF", "CC") for s in _unit_yields(case, u)]
    model.crude = pyo.Var(bounds=(0.0, min(case.capacity.crude_avail, case.capacity.AD)))
    model.feed = pyo.Var(feeds, domain=pyo.NonNegativeReals)
    model.blend = pyo.Var(
        [(s, product) for product, parts in case.blend.items() for s in parts],
        domain=pyo.NonNegativeReals,
    )
    limits = {"RF": case.capacity.RF, "CC": case.capacity.CC}
    model.capacity = pyo.Constraint(list(limits), rule=lambda m, u: _sum(m.feed, 0, u) <= limits[u])
    streams = dict.fromkeys(s for yields in _stream_yields(case) for s in yields if s != GAS)
    model.balance = pyo.Constraint(
        list(streams),
        rule=lambda m, s: _made(m, case, s) == _sum(m.feed, 1, s) + _sum(m.blend, 0, s),
    )
    model.demand = pyo.Constraint(
        [product for product in case.demand_min if product in case.blend],
        rule=lambda m, product: _sum(m.blend, 1, product) >= case.demand_min[product],
    )
    model.specification = pyo.Constraint(
        [(product, limit) for product in case.blend for limit in case.spec.get(product, {})],
        rule=lambda m, product, limit: _specification(m, case, product, limit),
    )
    model.profit = pyo.Objective(expr=_profit(model, case), sense=pyo.maximize)
    return model


def _unit_yields(case: PikeRefinery, unit: str) -> dict[str, dict[str, float]]:
    return case.yields.RF if unit == "RF" else case.yields.CC


def _sum(columns: Any, place: int, name: str) -> Any:
    return pyo.quicksum(columns[key] for key in columns if key[place] == name)


def _made(model: Any, case: PikeRefinery, stream: str) -> Any:
    return case.yields.AD.get(stream, 0.0) * model.crude + pyo.quicksum(
        _unit_yields(case, unit)[feed].get(stream, 0.0) * model.feed[unit, feed]
        for unit, feed in model.feed
    )


def _specification(model: Any, case: PikeRefinery, product: str, limit: str) -> Any:
    name, _, end = limit.rpartition("_")
    values, bound = case.property_values()[name], case.spec[product][limit]
    excess = pyo.quicksum(
        (values[s] - bound) * model.blend[s, product] for s in case.blend[product]
    )
    return excess >= 0 if end == "min" else excess <= 0


def _profit(model: Any, case: PikeRefinery) -> Any:
    """Return sales of products and fuel gas, less crude and operating costs."""
    cost = {"RF": case.opcost.reformer_feed, "CC": case.opcost.cracker_feed}
    return (
        pyo.quicksum(case.prices[p] * _sum(model.blend, 1, p) for p in case.blend)
        + case.prices["fuel_gas_per_scf"] * _made(model, case, GAS)
        + case.prices["crude"] * model.crude
        - pyo.quicksum(cost[unit] * model.feed[unit, feed] for unit, feed in model.feed)
    )
