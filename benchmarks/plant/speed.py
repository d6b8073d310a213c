"""How fast the plants step: against real time, against other solvers, and in many copies.

Run with `python -m benchmarks.plant.speed`. Set `PCGYM_PYTHON` to the python of an environment with
pcgym to include it (`python -m venv ENV && ENV/bin/pip install pcgym`). Differences are of the
states at the end from CVODES with a tolerance of 1e-9, in spans of the states.
"""

import sys
from pathlib import Path
from typing import Any

from benchmarks.plant import copies, peers, unit_of_record

from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit

CASE = Path(__file__).resolve().parents[2] / "cases" / "plants" / "crude_unit.yaml"


def main() -> list[dict[str, Any]]:
    """Run all and print."""
    case = load_crude_unit_case(CASE)
    model = build_controller_model(case)
    found = copies.rows(model)
    copies.show(found)
    beside = peers.rows(model)
    peers.show(beside)
    record = unit_of_record.rows(build_crude_unit(case, "plant"), case)
    unit_of_record.show(record)
    return [*record, *found, *beside]


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
