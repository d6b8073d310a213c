"""Cases and plans that several tests look at; published data that is not part of the product."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from operator_agent.planning.case_file import PlanningCase, load_case
from operator_agent.planning.plan import Plan
from operator_agent.planning.solve import solve_case

ROOT = Path(__file__).parents[2]
CASE_FILE = ROOT / "cases" / "refinery" / "three_crudes.yaml"
PUBLISHED = Path(os.environ.get("OPERATOR_AGENT_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def case() -> PlanningCase:
    return load_case(CASE_FILE)


@pytest.fixture(scope="session")
def plan(case: PlanningCase) -> Plan:
    return solve_case(case)


@pytest.fixture(scope="session")
def linear_plan(case: PlanningCase) -> Plan:
    return solve_case(case, stage="lp")


@pytest.fixture(scope="session")
def published_folder() -> Path:
    """Return the folder of the published planning cases; skip where they are not at hand."""
    folder = PUBLISHED / "planning"
    if not folder.is_dir():
        pytest.skip(f"published planning cases are not at {folder}; set OPERATOR_AGENT_DATA")
    return folder


@pytest.fixture
def published(published_folder: Path) -> Any:
    """Return a reader of the published planning cases; skip where they are not at hand."""

    def read(name: str) -> Any:
        return json.loads((published_folder / name).read_text(encoding="utf-8"))

    return read
