"""Whole episodes in worker processes: the same scenario always goes to the same worker.

A worker builds plant and controller once and remembers the runs without advice, so that comparing
many policies on the same scenarios costs one simulation for each policy.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.control_loop import Driver
from operator_agent.rl_supervisor.environment import Interval, SupervisorEnv
from operator_agent.rl_supervisor.experiment import load_experiment
from operator_agent.signing import Json
from operator_agent.site import Site
from operator_agent.units import HOUR_S

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread_each() -> None:
    """Let the processes that this one starts compute with one thread each.

    Linear algebra of this size is several times slower when threads of many processes compete;
    the libraries read these variables once, at their start.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))


class Actor(Protocol):
    """Anything that turns an observation into an action; must survive pickling."""

    def act(self, observation: FloatArray) -> FloatArray:
        """Return the action, shape (n_action,), each from -1 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """One episode.

    Attributes:
        scenario: seed.
        profit_usd_per_h, off_spec_usd_per_h: means over the episode.
        violation_min: plant time with any hard limit broken [min].
        violation: mean depth, see `environment` [1].
        holds: cycles without an accepted move.
        broke_down: the plant model ended early; the rest counts as zero profit.
        mean_action: shape (n_action,); empty for baselines without actions.
    """

    scenario: int
    profit_usd_per_h: float
    off_spec_usd_per_h: float
    violation_min: float
    violation: float
    holds: int
    broke_down: bool = False
    mean_action: tuple[float, ...] = ()

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON."""
        return {**asdict(self), "mean_action": list(self.mean_action)}


def score(scenario: int, intervals: Sequence[Interval], n_steps: int) -> EpisodeScore:
    """Return the score of an episode from its intervals; missing ones earn nothing.

    Args:
        scenario: seed.
        intervals: at most `n_steps`.
        n_steps: of a whole episode.
    """
    return EpisodeScore(
        scenario=scenario,
        profit_usd_per_h=sum(i.profit_usd_per_h for i in intervals) / n_steps,
        off_spec_usd_per_h=sum(i.off_spec_usd_per_h for i in intervals) / n_steps,
        violation_min=sum(i.violation_s for i in intervals) / 60.0,
        violation=sum(i.violation for i in intervals) / n_steps,
        holds=sum(i.holds for i in intervals),
        broke_down=len(intervals) < n_steps,
    )


def play(env: SupervisorEnv, actor: Actor, scenario: int) -> EpisodeScore:
    """Return the score of one episode under an actor."""
    observation, _ = env.reset(options={"scenario": scenario})
    intervals: list[Interval] = []
    actions: list[FloatArray] = []
    over = False
    while not over:
        actions.append(actor.act(observation.astype(np.float64)))
        observation, _, broke_down, over, info = env.step(actions[-1].astype(np.float32))
        if broke_down:
            break
        intervals.append(info["interval"])
    found = score(scenario, intervals, env.n_steps)
    means = np.mean(actions, axis=0).tolist()
    return EpisodeScore(**{**asdict(found), "mean_action": tuple(means)})


EnvelopeValues = tuple[
    tuple[float, float],
    dict[str, float],
    dict[str, float],
    tuple[int, int],
    tuple[float, float],
]


def envelope_values(envelope: AdviceEnvelope) -> EnvelopeValues:
    """Return the bounds as plain values, which cross between processes."""
    return (
        envelope.weight_factor,
        dict(envelope.target_biases),
        dict(envelope.back_offs),
        envelope.n_pred,
        envelope.move_suppression_factor,
    )


Settings = tuple[Path, Site, EnvelopeValues]


class _Worker:
    """What a worker process keeps between episodes: its environment, made for the first one."""

    env: SupervisorEnv | None = None

    @classmethod
    def environment(cls, settings: Settings) -> SupervisorEnv:
        if cls.env is None:
            path, site, envelope = settings
            cls.env = SupervisorEnv(load_experiment(path), site, AdviceEnvelope(*envelope), (0,))
        return cls.env


def _play(
    settings: Settings, actor: Actor | Driver, scenarios: Sequence[int]
) -> list[EpisodeScore]:
    env = _Worker.environment(settings)
    if isinstance(actor, Driver):
        return [score(s, env.reference(s, actor), env.n_steps) for s in scenarios]
    return [play(env, actor, s) for s in scenarios]


class RolloutPool:
    """A few worker processes that play episodes. Use as a context manager."""

    def __init__(
        self, experiment: Path, site: Site, envelope: AdviceEnvelope, n_workers: int
    ) -> None:
        """Prepare the workers; each builds its own plant and controller for its first episode.

        Args:
            experiment: path of the training file.
            site, envelope: see `SupervisorEnv`.
            n_workers: processes.
        """
        one_thread_each()
        self._settings: Settings = (experiment, site, envelope_values(envelope))
        self._workers = [ProcessPoolExecutor(1, get_context("spawn")) for _ in range(n_workers)]

    def scores(self, actor: Actor | Driver, scenarios: Sequence[int]) -> list[EpisodeScore]:
        """Return the scores in the order of the scenarios.

        Args:
            actor: a policy, or the driver of a baseline without advice.
            scenarios: seeds.

        Raises:
            InputError: a file is wrong.
            PlantError: the plant breaks down under the driver.
        """
        groups: list[list[int]] = [[] for _ in self._workers]
        for scenario in scenarios:
            groups[scenario % len(groups)].append(scenario)
        jobs = [
            worker.submit(_play, self._settings, actor, group)
            for worker, group in zip(self._workers, groups, strict=True)
        ]
        found = {score.scenario: score for job in jobs for score in job.result()}
        return [found[scenario] for scenario in scenarios]

    def __enter__(self) -> "RolloutPool":
        """Return the pool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.shutdown(cancel_futures=True)


def profits(scores: Sequence[EpisodeScore]) -> FloatArray:
    """Return the profit per episode, shape (n,) [usd/h]."""
    return np.array([score.profit_usd_per_h for score in scores])


def violation_hours(scores: Sequence[EpisodeScore]) -> float:
    """Return the plant time with a hard limit broken in all episodes together [h]."""
    return sum(score.violation_min for score in scores) * 60.0 / HOUR_S
