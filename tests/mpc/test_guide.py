"""The guide to the controller runs as it stands, and names tests and files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "mpc.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.slow
def test_the_session_of_the_guide_runs():
    names: dict[str, object] = {"print": lambda *values: None}
    for text in BLOCK.findall(GUIDE):
        exec(compile(text, "docs/mpc.md", "exec"), names)
    assert "found" in names


def test_files_and_tests_that_the_guide_names_exist():
    folders = ("", "mpc/", "mpc/engine/", "mpc/estimation/", "mpc/target/", "mpc/status/",
               "mpc/explain/", "mpc/robust/", "mpc/tuning/", "tests/mpc/")  # fmt: skip
    named = re.findall(r"`((?:[\w]+/)*\w+\.py)`", GUIDE)
    lost = [n for n in named if not any((ROOT / f / n).exists() for f in folders)]
    tests = "".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    lost += [n for n in re.findall(r"`(test_\w+)`", GUIDE) if f"def {n}(" not in tests]
    assert not lost
