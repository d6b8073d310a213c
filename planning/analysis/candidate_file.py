"""Candidate files: a crude that a case does not know yet, in the words of a case file.

name: brent
assay: ../assays/brent.yaml     # from the folder of this file
price: 74 usd/bbl
sulphur: 0.4 wt%
tail_viscosity: 2.0e4 mm2/s
"""

from pathlib import Path
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.case_file import read_entry

OFFER = {"min": "0 kbbl/d", "max": "0 kbbl/d"}  # nothing of it is bought until it is forced in


def with_candidate(entry: dict[str, Any], path: Path) -> tuple[dict[str, Any], str]:
    """Return a case entry with the crude of a candidate file, and the crude's name.

    Args:
        entry: nested mapping of the case file (see `case_file.read_entry`).
        path: of the candidate file.

    Raises:
        InputError: the file cannot be read, names no crude, has no assay or price, or names a
            crude that the case has already.
    """
    crude = read_entry(path)
    if "price" not in crude or "assay" not in crude:
        raise InputError(
            f"candidate file {path}: 'assay' and 'price' are needed; an assay file alone has no "
            "price: write a file with name, assay, price, sulphur and tail_viscosity"
        )
    name = str(crude.pop("name", ""))
    if not name:
        raise InputError(f"candidate file {path}: 'name' is missing; give the crude a name")
    if name in entry.get("crudes", {}):
        raise InputError(f"candidate file {path}: the case has a crude '{name}' already; rename it")
    crude["assay"] = str((path.parent / str(crude["assay"])).resolve())
    return {**entry, "crudes": {**entry["crudes"], name: {**OFFER, **crude}}}, name
