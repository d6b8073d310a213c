"""Small cases of purchased streams, units and products, whose optima can be had by hand."""

from pathlib import Path
from typing import Any

from operator_agent.planning.case_file import PlanningCase, case_from_entry
from operator_agent.units import DAY_S, HOUR_S, OIL_BARREL_M3

KBBL_D = 1e3 * OIL_BARREL_M3 / DAY_S  # [m3/s]
KUSD_D = 1e3 / DAY_S * HOUR_S  # [usd/h] of a thousand dollars a day
FREE = {"fuel_price": "0 usd/GJ", "steam_price": "0 usd/kg"}


def bought(price: float, high: float, **more: Any) -> dict[str, Any]:
    return {"price": f"{price} usd/bbl", "min": "0 kbbl/d", "max": f"{high} kbbl/d"} | more


def sold(price: float, high: float, components: list[str], **more: Any) -> dict[str, Any]:
    how = {} if "recipe" in more else {"components": components}
    return bought(price, high) | how | more


def run_at(cost: float, **yields: float) -> dict[str, Any]:
    products = {name: {"yield": {"base": y}, "qualities": {}} for name, y in yields.items()}
    return {"operating_cost": {"base": f"{cost} usd/bbl"}, "products": products}


def unit(feeds: list[str], capacity: float, **more: Any) -> dict[str, Any]:
    flows = {"turndown": "0 kbbl/d", "capacity": f"{capacity} kbbl/d", "energy": "0 GJ/m3"}
    return {"feeds": feeds} | flows | more


def small_entry(**parts: Any) -> dict[str, Any]:
    return {"name": "small", "utilities": dict(FREE)} | parts


def small_case(**parts: Any) -> PlanningCase:
    return case_from_entry(small_entry(**parts), Path(), "small case")
