"""The catalogue: what stands in it returns from its file, nothing else is taken, and the choice."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from operator_agent.engine import SerialEngine
from operator_agent.errors import InputError, PlantError
from operator_agent.mpc.tuning.catalogue import Catalogue, advantage, catalogue_of, choose
from operator_agent.mpc.tuning.catalogue_file import load_catalogue, save_catalogue
from operator_agent.mpc.tuning.genes import Gene, Genes, GeneScale, GeneSpace
from operator_agent.mpc.tuning.objectives import Objective
from operator_agent.mpc.tuning.search import search
from operator_agent.mpc.tuning.task import SearchSettings, Task

SETTINGS = SearchSettings(8, 5, 2, training=(1, 2), validation=(3, 4, 5), test=(6, 7, 8))
SPACE = GeneSpace((Gene("speed", 0.0, 1.0, GeneScale.LINEAR), Gene("waste", 1.0, 10.0)))


def earns(genes: Genes, seed: int) -> Mapping[str, float]:
    """Speed earns and wears, waste costs; a scenario is worth its seed to all alike."""
    profit = 100.0 * genes["speed"] - genes["waste"] + seed
    return {"profit": profit, "wear": genes["speed"] ** 2 + 0.01 * genes["waste"]}


TASK = Task(
    "a mill",
    (Objective("profit", "usd/h", 100.0, -50.0), Objective("wear", "mm", 0.0, 3.0)),
    SPACE,
    {"speed": 0.5, "waste": 8.0},
    earns,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_of(TASK, SETTINGS, search(TASK, SETTINGS, SerialEngine()))


def test_a_catalogue_returns_from_its_file(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    save_catalogue(path, catalogue)
    found = load_catalogue(path)
    assert found == catalogue
    assert found.settings.training == (1, 2) and found.made_with["deap"]
    assert found.entries[0].name == "start" and len(found.entries) > 2


def test_scores_are_means_over_scenarios_and_gains_are_paired(catalogue: Catalogue) -> None:
    start = catalogue.entry("start")
    assert start.test["profit"].values == (48.0, 49.0, 50.0)
    assert start.test["profit"].interval.mean == 49.0
    assert start.gain == {}
    for entry in catalogue.entries[1:]:
        expected = 100.0 * (entry.genes["speed"] - 0.5) - entry.genes["waste"] + 8.0
        gain = entry.gain["profit"]  # the scenarios differ, the differences do not
        assert (gain.low, gain.high) == (pytest.approx(expected), pytest.approx(expected))


def test_a_preference_chooses_along_the_front(catalogue: Catalogue) -> None:
    able = catalogue.entries
    richest = choose(catalogue, {"profit": 1.0})
    longest = choose(catalogue, {"wear": 1.0})
    assert richest.genes["speed"] == max(entry.genes["speed"] for entry in able)
    wears = [entry.validation["wear"].interval.mean for entry in able]
    assert longest.validation["wear"].interval.mean == min(wears)
    for wear_price in (10.0, 60.0, 200.0):
        prices = {"profit": 1.0, "wear": wear_price}
        chosen = choose(catalogue, prices)
        worth = {
            e.name: e.validation["profit"].interval.mean
            - wear_price * e.validation["wear"].interval.mean
            for e in able
        }
        assert worth[chosen.name] == pytest.approx(max(worth.values()))
        gain = advantage(catalogue, chosen, prices)
        assert gain.mean == pytest.approx(
            chosen.gain["profit"].mean - wear_price * chosen.gain["wear"].mean
            if chosen.gain
            else 0.0
        )


@pytest.mark.parametrize(
    ("prices", "word"),
    [({"profits": 1.0}, "profits"), ({"wear": -1.0}, "-1"), ({"wear": 0.0}, "above zero"),
     ({"wear": float("nan")}, "nan"), ({}, "above zero")],
)  # fmt: skip
def test_preferences_that_say_nothing_are_refused(
    catalogue: Catalogue, prices: dict[str, float], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        choose(catalogue, prices)
    with pytest.raises(InputError, match="no tuning 'x'"):
        catalogue.entry("x")


@pytest.mark.parametrize(
    ("was", "becomes", "word"),
    [
        ("subject:", "subjekt:", "subjekt"),
        ("format: 1", "format: 2", "format is 2"),
        ("- name: start", "- name: start\n  colour: red", "colour"),
        ("    waste: 8.0", "    haste: 8.0", "haste"),
        ("scale: linear", "scale: cubic", "cubic|logarithmic"),
        ("a mill", "!!python/object/apply:os.system [echo]", "could not determine a constructor"),
        ("validation:\n  - 3", "validation:\n  - 1", "used twice"),
        ("unit: usd/h", "unit: usd/h\n  good: .nan", "finite"),
    ],
)
def test_a_changed_file_is_refused_and_runs_nothing(
    catalogue: Catalogue, tmp_path: Path, was: str, becomes: str, word: str
) -> None:
    path = tmp_path / "catalogue.yaml"
    save_catalogue(path, catalogue)
    text = path.read_text()
    assert was in text
    if becomes.endswith(".nan"):
        text = text.replace("  good: 100.0\n", "")
    path.write_text(text.replace(was, becomes, 1))
    with pytest.raises(InputError, match=word):
        load_catalogue(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_catalogue(tmp_path / "nowhere.yaml")


def test_a_tuning_that_fails_on_a_test_scenario_is_told_and_not_chosen() -> None:
    def greedy(genes: Genes, seed: int) -> Mapping[str, float]:
        if seed == 8 and genes["speed"] > 0.7:
            raise PlantError("the belt tore")
        return earns(genes, seed)

    task = replace(TASK, evaluate=greedy)
    catalogue = catalogue_of(task, SETTINGS, search(task, SETTINGS, SerialEngine()))
    torn = [entry for entry in catalogue.entries if entry.failure]
    assert torn and all(entry.failure == "test, scenario 8: the belt tore" for entry in torn)
    assert all(entry.test == {} and entry.gain == {} for entry in torn)
    assert choose(catalogue, {"profit": 1.0}).genes["speed"] <= 0.7
    with pytest.raises(InputError, match="belt"):
        advantage(catalogue, torn[0], {"profit": 1.0})
