"""A site on free ports in a folder of its own, and the command line as a user calls it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_agent.runtime.demo import site_with_free_ports

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
