"""Watch lists: the numbers that a planner wants to see of every case, by key.

profit                       of the plan [usd/h]
crudes.maya                  bought [kbbl/d];       slate.maya: its part of the feed [vol%]
purchases.mtbe               bought [kbbl/d]
units.fcc                    load [kbbl/d]
streams.naphtha              made and bought [kbbl/d]
products.jet                 blended [kbbl/d]
cuts.naphtha/kerosene        cut point [degC]
worth crudes.maya            one more barrel of it at the crude unit [usd/bbl]; also streams
                             and purchases
shadow units.fcc             one more barrel of capacity, or of whatever limit holds
                             [usd/bbl]; also crudes, purchases and products
shadow products.jet.sulphur  the specification moved up by one [usd/h per unit of the case]
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.limits import LimitKind
from operator_agent.planning.plan import Plan
from operator_agent.planning.quantities import in_unit, planning_unit

FLOW, PRICE, SHARE = "kbbl/d", "usd/bbl", "vol%"
SMALLEST_MARGINAL = 1e-3  # [usd/h] interior-point solvers leave traces on limits that do not hold


@dataclass(frozen=True, slots=True)
class Watched:
    """A number of a plan.

    Attributes:
        key: as the planner wrote it.
        unit: of its value.
    """

    key: str
    unit: str

    @property
    def title(self) -> str:
        """Key and unit, for the head of a column."""
        return f"{self.key} [{self.unit}]"


def watch_list(keys: Sequence[str], case: PlanningCase) -> tuple[Watched, ...]:
    """Return the watch list for a case.

    Raises:
        InputError: a key names nothing in the case; the nearest valid key is named.
    """
    known = _units(case)
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3, cutoff=0.0)
            raise InputError(
                f"watched key '{key}' names nothing in case {case.name}; the nearest are "
                f"{', '.join(near)}"
            )
    return tuple(Watched(key, known[key]) for key in keys)


def watched_values(plan: Plan, keys: Sequence[str]) -> Mapping[str, float]:
    """Return the watched numbers of a plan, each in the unit of its `Watched`.

    Raises:
        InputError: a key names nothing in the plan's case.
    """
    watch_list(keys, plan.case)
    return {key: _value(plan, key) for key in keys}


def plan_flows(plan: Plan) -> Mapping[str, float]:
    """Return what a plan buys, loads on its units and sells, by watch key [kbbl/d]."""
    groups = ("crudes.", "purchases.", "units.", "products.")
    return {key: _value(plan, key) for key in _units(plan.case) if key.startswith(groups)}


def _units(case: PlanningCase) -> Mapping[str, str]:
    """Return the unit of every key that a case has."""
    units = [*case.units, *(["crude_unit"] if case.crude_unit.cuts else [])]
    flows = {
        "crudes": list(case.crudes),
        "purchases": list(case.purchases),
        "units": units,
        "streams": list(case.streams),
        "products": list(case.products),
    }
    found = {"profit": "usd/h"}
    found |= {f"{group}.{name}": FLOW for group, names in flows.items() for name in names}
    found |= {f"slate.{name}": SHARE for name in case.crudes}
    found |= {f"cuts.{cut.name}": "degC" for cut in case.crude_unit.cuts}
    for group in ("crudes", "streams", "purchases"):
        found |= {f"worth {group}.{name}": PRICE for name in flows[group]}
    for group in ("crudes", "purchases", "units", "products"):
        found |= {f"shadow {group}.{name}": PRICE for name in flows[group]}
    for product in case.products.values():
        found |= {
            f"shadow products.{product.name}.{spec.quality.name}": f"usd/h per {spec.unit}"
            for spec in product.specs
        }
    return found


def _value(plan: Plan, key: str) -> float:
    words, _, rest = key.rpartition(" ")
    group, _, name = rest.partition(".")
    if words == "shadow":
        return _shadow(plan, group, name)
    if words == "worth":
        values = {
            "crudes": plan.crude_values,
            "streams": plan.stream_values,
            "purchases": plan.purchase_values,
        }
        return in_unit(values[group][name], PRICE)
    if key == "profit":
        return plan.objective
    if group == "cuts":
        return in_unit(plan.cut_points[name], "degC")
    if group == "slate":
        return in_unit(plan.slate[name], SHARE)
    flows = {
        "crudes": plan.charge,
        "purchases": plan.purchases,
        "units": plan.unit_loads,
        "streams": plan.stream_flows,
        "products": {blend.product: blend.flow_vol for blend in plan.blends},
    }
    return in_unit(flows[group][name], FLOW)


def _shadow(plan: Plan, group: str, name: str) -> float:
    """Return the shadow price of whichever side holds; at most one of them is not zero."""
    kinds = {
        "crudes": LimitKind.CRUDE,
        "purchases": LimitKind.PURCHASE,
        "units": LimitKind.UNIT,
        "products": LimitKind.PRODUCT,
    }
    item, _, quality = name.partition(".")
    kind = LimitKind.SPEC if quality else kinds[group]
    prices = [
        result.shadow_price * planning_unit(result.limit.unit).factor
        if quality
        else in_unit(result.shadow_price, PRICE)
        for result in plan.limits
        if (result.limit.kind, result.limit.item, result.limit.quality) == (kind, item, quality)
        and abs(result.shadow_price) > SMALLEST_MARGINAL
    ]
    return sum(prices, start=0.0)
