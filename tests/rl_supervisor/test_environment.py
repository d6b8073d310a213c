"""The environment around the simulated unit and its MPC, on short episodes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env

from operator_agent.messages import Advice, AdviceEnvelope
from operator_agent.rl_supervisor.control_loop import Driver, PlantLoop
from operator_agent.rl_supervisor.environment import SupervisorEnv
from operator_agent.rl_supervisor.experiment import EpisodeSettings, Experiment, load_experiment
from operator_agent.rl_supervisor.policy_file import Policy
from operator_agent.rl_supervisor.rollout import play, score
from operator_agent.rl_supervisor.supervisor import Supervisor
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.site import Site

from .conftest import ROOT

pytestmark = pytest.mark.slow
SCENARIO = 1000


@pytest.fixture(scope="module")
def short() -> Experiment:
    demo = load_experiment(ROOT / "cases" / "training" / "ppo_demo.yaml")
    return replace(demo, episode=replace(demo.episode, duration_s=1800.0))


@pytest.fixture(scope="module")
def bounds(site: Site) -> AdviceEnvelope:
    return read_envelope(Path(site.files["envelope"]))


@pytest.fixture(scope="module")
def env(short: Experiment, site: Site, bounds: AdviceEnvelope) -> SupervisorEnv:
    return SupervisorEnv(short, site, bounds, (SCENARIO,))


def random_policy(env: SupervisorEnv, experiment: Experiment) -> Policy:
    layout, rng = env.observer.layout, np.random.default_rng(0)
    n_action = experiment.actions.n_action
    weight = 0.2 * rng.normal(size=(n_action, layout.n_obs))
    return Policy(
        observation_names=layout.names,
        observation_centre=layout.centre,
        observation_span=layout.span,
        action_names=experiment.actions.names,
        action_spans=experiment.actions.spans,
        layers=((weight.astype(np.float32), np.full(n_action, 0.3, np.float32)),),
    )


class NoChange:
    def __init__(self, n_action: int) -> None:
        self.n_action = n_action

    def act(self, observation: np.ndarray) -> np.ndarray:
        return np.zeros(self.n_action)


@pytest.mark.filterwarnings("ignore:.*render_mode.*")
def test_gymnasiums_checker_finds_nothing(env: SupervisorEnv) -> None:
    check_env(env, skip_render_check=True)


def test_no_change_is_the_mpc_without_advice(env: SupervisorEnv, short: Experiment) -> None:
    played = play(env, NoChange(short.actions.n_action), SCENARIO)
    reference = score(SCENARIO, env.reference(SCENARIO, Driver.MPC), env.n_steps)
    assert played == replace(reference, mean_action=(0.0,) * short.actions.n_action)


def test_reward_of_no_change_is_zero_and_the_time_limit_truncates(
    env: SupervisorEnv, short: Experiment
) -> None:
    env.reset(options={"scenario": SCENARIO})
    action = np.zeros(short.actions.n_action, np.float32)
    _, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["interval"] == info["reference"]
    _, reward, terminated, truncated, _ = env.step(action)
    assert (reward, terminated, truncated) == (0.0, False, True)


def test_advice_changes_the_plant_and_the_reward_is_what_it_says(
    env: SupervisorEnv, short: Experiment
) -> None:
    env.reset(options={"scenario": SCENARIO})
    _, reward, _, _, info = env.step(np.ones(short.actions.n_action, np.float32))
    gain = info["interval"].profit_usd_per_h - info["reference"].profit_usd_per_h
    worse = info["interval"].violation - info["reference"].violation
    episode = short.episode
    expected = gain / episode.profit_scale_usd_per_h - episode.violation_weight * worse
    assert gain != 0.0
    assert reward == pytest.approx(expected)


def test_same_seed_gives_the_same_episode(env: SupervisorEnv, short: Experiment) -> None:
    def run(seed: int) -> list[object]:
        observation, info = env.reset(seed=seed)
        found: list[object] = [observation.tolist(), info["scenario"]]
        action = np.full(short.actions.n_action, 0.4, np.float32)
        for _ in range(2):
            observation, reward, *_ = env.step(action)
            found += [observation.tolist(), reward]
        return found

    assert run(5) == run(5)


def test_supervisor_in_the_loop_decides_as_in_training(
    env: SupervisorEnv, short: Experiment, site: Site, bounds: AdviceEnvelope
) -> None:
    policy = random_policy(env, short)
    expected: list[Advice] = []
    observation, _ = env.reset(options={"scenario": SCENARIO})
    for cycle in (30, 45):
        action = policy.act(observation.astype(np.float64))
        expected.append(short.actions.advice(action, cycle, bounds))
        observation, *_ = env.step(action.astype(np.float32))

    loop, supervisor = PlantLoop(short, site), Supervisor(policy, bounds, site)
    loop.start(SCENARIO, Driver.MPC)
    advice: Advice | None = None
    given: list[Advice] = []
    for number in range(1, 46):
        cycle = loop.cycle(advice)
        assert cycle.result is not None
        new = supervisor.advise(number, cycle.scan, cycle.result, cycle.targets)
        if new is not None:
            advice = new
            given.append(new)
    assert given[0] == Advice(15)  # half an hour of readings is needed first
    assert [a.cycle for a in given[1:]] == [30, 45]
    for mine, theirs in zip(given[1:], expected, strict=True):
        assert dict(mine.back_offs) == pytest.approx(dict(theirs.back_offs), abs=1e-6)
        assert dict(mine.target_biases) == pytest.approx(dict(theirs.target_biases), abs=1e-6)
        assert mine.move_suppression_factor == pytest.approx(theirs.move_suppression_factor)


def test_episode_times_must_fit_into_each_other() -> None:
    with pytest.raises(ValueError, match="whole number"):
        EpisodeSettings(3600.0, 1800.0, 60.0, 700.0, 100.0, 1.0)
