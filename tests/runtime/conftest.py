"""A site on free ports, its controller and plan, a running bench, and the command line."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.runtime.loop_bench import LoopBench, open_bench

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.demo import site_with_free_ports
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "cases" / "sites" / "crude_unit.yaml"

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """Return a copy of the shipped site file on free ports."""
    folder = tmp_path / "site"
    folder.mkdir()
    return site_with_free_ports(SITE, folder)


@pytest.fixture
def cli() -> Cli:
    """Return a function that runs `operator-agent` and gives what it said."""

    def run(*arguments: object, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "operator_agent.runtime.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200"},
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def targets() -> EconomicTargets:
    """Return the targets of the shipped plan."""
    payload, _, _ = solve_request(PlanRequest(load_site(SITE).files["planning"], {}, {}))
    return EconomicTargets.from_payload(payload)


@pytest.fixture(scope="module")
def controller() -> Controller:
    """Return the controller of the shipped site."""
    site = load_site(SITE)
    return build_controller(site, load_crude_unit_case(Path(site.files["plant"])))


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, controller: Controller, targets: EconomicTargets
) -> Iterator[LoopBench]:
    """Plant and gate for the tests that leave both alive; each has a loop of its own."""
    folder = tmp_path_factory.mktemp("site")
    with open_bench(site_with_free_ports(SITE, folder), controller, targets) as bench:
        yield bench
