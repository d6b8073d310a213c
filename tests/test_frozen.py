"""Mappings that nobody changes, and what holds them: sent to other processes and copied."""

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operator_agent.frozen import FrozenMapping
from operator_agent.messages import EconomicTargets
from operator_agent.plant.market.market_file import load_market
from operator_agent.plant.market.price_path import price_path
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.scenario import fingerprint
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.unit.case_file import load_crude_unit_case

CASES = Path(__file__).parents[1] / "cases"
CASE = load_crude_unit_case(CASES / "plants" / "crude_unit.yaml")
UPSETS = load_scenario(CASES / "plants" / "scenario_upsets.yaml", CASE.crude_keys)
TARGETS = EconomicTargets(
    case="x",
    created_s=0.0,
    slate={"maya": 1.0},
    flow_vol_feed=0.18,
    targets={"temp_tbp95_lgo": 606.0},
    stream_prices={"feed": 450.0},
    energy_price=1e-8,
    steam_price=0.02,
)
HELD: dict[str, Any] = {
    "case": CASE,
    "demonstration": load_scenario(CASES / "plants" / "scenario_demo.yaml", CASE.crude_keys),
    "upsets": UPSETS,
    "random scenario": random_scenario(np.random.default_rng(1), CASE, 36_000.0),
    "market": load_market(CASES / "market" / "us_gulf.yaml"),
    "targets": TARGETS,
}


@pytest.mark.parametrize("name", HELD)
def test_what_files_hold_is_the_same_after_pickling_and_copying(name: str) -> None:
    held = HELD[name]
    assert pickle.loads(pickle.dumps(held)) == held
    assert copy.deepcopy(held) == held


def test_prices_are_the_same_after_pickling() -> None:
    path = price_path(HELD["market"], 1, 5)
    again = pickle.loads(pickle.dumps(path))
    for product, prices in path.products.items():
        assert np.array_equal(again.products[product], prices)


def test_what_was_copied_is_still_frozen() -> None:
    again = copy.deepcopy(CASE)
    with pytest.raises(TypeError, match="does not support item assignment"):
        again.slate["maya"] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        again.slate = {}


def test_a_scenario_reaches_a_process_as_it_is() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(fingerprint, UPSETS).result() == fingerprint(UPSETS)


def test_a_frozen_mapping_is_a_mapping_of_its_own() -> None:
    given = {"b": 2.0, "a": 1.0}
    frozen = FrozenMapping(given)
    given["b"] = 9.0
    assert isinstance(frozen, Mapping)
    assert (list(frozen), len(frozen), "a" in frozen, "c" in frozen) == (["b", "a"], 2, True, False)
    assert frozen == {"a": 1.0, "b": 2.0} == frozen
    assert {**frozen, "c": 3.0} == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert repr(frozen) == "FrozenMapping({'b': 2.0, 'a': 1.0})"
    with pytest.raises(KeyError):
        frozen["c"]
