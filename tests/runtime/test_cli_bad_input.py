"""Bad input ends in one sentence that names the thing, and in an exit code that is not 0."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.conftest import ROOT, SITE, Cli

from operator_agent.runtime.child_process import ChildProcess

CASE = ROOT / "cases" / "refinery" / "three_crudes.yaml"
PLAN = {
    "targets": {
        "case": "three_crudes",
        "created_s": 0.0,
        "slate": {"arabian_light": 0.6, "maya": 0.15, "bonny_light": 0.25},
        "flow_vol_feed": 0.184,
        "targets": {"temp_tbp95_kerosene": 520.0},
        "stream_prices": {
            "feed": 450.0, "naphtha": 440.0, "kerosene": 575.0,
            "lgo": 570.0, "hgo": 490.0, "residue": 395.0,
        },
        "energy_price": 6.5e-9,
        "steam_price": 0.022,
    }
}  # fmt: skip


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN))
    return path


@pytest.fixture
def state(cli: Cli, site_file: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    assert cli("keys", site_file, "--state", folder).returncode == 0
    return folder


def refused(done: object, code: int, *words: str) -> None:
    stderr, returncode = done.stderr, done.returncode  # type: ignore[attr-defined]
    assert returncode == code, stderr
    assert "Traceback" not in stderr
    sentence = " ".join(stderr.split())
    assert "error:" in sentence
    for word in words:
        assert word in sentence, sentence


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("price: 64.0 usd/bbl", "price: .nan usd/bbl", 2, ["maya", "price", "nan"]),
        ("assay: ../assays/maya.yaml", "assay: ../assays/maia.yaml", 2, ["maia.yaml"]),
        ("turndown: 60 kbbl/d", "turn_down: 60 kbbl/d", 2, ["turn_down", "turndown"]),
        ("turndown: 60 kbbl/d", "turndown: 99.9 kbbl/d", 3, []),
    ],
    ids=["price of NaN", "missing crude", "misspelt key", "infeasible"],
)
def test_a_wrong_planning_case(
    cli: Cli, tmp_path: Path, old: str, new: str, code: int, words: list[str]
) -> None:
    text = CASE.read_text().replace("../assays/", f"{ROOT}/cases/assays/")
    old, new = (part.replace("../assays/", f"{ROOT}/cases/assays/") for part in (old, new))
    assert old in text
    changed = text.replace(old, new, 1)
    if code == 3:  # more crude than may be bought
        changed = changed.replace("max: 65 kbbl/d", "max: 41 kbbl/d", 1)
        changed = changed.replace("max: 40 kbbl/d ", "max: 5 kbbl/d ", 1)
        words = ["crude_unit: feed at least 99.9 kbbl/d", "arabian_light: purchase"]
    path = tmp_path / "case.yaml"
    path.write_text(changed)
    refused(cli("plan", "solve", path), code, *words)


def test_a_misspelt_key_in_the_site_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.read_text().replace("margin_fraction", "margin_fracton"))
    refused(cli("keys", path), 2, "safety.margin_fracton", "did you mean 'margin_fraction'")


def test_a_site_without_keys(cli: Cli, site_file: Path, tmp_path: Path) -> None:
    refused(
        cli("gate", "run", site_file, "--state", tmp_path / "none"), 2, "operator-agent keys SITE"
    )


def test_an_unreachable_server(cli: Cli, site_file: Path, state: Path, plan_file: Path) -> None:
    done = cli("control", "run", site_file, "--state", state, "--plan", plan_file, "--on")
    refused(done, 5, "opc.tcp://127.0.0.1:")
    done = cli("gate", "run", site_file, "--state", state)
    refused(done, 5, "opc.tcp://127.0.0.1:")


def test_an_altered_policy(cli: Cli, site_file: Path, state: Path, plan_file: Path) -> None:
    policy = Path(site_file.parent / "altered.policy")
    shipped = (ROOT / "cases" / "policies" / "crude_unit.policy").read_text()
    where = shipped.index('"seed"') if '"seed"' in shipped else len(shipped) // 2
    digit = next(i for i in range(where, len(shipped)) if shipped[i].isdigit())
    other = "1" if shipped[digit] != "1" else "2"
    policy.write_text(shipped[:digit] + other + shipped[digit + 1 :])
    text = site_file.read_text().replace(
        str(ROOT / "cases" / "policies" / "crude_unit.policy"), str(policy)
    )
    site_file.write_text(text)
    done = cli("control", "run", site_file, "--state", state, "--plan", plan_file, "--on")
    refused(done, 4, "altered.policy")


@contextlib.contextmanager
def plant(site_file: Path, state: Path) -> Iterator[ChildProcess]:
    arguments = ["plant", "serve", str(site_file), "--state", str(state), "--paced"]
    with ChildProcess(arguments, state / "plant.log") as process:
        process.answer()
        yield process


@pytest.mark.slow
def test_a_rejected_certificate_writes_nothing(
    cli: Cli, site_file: Path, state: Path, plan_file: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "strange"
    assert cli("keys", site_file, "--state", strange).returncode == 0
    with plant(site_file, state):
        refused(cli("gate", "run", site_file, "--state", strange), 5, "certificate")
        done = cli("control", "run", site_file, "--state", strange, "--plan", plan_file, "--on")
        refused(done, 5, "certificate")
    log = state / "device_writes.jsonl"
    assert not [line for line in log.read_text().splitlines() if '"accepted":true' in line]


@pytest.mark.slow
def test_a_controller_that_sheds_ends_with_its_reason(
    cli: Cli, site_file: Path, state: Path, plan_file: Path
) -> None:
    with plant(site_file, state):  # its time stands still, so no second move may be written
        arguments = ["gate", "run", str(site_file), "--state", str(state)]
        with ChildProcess(arguments, state / "gate.log") as gate:
            gate.answer()
            common = ("control", "run", site_file, "--state", state, "--plan", plan_file)
            done = cli(*common, "--on", "--no-supervisor", "--speed", 600)
    refused(done, 6, "the controller shed", "gate reset")
