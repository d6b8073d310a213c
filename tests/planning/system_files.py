"""Systems of small plants, written to files and read as a user's are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from operator_agent.planning.system.reader import load_system
from operator_agent.planning.system.system import PlanningSystem

from .small_case import bought, small_entry, sold

HOURS = 720.0  # of a period of 30 days


def trader(buys: float, sells: float, most: float = 10.0) -> dict[str, Any]:
    """Return a plant that buys naphtha and sells it at other prices [usd/bbl], in kbbl/d."""
    return small_entry(
        purchases={"naphtha": bought(buys, most)},
        products={"export": sold(sells, most, ["naphtha"])},
    )


def pool_entry(quality: Mapping[str, float], prices: Mapping[str, float]) -> dict[str, Any]:
    """Return a plant that buys A and B into one pool, with sulphur [wt%] and prices [usd/bbl]."""
    return small_entry(
        purchases={
            name: bought(prices[name], 1e3, stream="pool", qualities=grade(quality[name]))
            for name in ("A", "B")
        },
        products={"slop": sold(0.0, 0.0, ["pool"])},
    )


def grade(sulphur: float) -> dict[str, str]:
    return {"density": "800 kg/m3", "sulphur": f"{sulphur} wt%"}


def period(name: str, days: float = 30.0, **changes: Any) -> dict[str, Any]:
    """Return a period; changes by key, with two underscores for a dot."""
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    return {"name": name, "length": f"{days} d", "changes": keys}


def system_of(
    folder: Path, plants: Mapping[str, Mapping[str, Any]], **parts: Any
) -> PlanningSystem:
    """Return a system of plants, each a case entry with its tanks under `tanks`."""
    return load_system(system_file(folder, plants, **parts))


def system_file(folder: Path, plants: Mapping[str, Mapping[str, Any]], **parts: Any) -> Path:
    """Write case files and a system file, and return the latter."""
    listed = {}
    for name, entry in plants.items():
        case = {key: value for key, value in entry.items() if key != "tanks"}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(case | {"name": name}))
        listed[name] = {"case": f"{name}.yaml", "tanks": entry.get("tanks", {})}
    content = {"name": "system", "plants": listed, "periods": [period("july")]} | parts
    file = folder / "system.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file
