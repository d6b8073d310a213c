"""The search over MPC weights: what it writes can be loaded, and a seed decides the result."""

import json
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.conftest import SITE, Cli

from operator_agent.errors import InputError
from operator_agent.mpc.tuning.genetic import GaSettings, Genes, Tuned, tune
from operator_agent.mpc.weights import load_weights, save_weights
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.weights_search import (
    BOUNDS,
    GENES,
    ClosedLoopScore,
    run_search,
    scaled_weights,
)

HOURS = 0.1  # six control cycles
SEED = 3
SITE_FACTS = load_site(SITE)
START = load_weights(Path(SITE_FACTS.files["controller"]))


@pytest.mark.slow
def test_a_search_writes_weights_that_the_controller_takes(tmp_path: Path) -> None:
    out = tmp_path / "weights.yaml"
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, text: str) -> None:
        told.append((done, total))

    found = run_search(SITE_FACTS, SITE, out, 1, 2, HOURS, SEED, 2, progress)
    assert told == [(1, 1)]
    json.dumps(found, allow_nan=False)
    written = load_weights(out)
    assert written == (scaled_weights(START, found["factors"]) if found["improved"] else START)
    assert (found["validation_gain_usd_per_h"] > 0.0) == found["improved"]
    case = load_crude_unit_case(Path(SITE_FACTS.files["plant"]))
    build_controller(SITE_FACTS, case).with_weights(written)


@pytest.mark.slow
def test_a_worker_scores_as_this_process_does() -> None:
    payload, _, _ = solve_request(PlanRequest(SITE_FACTS.files["planning"], {}, {}))
    score = ClosedLoopScore(str(SITE), payload, HOURS)
    arguments = (dict.fromkeys(GENES, 1.5), [SEED])
    with get_context("spawn").Pool(1) as pool:
        there = pool.apply_async(score, arguments)
        assert score(*arguments) == there.get()


def test_a_seed_decides_the_search_whoever_evaluates() -> None:
    def valley(genes: Genes, scenarios: Sequence[int]) -> float:
        return -sum((np.log(value) - 0.3 * scenarios[0]) ** 2 for value in genes.values())

    def search(seed: int, map_jobs: Any = map) -> Tuned:
        settings = GaSettings(8, 4, seed, training=(1,), validation=(2,))
        return tune(valley, dict.fromkeys(GENES, 1.0), BOUNDS, settings, map_jobs=map_jobs)

    with ThreadPool(2) as pool:
        assert search(SEED, pool.map) == search(SEED)
    assert search(SEED).improved
    assert search(SEED) != search(SEED + 1)


def test_scaled_weights_survive_their_file_and_keep_the_rank_of_limits(tmp_path: Path) -> None:
    factors = {**BOUNDS.high, "resting": 0.5}
    scaled = scaled_weights(START, factors)
    save_weights(tmp_path / "weights.yaml", scaled)
    assert load_weights(tmp_path / "weights.yaml") == scaled
    assert scaled.soft_penalty < scaled.hard_penalty
    for name, value in START.resting.items():
        assert scaled.resting[name] == pytest.approx(0.5 * value)
    assert scaled.target_pull == START.target_pull


def test_a_damaged_weights_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    save_weights(path, START)
    path.write_text(path.read_text().replace("soft_penalty", "soft_penalti"))
    with pytest.raises(InputError, match="soft_penalti"):
        load_weights(path)


@pytest.mark.slow
def test_wrong_settings_end_in_code_2(cli: Cli, tmp_path: Path) -> None:
    for arguments, word in (
        (("--population", "2"), "population"),
        (("--hours", "0"), "hours"),
    ):
        done = cli("tune", SITE, "--out", tmp_path / "w.yaml", *arguments)
        assert done.returncode == 2
        assert word in done.stderr
    done = cli("tune", tmp_path / "nowhere.yaml")
    assert done.returncode == 2
    assert "nowhere.yaml cannot be read" in " ".join(done.stderr.split())
