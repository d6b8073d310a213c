"""A run of the crude unit explained from its record: parts, limits, tables and picture."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from tests.mpc.test_crude_unit import CALM, TARGETS
from tests.runtime.conftest import SITE
from typer.testing import CliRunner

from operator_agent.errors import InputError
from operator_agent.mpc.explain.explanation import explain
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.mpc.tuning.closed_loop import scan_of
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.runtime.cli_explain import explain as command
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.explain_record import (
    ExplainedCycle,
    ExplanationFile,
    ExplanationWriter,
    read_explanations,
)
from operator_agent.runtime.explain_words import (
    Tags,
    accuracy_of,
    limit_prices,
    sentences,
    tables,
)
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.site_file import load_site

pytestmark = pytest.mark.slow
CYCLES = 8
HELD = "flow_vol_hgo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight cycles, the last one with a draw out of service, and one without any reading."""
    site, path = load_site(SITE), tmp_path_factory.mktemp("run")
    case = load_crude_unit_case(Path(site.files["plant"]))
    controller = build_controller(site, case)
    simulator = Simulator(build_crude_unit(case, "plant"), case, CALM, 3)
    writer = ExplanationWriter(path / "explanations.jsonl", site)
    state = None
    for cycle in range(1, CYCLES + 2):
        scan = scan_of(simulator, controller.variables, cycle)
        if cycle > CYCLES:
            scan.y[:] = np.nan
        state = state or controller.start(scan)
        out = {HELD: "taken out of service by Kim"} if cycle == CYCLES else {}
        result, state = controller.step(
            state, scan, TARGETS, None, ServiceRequest(out_of_service=out)
        )
        verdict = "written" if result.outcome.accepted else "held"
        record = CycleRecord(
            cycle, cycle / 60.0, "on", verdict, "", "", 1.0, 1.0, result.active_limits, "", {}, {},
            None, (),
        )  # fmt: skip
        found = explain(result, state, controller.targets)
        assert found.unexplained == ""
        writer.write(simulator.time_s, ExplainedCycle(record, found))
        if result.outcome.accepted:
            names = controller.variables.mv_names
            for name, value in zip(names, result.outcome.move.tolist(), strict=True):
                simulator.write(name, value)
        simulator.advance(60.0)
    return path


@pytest.fixture(scope="module")
def record(folder: Path) -> ExplanationFile:
    return read_explanations(folder)


def test_the_recorded_parts_add_up_to_the_recorded_moves(record: ExplanationFile) -> None:
    for line in record.cycles[:CYCLES]:
        causes = line["moves"]["causes"]
        for name, row in line["moves"]["mvs"].items():
            assert len(row["parts"]) == len(causes)
            moved = line["mvs"][name]["move"] - line["mvs"][name]["now"]
            size = max(1e-12, *map(abs, row["parts"]))
            assert sum(row["parts"]) == pytest.approx(row["move"], abs=1e-7 * size)
            assert row["move"] == pytest.approx(moved, abs=1e-7 * abs(line["mvs"][name]["now"]))


def test_a_held_mv_is_said_and_does_not_move(record: ExplanationFile) -> None:
    line = record.cycle(CYCLES)
    assert line["states"][HELD][0] == "HELD"
    assert line["moves"]["mvs"][HELD]["move"] == 0.0
    assert any("HELD: taken out of service by Kim" in text for text in sentences(record, line))


def test_a_cycle_without_a_move_says_why(record: ExplanationFile) -> None:
    line = record.cycle(None)
    assert not line["accepted"] and line["moves"] is None
    words = sentences(record, line)
    assert "no move" in words[0] and "all CV readings are bad" in words[0]
    tables(record, line)


def test_prices_of_limits_agree_with_solving_the_target_again(record: ExplanationFile) -> None:
    effects = [effect for line in record.cycles for effect in line["target_limits"]]
    assert effects and limit_prices(record)
    for effect in effects:
        assert effect["price_usd_s"] >= 0.0
        name, _, side = effect["limit"].rpartition(" ")
        moved = {**effect["mvs"], **effect["cvs"]}.get(name, 0.0)
        outward = 1.0 if side == "high" else -1.0
        assert 0.0 < outward * moved < 1.001, effect  # it uses the room as far as that pays


def test_gains_are_those_of_the_model_at_rest(record: ExplanationFile) -> None:
    line = record.cycle(2)
    mvs = list(line["mvs"])
    for row in line["gains"].values():
        assert len(row["gain"]) == len(row["share"]) == len(mvs)
        assert sum(map(abs, row["share"])) == pytest.approx(1.0, abs=1e-4)
    draw = line["gains"]["temp_tbp95_hgo"]["gain"][mvs.index("flow_vol_hgo")]
    assert draw > 0.0  # more of a cut reaches further into the residue


def test_accuracy_counts_what_has_come(record: ExplanationFile) -> None:
    accuracy = accuracy_of(record)
    assert accuracy is not None
    assert accuracy.ahead_s[0] == 60.0
    assert np.max(accuracy.count[0]) == CYCLES - 1
    assert accuracy_of(record, 1).count.sum() == 0


def test_the_command_prints_words_tables_json_and_a_picture(folder: Path) -> None:
    app = typer.Typer()
    app.command("explain")(command)

    def run(*words: str):
        return CliRunner(env={"COLUMNS": "300"}).invoke(app, [str(folder), *words])

    shown = run("--cycle", "3", "--plot", str(folder / "p.png"))
    assert shown.exit_code == 0, shown.output
    assert "Cycle 3, controller ON, gate written" in shown.output
    assert "TC1002 moves by" in shown.output and "Steady-state gains" in shown.output
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(run("--json").output)
    assert found["cycle"] == CYCLES + 1 and found["sentences"]
    assert isinstance(run("--cycle", "99").exception, InputError)
    with pytest.raises(InputError, match="no explanations"):
        read_explanations(folder / "nothing")


def test_sentences_say_what_an_operator_asks(record: ExplanationFile) -> None:
    """How far which CV would lie off without moves; nothing of rounding, least of all first."""
    line = record.cycle(3)
    words = "\n".join(sentences(record, line))
    assert "would lie" in words and " too " in words
    assert "e-1" not in words and "of its cost" not in words
    tags = {name: record.head["mvs"][name] for name in line["mvs"]}
    going = [text.split()[0] for text in sentences(record, line) if " moves by " in text]
    moved = {
        words["tag"]: abs(line["moves"]["mvs"][name]["move"]) / words["range"]
        for name, words in tags.items()
    }
    shares = [moved[tag] for tag in going]
    assert shares == sorted(shares, reverse=True)
    for name, cv in line["cvs"].items():
        assert cv["missed"] is not None, name


def test_digits_tell_where_a_move_goes(record: ExplanationFile) -> None:
    name = next(iter(record.head["mvs"]))
    tags = Tags.of(record)
    wide = record.head["mvs"][name]["range"]
    now = 1000.0 * wide
    assert tags.way(name, now, now + 1e-4 * wide).endswith(", its target")
    first, last = tags.way(name, now, now + 2e-3 * wide).removeprefix("from ").split(" towards ")
    assert float(first) < float(last)
    assert tags.way(name, now, None).endswith("towards –")


def test_no_gain_is_lost_and_no_column_is_empty(record: ExplanationFile) -> None:
    """A boiling point per watt is a small number beside one per degree, and counts as much."""
    line = record.cycle(CYCLES)
    _, gains, accuracy = tables(record, line)
    told = {row[0].split()[0]: row[1:] for row in gains.rows}
    for name, row in line["gains"].items():
        cells = told[record.head["cvs"][name]["tag"]]
        for cell, share in zip(cells, row["share"], strict=True):
            assert not cell.startswith("0 ") or share == 0.0
    mvs = list(line["mvs"])
    assert "0" not in {told["AC1102"][mvs.index(f"duty_pumparound_{k}")] for k in ("mid", "bottom")}
    assert all(set(column) != {"–"} for column in zip(*accuracy.rows, strict=True))
    assert len(accuracy.columns) < 1 + len(line["ahead_s"])


def test_what_is_given_up_and_which_scenario_presses_is_said(record: ExplanationFile) -> None:
    cv = next(iter(record.head["cvs"]))
    tag, dv = record.head["cvs"][cv]["tag"], next(iter(record.head["dvs"]))
    line = {
        **record.cycle(3),
        "given_up": [{"limit": f"{cv} high", "by": 2.0, "because": [f"{HELD} held"]}],
        "notes": ["set point of x is not followed: it cannot be meant"],
        "paths": [
            {"values": {dv: [0.8]}, "probability": 0.5, "limits": {f"{cv} hard high": 3.0}},
            {"values": {dv: [1.0]}, "probability": 0.5, "limits": {}},
        ],
    }
    words = sentences(record, line)
    held = record.head["mvs"][HELD]["tag"]
    assert any(f"{tag} high cannot be kept" in t and f"{held} held stand" in t for t in words)
    assert any(t.startswith("Not followed: set point of x") for t in words)
    assert any("50 % likely" in t and f"{tag} hard high" in t for t in words)
    assert any("rests on no CV limit" in t for t in words)
