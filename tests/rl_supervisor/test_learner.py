from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")

import gymnasium
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.experiment import DqnSettings, PpoSettings
from operator_agent.rl_supervisor.learner import catalogue_of, make_dqn, make_ppo, policy_of
from operator_agent.rl_supervisor.observation import ObservationLayout
from operator_agent.rl_supervisor.policy_file import load_policy, save_policy

PPO_SETTINGS = PpoSettings(
    n_steps=64, batch_size=32, n_epochs=4, learning_rate=3e-3, gamma=0.0, gae_lambda=1.0,
    clip_range=0.2, entropy_weight=0.0, log_std_init=-1.0, hidden=(8, 8),
)  # fmt: skip
DQN_SETTINGS = DqnSettings(
    n_level=2, buffer_size=2000, learning_starts=50, batch_size=32, learning_rate=3e-3, gamma=0.0,
    train_every=1, gradient_steps=1, target_every=50, exploration_share=0.5,
    exploration_final=0.1, hidden=(8, 8),
)  # fmt: skip
LAYOUT = ObservationLayout(("x", "y"), (0.0, 0.0), (1.0, 1.0))
MAP = AdviceMap(("bias:a", "bias:b"), (1.0, 1.0))
CATALOGUE = catalogue_of(2, 2)


class Target(gymnasium.Env[np.ndarray, np.ndarray]):
    """A bandit: the best action is (0.5, -0.5), whatever is observed."""

    def __init__(self, discrete: bool) -> None:
        self.observation_space = gymnasium.spaces.Box(-5.0, 5.0, (2,), np.float32)
        self.action_space = (
            gymnasium.spaces.Discrete(len(CATALOGUE))
            if discrete
            else gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        )
        self.discrete = discrete

    def observe(self) -> np.ndarray:
        return self.np_random.uniform(-1.0, 1.0, 2).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: object = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        return self.observe(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        values = CATALOGUE[int(action)] if self.discrete else np.asarray(action)
        reward = -float(np.sum((values - np.array([0.5, -0.5])) ** 2))
        return self.observe(), reward, False, True, {}


def environment(discrete: bool) -> DummyVecEnv:
    return DummyVecEnv([lambda: Target(discrete)])


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_untrained_policy_is_no_change(algorithm: str) -> None:
    if algorithm == "ppo":
        policy = policy_of(make_ppo(environment(False), PPO_SETTINGS, 1), LAYOUT, MAP, None, {})
    else:
        model = make_dqn(environment(True), DQN_SETTINGS, 1)
        policy = policy_of(model, LAYOUT, MAP, CATALOGUE, {})
    for seed in range(20):
        observation = np.random.default_rng(seed).uniform(-5.0, 5.0, 2)
        np.testing.assert_array_equal(policy.act(observation), np.zeros(2))


def test_first_row_of_the_catalogue_is_no_change_and_no_row_stands_twice() -> None:
    catalogue = catalogue_of(3, 2)
    assert catalogue.shape == (13, 3)
    assert not catalogue[0].any()
    assert len({tuple(row) for row in catalogue}) == 13
    assert all(np.count_nonzero(row) == 1 for row in catalogue[1:])


@pytest.mark.slow
def test_ppo_learns_and_leaves_torch_with_the_same_actions(tmp_path: Path) -> None:
    model = make_ppo(environment(False), PPO_SETTINGS, 1).learn(2000)
    policy = policy_of(model, LAYOUT, MAP, None, {"training_seed": 1})
    save_policy(policy, tmp_path / "policy.json")
    policy = load_policy(tmp_path / "policy.json")
    observation = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2)).astype(np.float32)
    expected, _ = model.predict(observation, deterministic=True)
    actual = np.array([policy.act(row.astype(np.float64)) for row in observation])
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    np.testing.assert_allclose(actual.mean(axis=0), [0.5, -0.5], atol=0.2)


@pytest.mark.slow
def test_dqn_learns_and_leaves_torch_with_the_same_choice() -> None:
    model = make_dqn(environment(True), DQN_SETTINGS, 1).learn(2000)
    policy = policy_of(model, LAYOUT, MAP, CATALOGUE, {})
    observation = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2)).astype(np.float32)
    expected, _ = model.predict(observation, deterministic=True)
    actual = np.array([policy.act(row.astype(np.float64)) for row in observation])
    np.testing.assert_array_equal(actual, CATALOGUE[expected])
    best = {(0.5, 0.0), (0.0, -0.5)}  # the catalogue changes one action at a time
    assert np.mean([tuple(row) in best for row in actual]) > 0.8


@pytest.mark.slow
def test_one_seed_gives_one_policy() -> None:
    def weights(seed: int) -> np.ndarray:
        model = make_ppo(environment(False), PPO_SETTINGS, seed).learn(256)
        layers = policy_of(model, LAYOUT, MAP, None, {}).layers
        return np.concatenate([part.ravel() for pair in layers for part in pair])

    np.testing.assert_array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))


def test_training_runs_on_one_thread() -> None:
    make_ppo(environment(False), PPO_SETTINGS, 1)
    assert torch.get_num_threads() == 1
