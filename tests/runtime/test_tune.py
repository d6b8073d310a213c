"""The search over a site's MPC weights: what it writes can be loaded, chosen from and used."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.conftest import SITE, Cli

from operator_agent.engine import engine_from
from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.tuning.catalogue import choose
from operator_agent.mpc.tuning.catalogue_file import load_catalogue
from operator_agent.mpc.tuning.trials import run_trials
from operator_agent.mpc.tuning.weight_genes import applied, start_of, usual_space
from operator_agent.mpc.weights import load_weights, save_weights
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.weights_search import (
    PRICES,
    ClosedLoopTrial,
    SearchRequest,
    objectives_for,
    run_search,
)

HOURS = 0.1  # six control cycles
SEED = 3
SITE_FACTS = load_site(SITE)
START = load_weights(Path(SITE_FACTS.files["controller"]))
PNG = b"\x89PNG"


@pytest.mark.slow
def test_a_search_writes_a_catalogue_whose_weights_the_controller_takes(
    tmp_path: Path, cli: Cli
) -> None:
    request = SearchRequest(0, 4, HOURS, SEED, scenarios=2, checks=2)
    told: list[str] = []
    with engine_from("process", 2) as engine:
        found = run_search(
            SITE_FACTS, SITE, tmp_path, request, engine, lambda done, total, text: told.append(text)
        )
    json.dumps(found, allow_nan=False)
    assert told[0].startswith("generation 0") and told[-1].startswith("test")
    catalogue = load_catalogue(tmp_path / "catalogue.yaml")
    assert [row["name"] for row in found["entries"]] == [e.name for e in catalogue.entries]
    assert catalogue.entries[0].weights == START
    chosen = choose(catalogue, PRICES)
    assert chosen.name == found["chosen"]
    assert load_weights(tmp_path / "weights.yaml") == chosen.weights
    for entry in catalogue.entries:
        assert entry.weights == applied(START, entry.genes)
    for name in ("front.png", "convergence.png"):
        assert (tmp_path / name).read_bytes().startswith(PNG)
    case = load_crude_unit_case(Path(SITE_FACTS.files["plant"]))
    assert chosen.weights is not None
    build_controller(SITE_FACTS, case).with_weights(chosen.weights)
    here = tmp_path / "start.yaml"
    done = cli("choose-tuning", tmp_path / "catalogue.yaml", "--out", here, "--name", "start")
    assert done.returncode == 0, done.stderr
    assert load_weights(here) == START


@pytest.mark.slow
def test_a_worker_judges_as_this_process_does() -> None:
    payload, _, _ = solve_request(PlanRequest(SITE_FACTS.files["planning"], {}, {}))
    wanted = objectives_for(EconomicTargets.from_payload(payload))
    trial = ClosedLoopTrial(str(SITE), payload, HOURS)
    genes = {**start_of(START, usual_space(START)), "n_pred": 9.0, "hard_margin": 0.2}
    with engine_from("process", 1) as engine:
        there = run_trials(trial, wanted, [genes], (SEED,), engine, lambda d, t: None)[0]
    assert not there.failure
    assert {name: values[0] for name, values in there.values.items()} == trial(genes, SEED)


def test_genes_stand_for_weights_and_survive_their_file(tmp_path: Path) -> None:
    space = usual_space(START)
    start = start_of(START, space)
    assert applied(START, start) == START
    highest = {gene.name: gene.high for gene in space.genes}
    changed = applied(START, {**highest, "resting": 0.5})
    save_weights(tmp_path / "weights.yaml", changed)
    assert load_weights(tmp_path / "weights.yaml") == changed
    assert changed.soft_penalty < changed.hard_penalty
    for name, value in START.resting.items():
        assert changed.resting[name] == pytest.approx(0.5 * value)
    assert changed.target_pull == START.target_pull
    one = applied(START, {"move_suppression.temp_top": 3.0})
    expected = {**START.move_suppression, "temp_top": 3.0 * START.move_suppression["temp_top"]}
    assert one == replace(START, move_suppression=expected)


def test_a_damaged_weights_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    save_weights(path, START)
    path.write_text(path.read_text().replace("soft_penalty", "soft_penalti"))
    with pytest.raises(InputError, match="soft_penalti"):
        load_weights(path)


@pytest.mark.slow
def test_wrong_settings_end_in_code_2(cli: Cli, tmp_path: Path) -> None:
    for arguments, word in (
        (("--population", "6"), "multiple of 4"),
        (("--hours", "0"), "hours"),
        (("--engine", "abacus"), "abacus"),
    ):
        done = cli("tune", SITE, "--out", tmp_path / "tuning", *arguments)
        assert done.returncode == 2
        assert word in " ".join(done.stderr.split())
    done = cli("tune", tmp_path / "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml cannot be read" in " ".join(done.stderr.split())
    done = cli("choose-tuning", tmp_path / "nowhere.yaml", "--out", tmp_path / "w.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml cannot be read" in " ".join(done.stderr.split())
