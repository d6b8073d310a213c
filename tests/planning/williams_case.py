"""Williams' refinery as an ordinary planning case: purchases, modes, a recipe and a ratio row.

Model Building in Mathematical Programming, 5th ed., problem 12.6. Barrels stand as barrels, pounds
as dollars; its profits per barrel stand as prices. Its vapour pressure blends by volume.
"""

from typing import Any


def williams_entry(data: Any) -> dict[str, Any]:
    """Return the case of the published numbers, as a case file would hold it."""
    qualities = {name: {"octane": {"fixed": value}} for name, value in data["octane"].items()} | {
        name: {"vapour_pressure": {"fixed": f"{value} bar"}}
        for name, value in data["vapour_pressure"].items()
    }

    def makes(yields: dict[str, float]) -> dict[str, Any]:
        return {
            name: {"yield": {"base": share}, "qualities": qualities.get(name, {})}
            for name, share in yields.items()
        }

    def unit(feed_yields: dict[str, Any], capacity: float, low: float = 0.0) -> dict[str, Any]:
        modes = {
            f"of_{feed}": {"feeds": [feed], "products": makes(yields)}
            for feed, yields in feed_yields.items()
        }
        return {
            "feeds": list(feed_yields),
            "turndown": f"{low} bbl/d",
            "capacity": f"{capacity} bbl/d",
            "energy": "0 GJ/m3",
            "operating_cost": {"base": "0 usd/m3"},
            "modes": modes,
            "gain_checked": True,  # losses count as nothing in the book
        }

    def product(price: str, how: dict[str, Any], **more: Any) -> dict[str, Any]:
        profit = data["profit_per_bbl"][price]
        sale = {"price": f"{profit} usd/bbl", "min": "0 bbl/d", "max": "100000 bbl/d"}
        return sale | how | more

    petrol = {"components": ["LN", "MN", "HN", "RG", "CG"]}
    lube, octane = data["lube"], data["octane_min"]
    limits = {"min": f"{lube['min']} bbl/d", "max": f"{lube['max']} bbl/d"}
    pressure = {"vapour_pressure": {"max": f"{data['jet_vp_max']} bar"}}
    ratio = data["premium_min_ratio_to_regular"]
    return {
        "name": "williams",
        "utilities": {"fuel_price": "0 usd/GJ", "steam_price": "0 usd/kg"},
        "purchases": {
            name: {"price": "0 usd/bbl", "min": "0 bbl/d", "max": f"{crude['max']} bbl/d"}
            for name, crude in data["crudes"].items()
        },
        "units": {
            "distillation": unit(data["distillation"]["yields"], data["distillation"]["capacity"]),
            "reformer": unit(data["reforming"]["yields"], data["reforming"]["capacity"]),
            "cracker": unit(data["cracking"]["yields"], data["cracking"]["capacity"]),
            "lube_plant": unit(lube["yields"], 10_000.0),
        },
        "products": {
            "premium": product("premium", petrol, specs={"octane": {"min": octane["premium"]}}),
            "regular": product("regular", petrol, specs={"octane": {"min": octane["regular"]}}),
            "jet": product("jet", {"components": ["LO", "HO", "CO", "R"]}, specs=pressure),
            "fuel_oil": product("fuel_oil", {"recipe": data["fuel_oil_recipe"]}),
            "lube_oil": product("lube", {"components": ["LBO"]}, **limits),
        },
        "limits": [
            {
                "name": "premium_share",
                "of": {"products.premium": 1.0, "products.regular": -ratio},
                "min": "0 bbl/d",
            }
        ],
    }
