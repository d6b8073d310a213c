"""Williams' refinery: the layout of its JSON file, and the linear program as a Pyomo model.

H. P. Williams, "Model Building in Mathematical Programming", 5th edition, problem 12.6. Crudes are
distilled, naphthas reformed, oils cracked; what is left is blended into petrols, jet fuel and fuel
oil, or makes lubricants. Barrels a day and the money of the file.
"""

from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import InputError
from operator_agent.planning.published.json_entry import STRICT, entry_of

KEYS = frozenset({"crudes", "distillation", "reforming", "cracking"})  # mark the layout
PREMIUM, REGULAR = "premium", "regular"  # the petrols that the ratio row ties


@dataclass(frozen=True, slots=True)
class Crude:
    """Largest amount of a crude [bbl/d]."""

    max: float

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Process:
    """A process: capacity [bbl/d], and yields by feed and stream [bbl/bbl]."""

    capacity: float
    yields: dict[str, dict[str, float]]

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class Lubricant:
    """The lubricant: yields by feed and its one stream [bbl/bbl], least and largest amount."""

    yields: dict[str, dict[str, float]]
    min: float
    max: float

    __pydantic_config__ = STRICT


@dataclass(frozen=True, slots=True)
class WilliamsRefinery:
    """The refinery as its file gives it; the keys are those of the file.

    Attributes:
        name, source, currency: of the problem.
        crudes: by name.
        distillation, reforming, cracking: processes; distillation has yields by crude.
        lube: the lubricant.
        octane: of every component of petrol; octane_min: by petrol.
        vapour_pressure: of every component of jet fuel; jet_vp_max: largest of jet fuel.
        fuel_oil_recipe: proportions of streams in fuel oil.
        premium_min_ratio_to_regular: premium is at least this part of regular.
        profit_per_bbl: by product; petrols, jet, fuel_oil, lube.
        known_optimum: published profit, None when unknown.
        published_solution: published amounts, for comparison.
    """

    name: str
    crudes: dict[str, Crude]
    distillation: Process
    reforming: Process
    cracking: Process
    lube: Lubricant
    octane: dict[str, float]
    octane_min: dict[str, float]
    vapour_pressure: dict[str, float]
    jet_vp_max: float
    fuel_oil_recipe: dict[str, float]
    premium_min_ratio_to_regular: float
    profit_per_bbl: dict[str, float]
    source: str = ""
    currency: str = ""
    known_optimum: float | None = None
    published_solution: dict[str, float] | None = None

    __pydantic_config__ = STRICT


def williams_refinery(raw: dict[str, Any], source: str) -> WilliamsRefinery:
    """Return the refinery in a mapping.

    Args:
        raw: as read from the file.
        source: of the mapping, for messages.

    Raises:
        InputError: a key is missing or unknown, a crude has no yields, a price is missing, or a
            stream is used that nothing makes.
    """
    case = entry_of(WilliamsRefinery, raw, source)
    made = {stream for yields in _all_yields(case) for stream in yields}
    used = [*case.octane, *case.vapour_pressure, *case.fuel_oil_recipe, *case.lube.yields]
    used += [*case.reforming.yields, *case.cracking.yields]
    for stream in used:
        if stream not in made:
            raise InputError(f"{source}: stream '{stream}' is used and nothing makes it; add it")
    for crude in case.crudes:
        if crude not in case.distillation.yields:
            raise InputError(f"{source}: crude '{crude}' has no distillation.yields; add them")
    for product in (*case.octane_min, "jet", "fuel_oil", "lube"):
        if product not in case.profit_per_bbl:
            raise InputError(f"{source}: profit_per_bbl has no '{product}'; add it")
    if not {PREMIUM, REGULAR} <= set(case.octane_min):
        raise InputError(f"{source}: octane_min needs '{PREMIUM}' and '{REGULAR}'; add them")
    if sum(case.fuel_oil_recipe.values()) <= 0.0:
        raise InputError(f"{source}: fuel_oil_recipe adds up to nothing; give its proportions")
    return case


def _all_yields(case: WilliamsRefinery) -> list[dict[str, float]]:
    distilled = [case.distillation.yields[c] for c in case.crudes if c in case.distillation.yields]
    return [*distilled, *case.reforming.yields.values(), *case.cracking.yields.values()]


def build_williams(case: WilliamsRefinery) -> Any:
    """Return the refinery as a linear Pyomo model; its profit is to be maximised.

    Columns: `crude[c]`, `reform[s]`, `crack[s]`, `petrol[s,p]`, `jet[s]`, `fuel_oil`,
    `lube_feed[s]`, `lube`. Rows: `cdu`, `reforming`, `cracking` (capacities), `balance[s]`,
    `octane[p]`, `vapour`, `premium`, `lube_yield`.
    """
    model = pyo.ConcreteModel(name=case.name)
    petrols, free = list(case.octane_min), pyo.NonNegativeReals
    model.crude = pyo.Var(list(case.crudes), bounds=lambda m, c: (0.0, case.crudes[c].max))
    model.reform = pyo.Var(list(case.reforming.yields), domain=free)
    model.crack = pyo.Var(list(case.cracking.yields), domain=free)
    model.petrol = pyo.Var(list(case.octane), petrols, domain=free)
    model.jet = pyo.Var(list(case.vapour_pressure), domain=free)
    model.fuel_oil = pyo.Var(domain=free)
    model.lube_feed = pyo.Var(list(case.lube.yields), domain=free)
    model.lube = pyo.Var(bounds=(case.lube.min, case.lube.max))
    _add_processes(model, case)
    _add_blends(model, case)
    total = {p: pyo.quicksum(model.petrol[:, p]) for p in petrols}
    profit = case.profit_per_bbl
    model.profit = pyo.Objective(
        expr=pyo.quicksum(profit[p] * total[p] for p in petrols)
        + profit["jet"] * pyo.quicksum(model.jet.values())
        + profit["fuel_oil"] * model.fuel_oil
        + profit["lube"] * model.lube,
        sense=pyo.maximize,
    )
    return model


def _add_processes(model: Any, case: WilliamsRefinery) -> None:
    """Add capacities, and that of each stream as much is used as is made."""
    for name, columns, process in (
        ("cdu", model.crude, case.distillation),
        ("reforming", model.reform, case.reforming),
        ("cracking", model.crack, case.cracking),
    ):
        feed = pyo.quicksum(columns.values())
        model.add_component(name, pyo.Constraint(expr=feed <= process.capacity))
    streams = dict.fromkeys(stream for yields in _all_yields(case) for stream in yields)
    model.balance = pyo.Constraint(
        list(streams), rule=lambda m, s: _used(m, case, s) == _made(m, case, s)
    )
    model.lube_yield = pyo.Constraint(
        expr=pyo.quicksum(
            sum(yields.values()) * model.lube_feed[s] for s, yields in case.lube.yields.items()
        )
        == model.lube
    )


def _made(model: Any, case: WilliamsRefinery, stream: str) -> Any:
    return pyo.quicksum(
        process.yields[feed].get(stream, 0.0) * columns[feed]
        for columns, process in (
            (model.crude, case.distillation),
            (model.reform, case.reforming),
            (model.crack, case.cracking),
        )
        for feed in columns
    )


def _used(model: Any, case: WilliamsRefinery, stream: str) -> Any:
    parts = [c[stream] for c in (model.reform, model.crack, model.jet) if stream in c]
    parts += [model.petrol[key] for key in model.petrol if key[0] == stream]
    parts += [model.lube_feed[stream]] if stream in model.lube_feed else []
    share = case.fuel_oil_recipe.get(stream, 0.0) / sum(case.fuel_oil_recipe.values())
    return pyo.quicksum(parts) + share * model.fuel_oil


def _add_blends(model: Any, case: WilliamsRefinery) -> None:
    """Add octane of petrols, vapour pressure of jet fuel, and the ratio of the petrols."""
    model.octane = pyo.Constraint(
        list(case.octane_min),
        rule=lambda m, p: (
            pyo.quicksum(
                (case.octane[s] - case.octane_min[p]) * m.petrol[s, p] for s in case.octane
            )
            >= 0
        ),
    )
    pressure = case.vapour_pressure
    model.vapour = pyo.Constraint(
        expr=pyo.quicksum((pressure[s] - case.jet_vp_max) * model.jet[s] for s in pressure) <= 0
    )
    ratio = case.premium_min_ratio_to_regular
    model.premium = pyo.Constraint(
        expr=pyo.quicksum(model.petrol[:, PREMIUM]) - ratio * pyo.quicksum(model.petrol[:, REGULAR])
        >= 0
    )
