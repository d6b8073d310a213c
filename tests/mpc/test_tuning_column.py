"""A badly tuned controller of the Wood-Berry column: the search finds tunings that dominate it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from operator_agent.engine import SerialEngine, engine_from
from operator_agent.errors import InputError
from operator_agent.mpc.generic.controller import make_controller
from operator_agent.mpc.tuning.catalogue import advantage, catalogue_of, choose
from operator_agent.mpc.tuning.catalogue_file import load_catalogue, save_catalogue
from operator_agent.mpc.tuning.genes import Gene, GeneScale, GeneSpace
from operator_agent.mpc.tuning.objectives import Objective, dominates
from operator_agent.mpc.tuning.search import search
from operator_agent.mpc.tuning.task import SearchSettings, Task
from operator_agent.mpc.tuning.tracking_trial import Loop, TrackingTrial
from operator_agent.mpc.tuning.trials import run_trials
from operator_agent.mpc.tuning.weight_genes import (
    applied,
    factor_genes,
    number_gene,
    start_of,
    usual_space,
)
from operator_agent.mpc.weights import Weights
from operator_agent.plant.classics.wood_berry import wood_berry_sampled
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import linear_plant, sampled_plant

CYCLE_S = 60.0
OBJECTIVES = (
    Objective("tracking", "spans^2", good=0.0, worst=2.0),
    Objective("violation", "spans", good=0.0, worst=1.0),
    Objective("travel", "spans/h", good=0.0, worst=50.0),
)


def column() -> Loop:
    """Return the column with a controller that is slow to the set point and nervous to noise."""
    plant = wood_berry_sampled()
    reach = {v.name: (v.nominal - 1.0, v.nominal + 1.0) for v in plant.inputs}
    names = [v.name for v in plant.outputs]
    controller = make_controller(plant, CYCLE_S, track=names, limits=reach)
    bad = {"move_suppression": 0.01, "reference_s": 1200.0, "bias_filter": 1.0}
    return Loop(controller.with_weights(applied(controller.weights, bad)), plant)


TRIAL = TrackingTrial(column, 30, setpoint_spans=0.8, disturbance_spans=0.3, noise_spans=0.1)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return column().controller.weights


def task_of(weights: Weights) -> Task:
    space = GeneSpace(
        (
            Gene("move_suppression", 0.5, 500.0),
            number_gene("reference_s", 100.0, 1500.0, GeneScale.LOGARITHMIC),
            number_gene("bias_filter", 0.05, 1.0, GeneScale.LINEAR),
        )
    )
    return Task("column", OBJECTIVES, space, start_of(weights, space), TRIAL)


@pytest.mark.slow
def test_the_front_dominates_a_bad_start_on_scenarios_that_chose_nothing(
    weights: Weights, tmp_path: Path
) -> None:
    task = task_of(weights)
    settings = SearchSettings(8, 1, 1, (1, 2), validation=(11, 12), test=(21, 22))
    found = search(task, settings, SerialEngine())
    start = found.start.test.costs(OBJECTIVES)
    better = [one for one in found.others if dominates(one.test.costs(OBJECTIVES), start)]
    assert better
    volumes = [generation.hypervolume for generation in found.history]
    assert volumes == sorted(volumes) and volumes[-1] > volumes[0]

    catalogue = catalogue_of(task, settings, found, lambda genes: applied(weights, genes))
    save_catalogue(tmp_path / "catalogue.yaml", catalogue)
    assert load_catalogue(tmp_path / "catalogue.yaml") == catalogue
    prices = {"tracking": 10.0, "violation": 10.0, "travel": 0.1}
    chosen = choose(catalogue, prices)
    assert advantage(catalogue, chosen, prices).mean > 0.0
    assert chosen.weights == applied(weights, chosen.genes)
    assert chosen.weights.target_step == np.inf  # what has no limit survives the file


@pytest.mark.slow
def test_trials_of_a_controller_are_the_same_in_another_process(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).resolve().parents[2])])
    task = task_of(weights)
    candidates = [dict(task.start), {**task.start, "n_pred": 29.0, "move_suppression": 100.0}]

    def quiet(done: int, total: int) -> None:
        """Tell nobody."""

    seeds = (3,)
    here = run_trials(TRIAL, OBJECTIVES, candidates, seeds, SerialEngine(), quiet)
    with engine_from("process", 1) as engine:
        there = run_trials(TRIAL, OBJECTIVES, candidates, seeds, engine, quiet)
    assert here == there and not any(trial.failure for trial in here)
    assert here[0].values != here[1].values


def oven(sign: float) -> Loop:
    """Return an oven, or one that answers against its controller's model."""
    made = [
        linear_plant("oven", [[first_order(2.0 * s, 600.0, 60.0)]], ["fuel"], ["temp"])
        for s in (1.0, sign)
    ]
    model, plant = (sampled_plant(one, CYCLE_S) for one in made)
    limits = {"fuel": (-1.0, 1.0), "temp": (-0.5, 0.5)}
    return Loop(make_controller(model, CYCLE_S, track=["temp"], limits=limits), plant)


def right_oven() -> Loop:
    return oven(1.0)


def wrong_oven() -> Loop:
    return oven(-1.0)


def test_a_model_of_the_wrong_sign_tracks_worse_and_breaks_its_limit() -> None:
    found = {
        make: TrackingTrial(make, 40, setpoint_spans=0.5)({}, 7)
        for make in (right_oven, wrong_oven)
    }
    right, wrong = found[right_oven], found[wrong_oven]
    assert right["tracking"] < 0.1 * wrong["tracking"]
    assert right["violation"] < 1e-6 < wrong["violation"]


def test_unknown_genes_and_impossible_weights_are_failures_with_their_reason() -> None:
    trial = TrackingTrial(right_oven, 4)
    bad = [{"soft_penalti": 2.0}, {"move_suppression.coal": 2.0}, {"bias_filter": 1.5}]
    trials = run_trials(trial, OBJECTIVES, bad, (1,), SerialEngine(), lambda done, total: None)
    for one, word in zip(trials, ("soft_penalti", "coal", "bias_filter"), strict=True):
        assert word in one.failure
    with pytest.raises(InputError, match="cycles"):
        TrackingTrial(right_oven, 1)


def test_the_usual_space_begins_at_the_weights_themselves(weights: Weights) -> None:
    space = usual_space(weights)
    assert applied(weights, start_of(weights, space)) == weights
    assert "target_step" not in space.names  # it has no limit to begin from
    assert space.encode(start_of(weights, space))
    single = factor_genes(weights, ["move_suppression.flow_steam"])
    assert start_of(weights, GeneSpace(single)) == {"move_suppression.flow_steam": 1.0}
    with pytest.raises(InputError, match="levenberk"):
        start_of(weights, GeneSpace((Gene("levenberk", 0.1, 1.0),)))
    with pytest.raises(InputError, match="whole"):
        number_gene("n_pred", 5.0, 9.0, GeneScale.LINEAR)
