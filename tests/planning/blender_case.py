"""A blender of gasoline, small enough to be planned by hand and in a twentieth of a second.

Naphtha takes 8/36 of a barrel of regular and 3/36 of premium, so reformate takes 28/36 and 33/36.
Margins are 3.0 and 4.5 usd/bbl, or 27/7 and 54/11 usd per barrel of reformate, which is scarce: 8
kbbl/d of premium come first, and regular takes the rest of the reformate. Alkylate is too dear.
"""

from collections.abc import Mapping
from pathlib import Path

from operator_agent.planning.casework.tree import CaseNode, load_tree

BLENDER = """
name: blender
utilities: {fuel_price: 6 usd/GJ, steam_price: 0.02 usd/kg}
purchases:
  reformate: {price: 88 usd/bbl, min: 0 kbbl/d, max: 20 kbbl/d, qualities: {octane: 98}}
  naphtha: {price: 70 usd/bbl, min: 0 kbbl/d, max: 30 kbbl/d, qualities: {octane: 62}}
  alkylate: {price: 93 usd/bbl, min: 0 kbbl/d, max: 5 kbbl/d, qualities: {octane: 95}}
products:
  regular:
    components: [reformate, naphtha, alkylate]
    price: 87 usd/bbl
    min: 2 kbbl/d
    max: 30 kbbl/d
    specs: {octane: {min: 90}}
  premium:
    components: [reformate, naphtha, alkylate]
    price: 91 usd/bbl
    min: 0 kbbl/d
    max: 8 kbbl/d
    specs: {octane: {min: 95}}
"""
REGULAR_REFORMATE, PREMIUM_REFORMATE = 28.0 / 36.0, 33.0 / 36.0  # of a barrel
REGULAR_COST = 88.0 * REGULAR_REFORMATE + 70.0 * (1.0 - REGULAR_REFORMATE)  # [usd/bbl]
PREMIUM_COST = 88.0 * PREMIUM_REFORMATE + 70.0 * (1.0 - PREMIUM_REFORMATE)
REFORMATE, MOST_PREMIUM = 20.0, 8.0  # [kbbl/d]
KUSD_D = 1e3 / 24.0  # [usd/h]


def blender_file(folder: Path) -> Path:
    """Write the case and return its file."""
    path = folder / "blender.yaml"
    path.write_text(BLENDER)
    return path


def blender(folder: Path, changes: Mapping[str, object] | None = None) -> CaseNode:
    """Return the case, with changes when there are any."""
    root = load_tree(blender_file(folder))
    return root.changed("changed", changes) if changes else root


def profit_by_hand(premium_price: float) -> float:
    """Return the best profit over the price of premium [usd/h]."""
    regular = (87.0 - REGULAR_COST) / REGULAR_REFORMATE  # per barrel of reformate
    premium = (premium_price - PREMIUM_COST) / PREMIUM_REFORMATE
    to_premium = MOST_PREMIUM * PREMIUM_REFORMATE if premium > regular else 0.0
    return (premium * to_premium + regular * (REFORMATE - to_premium)) * KUSD_D
