"""Learners of Stable-Baselines3, started so that the untrained policy is "no change".

PPO works on the continuous action; DQN, the backup, on a small catalogue of actions whose first
row is "no change". In both the last layer starts at zero: the mean action of PPO is then zero,
and all values of DQN tie, so that the first row wins. The trained network leaves as a `Policy`.

Source: Schulman et al., Proximal policy optimization algorithms (2017), arXiv:1707.06347;
Mnih et al., Human-level control through deep reinforcement learning, Nature 518 (2015).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.experiment import DqnSettings, PpoSettings
from operator_agent.rl_supervisor.observation import ObservationLayout
from operator_agent.rl_supervisor.policy_file import Policy, Weights

TORCH_THREADS = 1  # more threads change the weights of a seed, and with subprocesses cost time


def make_ppo(environment: VecEnv, settings: PpoSettings, seed: int) -> PPO:
    """Return a PPO learner whose mean action is zero everywhere.

    Args:
        environment: with a box of actions from -1 to 1.
        settings: of the algorithm.
        seed: of weights, exploration and batches.
    """
    torch.set_num_threads(TORCH_THREADS)
    model = PPO(
        "MlpPolicy",
        environment,
        learning_rate=settings.learning_rate,
        n_steps=settings.n_steps,
        batch_size=settings.batch_size,
        n_epochs=settings.n_epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        ent_coef=settings.entropy_weight,
        policy_kwargs={
            "net_arch": {"pi": list(settings.hidden), "vf": list(settings.hidden)},
            "activation_fn": torch.nn.Tanh,
            "log_std_init": settings.log_std_init,
        },
        seed=seed,
        device="cpu",
    )
    _zero(model.policy.action_net)
    return model


def make_dqn(environment: VecEnv, settings: DqnSettings, seed: int) -> DQN:
    """Return a DQN learner whose values are all zero, so that the first action is chosen.

    Args:
        environment: with a discrete choice from the catalogue.
        settings: of the algorithm.
        seed: of weights, exploration and batches.
    """
    torch.set_num_threads(TORCH_THREADS)
    model = DQN(
        "MlpPolicy",
        environment,
        learning_rate=settings.learning_rate,
        buffer_size=settings.buffer_size,
        learning_starts=settings.learning_starts,
        batch_size=settings.batch_size,
        gamma=settings.gamma,
        train_freq=settings.train_every,
        gradient_steps=settings.gradient_steps,
        target_update_interval=settings.target_every,
        exploration_fraction=settings.exploration_share,
        exploration_final_eps=settings.exploration_final,
        policy_kwargs={"net_arch": list(settings.hidden), "activation_fn": torch.nn.Tanh},
        seed=seed,
        device="cpu",
    )
    for network in (model.q_net, model.q_net_target):
        _zero(_linears(network)[-1])
    return model


def _zero(linear: torch.nn.Linear) -> None:
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()


def _linears(module: torch.nn.Module) -> list[torch.nn.Linear]:
    return [part for part in module.modules() if isinstance(part, torch.nn.Linear)]


def _layers(linears: list[torch.nn.Linear]) -> tuple[tuple[Weights, Weights], ...]:
    def copy(tensor: torch.Tensor) -> Weights:
        return tensor.detach().cpu().numpy().astype(np.float32).copy()

    return tuple((copy(linear.weight), copy(linear.bias)) for linear in linears)


def catalogue_of(n_action: int, n_level: int) -> FloatArray:
    """Return the catalogue for DQN: no change first, then each action alone at each level.

    Args:
        n_action: number of actions.
        n_level: levels on each side of zero.

    Returns:
        Shape (1 + 2 n_action n_level, n_action).

    Example:
        >>> catalogue_of(2, 1).tolist()
        [[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    rows = [np.zeros(n_action)]
    for index in range(n_action):
        for level in range(1, n_level + 1):
            for sign in (1.0, -1.0):
                row = np.zeros(n_action)
                row[index] = sign * level / n_level
                rows.append(row)
    return np.array(rows)


def policy_of(
    model: BaseAlgorithm,
    layout: ObservationLayout,
    advice_map: AdviceMap,
    catalogue: FloatArray | None,
    metadata: Mapping[str, Any],
) -> Policy:
    """Return the network of a learner as a policy that needs no torch.

    Args:
        model: a PPO or a DQN.
        layout: of the observation.
        advice_map: of the action.
        catalogue: of DQN; None for PPO.
        metadata: plain values that go into the file.

    Raises:
        InputError: the learner is neither PPO nor DQN.
    """
    if isinstance(model, PPO):
        linears = [*_linears(model.policy.mlp_extractor.policy_net), model.policy.action_net]
    elif isinstance(model, DQN):
        linears = _linears(model.q_net)
    else:
        raise InputError(f"a learner of type {type(model).__name__} has no policy of this format")
    return Policy(
        observation_names=layout.names,
        observation_centre=layout.centre,
        observation_span=layout.span,
        action_names=advice_map.names,
        action_spans=advice_map.spans,
        layers=_layers(linears),
        catalogue=catalogue,
        metadata=metadata,
    )
