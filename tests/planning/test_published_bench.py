"""The bench: every layout by its content, best known values, and what a broken file gives."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from operator_agent.planning.published.bench import solve_instance
from operator_agent.planning.published.instances import instance_files
from operator_agent.runtime.cli_bench import bench_app

KEYS = ["instance", "status", "objective", "best_known", "gap", "bound", "bound_status"]
KEYS += ["seconds", "violation", "hits"]
# maximise or minimise z = x * y with x + y <= 4, x, y in 0..4
ROWS: dict[str, Any] = {
    "nvar": 3,
    "lb": [0, 0, 0],
    "ub": [4, 4, 20],
    "x0": [0, 0, 0],
    "type": ["c", "c", "c"],
    "sense": "max",
    "obj_var": 2,
    "rows": [[[2], [-1.0], [0], [1], [1.0], 0.0, 0.0], [[0, 1], [1.0, 1.0], [], [], [], None, 4.0]],
}


def written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("name", "objective", "status"),
    [
        ("pike.json", 701_823.43, "optimal"),
        ("williams_refinery.json", 211_365.13, "optimal"),
        ("pooling/haverly1.json", -400.0, "optimal"),
    ],
)
def test_published_values_are_reached(
    published_folder: Path, name: str, objective: float, status: str
) -> None:
    found = solve_instance(published_folder / name)
    assert found.objective == pytest.approx(objective, rel=1e-6)
    assert found.status == status
    assert found.best_known == pytest.approx(objective)
    assert found.gap == pytest.approx(0.0, abs=1e-6)
    assert found.violation is not None
    assert found.violation < 1e-8
    assert found.hits[0] >= 1


@pytest.mark.slow
def test_the_industrial_case_reaches_the_published_profit(published_folder: Path) -> None:
    found = solve_instance(published_folder / "emrps" / "case1_all_parameters.txt", starts=1)
    assert found.best_known == 34_167_967.96
    assert found.objective == pytest.approx(found.best_known, rel=1e-8)
    # The published plan rests on a stream without a density, which the reader is told.
    assert all("s22" in note for note in found.notes)


@pytest.mark.slow
def test_the_industrial_case_with_inventories_beats_the_published_profit(
    published_folder: Path,
) -> None:
    found = solve_instance(published_folder / "emrps" / "case2_all_parameters.txt", starts=1)
    assert found.objective is not None
    assert found.objective > 69.7e6 > 67_303_189.53
    assert found.gap is not None
    assert found.gap < -0.03
    assert any("no balance holds for it" in note for note in found.notes)


def test_rows_are_solved_in_either_sense(tmp_path: Path) -> None:
    most = solve_instance(written(tmp_path / "most.json", ROWS))
    assert most.objective == pytest.approx(4.0, rel=1e-6)
    fewer = ROWS | {"sense": "min", "lb": [1, 1, 0]}
    least = solve_instance(written(tmp_path / "least.json", fewer))
    assert least.objective == pytest.approx(1.0, rel=1e-6)
    assert least.best_known is None
    assert least.gap is None


def test_a_changed_instance_has_no_published_profit(published_folder: Path, tmp_path: Path) -> None:
    raw = json.loads((published_folder / "pike.json").read_text())
    found = solve_instance(written(tmp_path / "pike.json", raw | {"name": "another"}))
    assert found.best_known is None
    assert found.objective == pytest.approx(708_164.316, abs=0.01)


def test_a_broken_file_is_told_and_the_others_are_solved(
    published_folder: Path, tmp_path: Path
) -> None:
    written(tmp_path / "a.json", {"feeds": 3})
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_bytes((published_folder / "pike.json").read_bytes())
    (tmp_path / "d_all_sets.txt").write_text("left out")
    out = tmp_path / "out.json"
    arguments = ["planning", str(tmp_path), str(tmp_path / "none"), "--json", str(out)]
    assert CliRunner().invoke(bench_app, arguments).exit_code == 1
    entries = {entry["instance"]: entry for entry in json.loads(out.read_text())}
    assert list(entries) == ["a", "b", "c", "none"]
    assert all(list(entry)[: len(KEYS)] == KEYS for entry in entries.values())
    assert entries["a"]["status"].startswith("error: ")
    assert "no published layout" in entries["a"]["status"]
    assert "cannot be read" in entries["b"]["status"]
    assert "no such file" in entries["none"]["status"]
    assert entries["c"]["hits"] == {"reached": 1, "of": 1}


def test_a_solved_file_ends_well_and_prints_json(published_folder: Path) -> None:
    path = published_folder / "williams_refinery.json"
    ended = CliRunner().invoke(bench_app, ["planning", str(path), "--json", "-"])
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)[0]["bound_status"] == "proven"


def test_a_folder_gives_its_instances_at_any_depth(published_folder: Path) -> None:
    names = [path.name for path in instance_files(published_folder)]
    assert "haverly1.json" in names
    assert "case1_all_parameters.txt" in names
    assert "case1_all_sets.txt" not in names
