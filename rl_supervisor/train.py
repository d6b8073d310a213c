"""Training with validation on held-out scenarios, and the gate that decides on promotion.

The checkpoint is chosen on the validation scenarios. Whether it is promoted is decided on other
scenarios, the gate's, because the best of many looks better than it is on those that chose it.
"""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import SubprocVecEnv

from operator_agent import __version__
from operator_agent.arrays import FloatArray
from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.catalogue_environment import CatalogueEnv
from operator_agent.rl_supervisor.control_loop import Driver
from operator_agent.rl_supervisor.environment import SupervisorEnv
from operator_agent.rl_supervisor.experiment import Experiment, load_experiment
from operator_agent.rl_supervisor.learner import catalogue_of, make_dqn, make_ppo, policy_of
from operator_agent.rl_supervisor.observation import ObservationLayout, Observer
from operator_agent.rl_supervisor.policy_file import Policy, save_policy
from operator_agent.rl_supervisor.rollout import (
    EnvelopeValues,
    EpisodeScore,
    RolloutPool,
    envelope_values,
    profits,
    violation_hours,
)
from operator_agent.rl_supervisor.statistics import Paired, compare
from operator_agent.signing import Json
from operator_agent.site import Site

PACKAGES = ("torch", "stable_baselines3", "gymnasium", "numpy", "casadi")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One validation during training.

    Attributes:
        step: decisions so far.
        gain_usd_per_h: profit over no advice on the validation scenarios.
        merit_usd_per_h: the same less the price of hard-limit violations; it chooses.
        mean_reward: per decision since the last checkpoint, in training.
    """

    step: int
    gain_usd_per_h: float
    merit_usd_per_h: float
    mean_reward: float


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training ended with.

    Attributes:
        policy: path of the file that was written.
        sha256: of its content.
        promoted: whether the gate let it pass.
        verdict: the same in words.
        gate: policy minus no advice on the gate's scenarios [usd/h].
        gate_violation_h: plant time with a broken hard limit, policy and no advice [h].
        checkpoints: in order.
        steps: decisions in training.
        wall_s: of the whole.
        steps_per_s: of the learning without validation.
    """

    policy: Path
    sha256: str
    promoted: bool
    verdict: str
    gate: Paired
    gate_violation_h: tuple[float, float]
    checkpoints: tuple[Checkpoint, ...]
    steps: int
    wall_s: float
    steps_per_s: float

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON."""
        return {
            "policy": str(self.policy),
            "sha256": self.sha256,
            "promoted": self.promoted,
            "verdict": self.verdict,
            "gate_usd_per_h": self.gate.payload(),
            "gate_violation_h": list(self.gate_violation_h),
            "checkpoints": [
                [c.step, c.gain_usd_per_h, c.merit_usd_per_h, c.mean_reward]
                for c in self.checkpoints
            ],
            "steps": self.steps,
            "wall_s": self.wall_s,
            "steps_per_s": self.steps_per_s,
        }


def promotion(
    policy: Sequence[EpisodeScore], no_advice: Sequence[EpisodeScore]
) -> tuple[bool, Paired, str]:
    """Return whether a policy is promoted, the comparison, and the verdict in words.

    Promoted is what earns more with 95 % confidence and breaks hard limits no longer than the
    same MPC without advice, on the same scenarios.

    Args:
        policy, no_advice: scores on the same scenarios in the same order.
    """
    paired = compare(profits(policy), profits(no_advice))
    hours, hours_before = violation_hours(policy), violation_hours(no_advice)
    figures = (
        f"{paired.mean:+.1f} usd/h over the MPC without advice, 95 % interval "
        f"{paired.low:+.1f} to {paired.high:+.1f}, on {paired.n} held-out scenarios"
    )
    if any(score.broke_down for score in policy):
        return False, paired, f"not warranted: the plant broke down under advice; {figures}"
    if not paired.warranted:
        return False, paired, f"not warranted: {figures}"
    if hours > hours_before:
        why = f"hard limits broken for {hours:.2f} h instead of {hours_before:.2f} h"
        return False, paired, f"not warranted: {why}; {figures}"
    return True, paired, f"promoted: {figures}"


class _Validation(BaseCallback):  # type: ignore[misc]  # the base is untyped here
    """Plays the validation scenarios at each checkpoint and keeps the best policy."""

    def __init__(
        self,
        experiment: Experiment,
        pool: RolloutPool,
        to_policy: Callable[[BaseAlgorithm], Policy],
        progress: Progress,
    ) -> None:
        super().__init__()
        self._experiment, self._pool = experiment, pool
        self._to_policy, self._report = to_policy, progress
        self._next = experiment.checkpoint_steps
        self._rewards: list[float] = []
        self.base = pool.scores(Driver.MPC, experiment.seeds.validation)
        self.checkpoints: list[Checkpoint] = []
        self.best: Policy | None = None
        self.validation_s = 0.0

    def _on_step(self) -> bool:
        self._rewards += np.asarray(self.locals["rewards"]).tolist()
        if self.num_timesteps >= self._next:
            self._next += self._experiment.checkpoint_steps
            self.validate()
        return True

    def validate(self) -> None:
        """Play the validation scenarios with the policy as it is now."""
        began_s = time.monotonic()
        policy = self._to_policy(self.model)
        found = self._pool.scores(policy, self._experiment.seeds.validation)
        point = Checkpoint(
            step=self.num_timesteps,
            gain_usd_per_h=float(np.mean(profits(found) - profits(self.base))),
            merit_usd_per_h=merit(self._experiment, found) - merit(self._experiment, self.base),
            mean_reward=float(np.mean(self._rewards)) if self._rewards else 0.0,
        )
        self._rewards = []
        if self.best is None or point.merit_usd_per_h > max(
            c.merit_usd_per_h for c in self.checkpoints
        ):
            self.best = policy
        self.checkpoints.append(point)
        self.validation_s += time.monotonic() - began_s
        text = (
            f"validation {point.gain_usd_per_h:+.1f} usd/h, "
            f"training reward {point.mean_reward:+.3f}"
        )
        self._report(self.num_timesteps, self._experiment.total_steps, text)


def merit(experiment: Experiment, scores: Sequence[EpisodeScore]) -> float:
    """Return mean profit less the price of hard-limit violations, as in the reward [usd/h]."""
    episode = experiment.episode
    price = episode.violation_weight * episode.profit_scale_usd_per_h
    return float(np.mean([s.profit_usd_per_h - price * s.violation for s in scores]))


def make_environment(
    path: Path, site: Site, envelope: EnvelopeValues, catalogue: FloatArray | None, rank: int
) -> Any:
    """Return the environment of one training process.

    Args:
        path: of the training file.
        site: tag list and limits.
        envelope: bounds as plain values.
        catalogue: of DQN; None for the continuous action.
        rank: of the process; each takes its share of the training scenarios.
    """
    experiment = load_experiment(path)
    share = experiment.seeds.training_scenarios[rank :: experiment.n_environments]
    env = SupervisorEnv(experiment, site, AdviceEnvelope(*envelope), share)
    return env if catalogue is None else CatalogueEnv(env, catalogue)


def train(
    path: Path, site: Site, envelope: AdviceEnvelope, out: Path, progress: Progress
) -> TrainingResult:
    """Train a policy, choose its checkpoint, let the gate decide, and write the file.

    Args:
        path: of the training file.
        site: that `load_experiment(path).site` names, as read.
        envelope: bounds of the advice.
        out: path of the policy file; it is written whether promoted or not.
        progress: called with decisions done, decisions in all, and a text.

    Raises:
        InputError: a file is wrong.
        PlantError: the plant breaks down under the MPC without advice.
    """
    began_s = time.monotonic()
    experiment = load_experiment(path)
    observer = Observer(site, experiment.actions.names, experiment.target_names)
    catalogue = None
    if experiment.algorithm == "dqn":
        catalogue = catalogue_of(experiment.actions.n_action, experiment.dqn.n_level)
    metadata = _metadata(experiment, site)
    to_policy = functools.partial(_policy, experiment, observer.layout, catalogue, metadata)
    factories = [
        functools.partial(make_environment, path, site, envelope_values(envelope), catalogue, rank)
        for rank in range(experiment.n_environments)
    ]
    with RolloutPool(path, site, envelope, experiment.n_environments) as pool:
        validation = _Validation(experiment, pool, to_policy, progress)
        environment = SubprocVecEnv(factories, start_method="spawn")
        try:
            learning_s = time.monotonic()
            model = _learner(experiment, environment)
            model.learn(experiment.total_steps, callback=validation)
            learning_s = time.monotonic() - learning_s - validation.validation_s
        finally:
            environment.close()
        validation.validate()
        best = validation.best
        assert best is not None
        gate = experiment.seeds.gate
        scores, base = pool.scores(best, gate), pool.scores(Driver.MPC, gate)
    promoted, paired, verdict = promotion(scores, base)
    metadata |= {"promoted": promoted, "verdict": verdict, "gate_usd_per_h": paired.payload()}
    metadata["steps"] = model.num_timesteps
    best = Policy(
        best.observation_names, best.observation_centre, best.observation_span,
        best.action_names, best.action_spans, best.layers, best.catalogue, metadata,
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    return TrainingResult(
        policy=out,
        sha256=save_policy(best, out),
        promoted=promoted,
        verdict=verdict,
        gate=paired,
        gate_violation_h=(violation_hours(scores), violation_hours(base)),
        checkpoints=tuple(validation.checkpoints),
        steps=model.num_timesteps,
        wall_s=time.monotonic() - began_s,
        steps_per_s=model.num_timesteps / learning_s,
    )


def _learner(experiment: Experiment, environment: SubprocVecEnv) -> BaseAlgorithm:
    if experiment.algorithm == "dqn":
        return make_dqn(environment, experiment.dqn, experiment.seeds.training)
    return make_ppo(environment, experiment.ppo, experiment.seeds.training)


def _policy(
    experiment: Experiment,
    layout: ObservationLayout,
    catalogue: FloatArray | None,
    metadata: dict[str, Json],
    model: BaseAlgorithm,
) -> Policy:
    return policy_of(model, layout, experiment.actions, catalogue, metadata)


def _metadata(experiment: Experiment, site: Site) -> dict[str, Any]:
    return {
        "experiment": experiment.name,
        "algorithm": experiment.algorithm,
        "training_seed": experiment.seeds.training,
        "torch_threads": 1,
        "site": site.name,
        "site_sha256": site.config_sha256,
        "versions": {
            "operator_agent": __version__,
            **{package: version(package) for package in PACKAGES},
        },
        "promoted": False,
    }
