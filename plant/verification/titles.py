"""Headings of the verification tables, by topic, in their order."""

from collections.abc import Mapping
from types import MappingProxyType

TITLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "operating_point": ("Operating point beside usual ranges",),
        "settling": ("Settling after steps",),
        "closure": ("Closure of balances over a simulated day",),
        "thermo": (
            "Thermodynamics against references",
            "Densities with one gravity per lump for all crudes",
            "Values outside the allowed difference",
        ),
        "yields": (
            "Yields of the lumps' curves beside the assays",
            "Yields of the unit at its cut points beside the assays",
        ),
        "gains": ("Steady gains at the nominal point", "Signs and ranges of gains"),
        "controller_gains": ("Gains of the controller's model beside the plant's",),
        "refinement": ("Refinement in lumps", "Refinement in trays"),
        "upsets": ("Upsets and what happened", "Switches between all pairs of crudes"),
        "classics": ("Classics beside their published values",),
    }
)
SUMMARY = "Rows that miss their criterion"
