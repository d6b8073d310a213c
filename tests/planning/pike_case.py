"""R. W. Pike's simple refinery as an ordinary planning case (Optimization for Engineering Systems).

Barrels stand as barrels. Fuel gas is counted in thousand standard cubic feet as if in barrels.
Density and sulphur blend by volume there, so `aromatics` stands for sulphur.
"""

from typing import Any

LB_BBL = 0.45359237 / 0.158987294928  # [kg/m3]
REGULAR_OCTANE = 87.0  # of the book; the file holds that of a later copy
KSCF = 1e-3


def pike_entry(data: Any) -> dict[str, Any]:
    """Return the case of the published numbers, as a case file would hold it."""
    prices, capacity = data["prices"], data["capacity"]
    qualities: dict[str, dict[str, Any]] = {}
    for name, table, text in (
        ("octane", "octane", "{}"),
        ("vapour_pressure", "vp", "{} psi"),
        ("aromatics", "sulfur", "{} vol%"),
    ):
        for stream, value in data[table].items():
            qualities.setdefault(stream, {})[name] = {"fixed": text.format(value)}
    for stream, value in data["density"].items():
        qualities[stream]["density"] = {"fixed": f"{value * LB_BBL} kg/m3"}

    def makes(yields: dict[str, float]) -> dict[str, Any]:
        return {
            name: {
                "yield": {"base": share * (KSCF if name == "FG" else 1.0)},
                "qualities": qualities.get(name, {}),
            }
            for name, share in yields.items()
        }

    def unit(by_feed: dict[str, Any], high: float, cost: float) -> dict[str, Any]:
        return {
            "feeds": list(by_feed),
            "turndown": "0 bbl/d",
            "capacity": f"{high} bbl/d",
            "energy": "0 GJ/m3",
            "operating_cost": {"base": f"{cost} usd/bbl"},
            "gain_checked": True,
            "modes": {
                f"of_{feed}": {"feeds": [feed], "products": makes(yields)}
                for feed, yields in by_feed.items()
            },
        }

    def product(name: str, specs: dict[str, Any]) -> dict[str, Any]:
        return {
            "components": data["blend"][name],
            "price": f"{prices[name]} usd/bbl",
            "min": f"{data['demand_min'][name]} bbl/d",
            "max": "200000 bbl/d",
            "specs": specs,
        }

    def petrol(octane: float, pressure: float) -> dict[str, Any]:
        return {"octane": {"min": octane}, "vapour_pressure": {"max": f"{pressure} psi"}}

    def oil(limits: dict[str, float]) -> dict[str, Any]:
        return {
            "density": {"max": f"{limits['density_max'] * LB_BBL} kg/m3"},
            "aromatics": {"max": f"{limits['sulfur_max']} vol%"},
        }

    spec, cost = data["spec"], data["opcost"]
    return {
        "name": "pike",
        "utilities": {"fuel_price": "0 usd/GJ", "steam_price": "0 usd/kg"},
        "purchases": {
            "crude": {
                "price": f"{-prices['crude']} usd/bbl",
                "min": "0 bbl/d",
                "max": f"{capacity['crude_avail']} bbl/d",
            }
        },
        "units": {
            "distillation": unit({"crude": data["yields"]["AD"]}, capacity["AD"], 0.0),
            "reformer": unit(data["yields"]["RF"], capacity["RF"], cost["reformer_feed"]),
            "cracker": unit(data["yields"]["CC"], capacity["CC"], cost["cracker_feed"]),
        },
        "products": {
            "premium": product(
                "premium", petrol(spec["premium"]["octane_min"], spec["premium"]["vp_max"])
            ),
            "regular": product("regular", petrol(REGULAR_OCTANE, spec["regular"]["vp_max"])),
            "diesel": product("diesel", oil(spec["diesel"])),
            "fuel_oil": product("fuel_oil", oil(spec["fuel_oil"])),
            "fuel_gas": {
                "components": ["FG"],
                "price": f"{prices['fuel_gas_per_scf'] / KSCF} usd/bbl",
                "min": "0 bbl/d",
                "max": "200000 bbl/d",
            },
        },
    }
