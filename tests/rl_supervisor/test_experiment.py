from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.rl_supervisor.experiment import load_experiment

from .conftest import ROOT

DEMO = ROOT / "cases" / "training" / "ppo_demo.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = DEMO.read_text()
    assert old in text
    path = tmp_path / "training.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_shipped_training_file_is_read() -> None:
    experiment = load_experiment(DEMO)
    assert experiment.site.resolve() == (ROOT / "cases" / "sites" / "crude_unit.yaml").resolve()
    assert experiment.episode.interval_s == 900.0
    assert experiment.episode.cycles_per_step == 15


def test_training_validation_gate_and_test_scenarios_never_meet() -> None:
    seeds = load_experiment(DEMO).seeds
    sets = [seeds.training_scenarios, seeds.validation, seeds.gate, seeds.test]
    everything = [seed for group in sets for seed in group]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: ppo_demo", "name: ppo_demo\nhook: run", "hook"),
        ("  gamma: 0.8", "  gamma: 1.8", "gamma"),
        ("algorithm: ppo", "algorithm: sarsa", "algorithm"),
        ("move_suppression:", "move_supression:", "not known"),
        ("gate_first: 2000", "gate_first: 1000", "must not meet"),
        ("test_first: 3000", "test_first: 2000000", "lie from 0"),
        ("interval_s: 900.0", "interval_s: 930.0", "whole number"),
        ("  energy_price: 6.5e-9", "  energy_cost: 6.5e-9", "wrong keys"),
    ],
)
def test_wrong_training_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_experiment(changed(tmp_path, old, new))


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_experiment(tmp_path / "none.yaml")
