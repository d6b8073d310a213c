"""Evaluation on test scenarios that no training, choice or gate has seen.

All controllers meet the same scenarios with the same noise (common random numbers): the policy,
the same MPC without advice, the one-line rule (its factor chosen on the validation scenarios, as
the policy's checkpoint was), and the operators' recipe card without any controller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.baselines import back_off_rule
from operator_agent.rl_supervisor.control_loop import Driver
from operator_agent.rl_supervisor.experiment import Experiment, load_experiment
from operator_agent.rl_supervisor.policy_file import Policy
from operator_agent.rl_supervisor.rollout import (
    Actor,
    EpisodeScore,
    RolloutPool,
    profits,
    violation_hours,
)
from operator_agent.rl_supervisor.statistics import Paired, bootstrap_interval, compare
from operator_agent.rl_supervisor.supervisor import observer_of
from operator_agent.signing import Json
from operator_agent.site import Site

POLICY, NO_ADVICE, RULE, RECIPE = "policy", "no advice", "rule", "recipe"
PAIRS = ((POLICY, NO_ADVICE), (RULE, NO_ADVICE), (POLICY, RULE), (NO_ADVICE, RECIPE))
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """One controller over all test scenarios.

    Attributes:
        profit_usd_per_h: mean, low and high end of its 95 % bootstrap interval.
        off_spec_usd_per_h: mean.
        violation_h: plant time with a hard limit broken, all episodes together [h].
        holds: cycles without an accepted move, all episodes together.
        break_downs: episodes that the plant model did not survive.
    """

    profit_usd_per_h: tuple[float, float, float]
    off_spec_usd_per_h: float
    violation_h: float
    holds: int
    break_downs: int

    @classmethod
    def of(cls, scores: Sequence[EpisodeScore]) -> "Summary":
        """Return the summary of some episodes."""
        earned = profits(scores)
        return cls(
            profit_usd_per_h=(float(earned.mean()), *bootstrap_interval(earned, 0)),
            off_spec_usd_per_h=float(np.mean([s.off_spec_usd_per_h for s in scores])),
            violation_h=violation_hours(scores),
            holds=sum(s.holds for s in scores),
            break_downs=sum(s.broke_down for s in scores),
        )

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON."""
        return {
            "profit_usd_per_h": list(self.profit_usd_per_h),
            "off_spec_usd_per_h": self.off_spec_usd_per_h,
            "violation_h": self.violation_h,
            "holds": self.holds,
            "break_downs": self.break_downs,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        experiment: name.
        promoted: what the policy's file says.
        episode_h: plant time of an episode.
        rule_factor: of the rule baseline.
        controllers: summary by name.
        comparisons: first minus second [usd/h], by `first - second`.
        episodes: scores by controller, in the order of the scenarios.
    """

    experiment: str
    promoted: bool
    episode_h: float
    rule_factor: float
    controllers: dict[str, Summary]
    comparisons: dict[str, Paired]
    episodes: dict[str, tuple[EpisodeScore, ...]]

    def payload(self) -> dict[str, Json]:
        """Return plain values for JSON."""
        return {
            "experiment": self.experiment,
            "promoted": self.promoted,
            "episode_h": self.episode_h,
            "rule_factor": self.rule_factor,
            "controllers": {name: found.payload() for name, found in self.controllers.items()},
            "comparisons_usd_per_h": {
                name: found.payload() for name, found in self.comparisons.items()
            },
            "episodes": {
                name: [score.payload() for score in scores]
                for name, scores in self.episodes.items()
            },
        }


def evaluate(
    policy: Policy, path: Path, site: Site, envelope: AdviceEnvelope, progress: Progress
) -> Evaluation:
    """Return how a policy and its baselines do on the test scenarios.

    Args:
        policy: as loaded.
        path: of the training file, whose test scenarios, plant and times count.
        site: that `load_experiment(path).site` names, as read.
        envelope: bounds of the advice.
        progress: called with controllers done, controllers in all, and a text.

    Raises:
        InputError: a file is wrong, or the policy does not fit the site.
    """
    experiment = load_experiment(path)
    test = experiment.seeds.test
    with RolloutPool(path, site, envelope, experiment.n_environments) as pool:
        progress(0, 5, "choosing the rule's factor on the validation scenarios")
        factor, rule = _best_rule(policy, experiment, site, pool)
        episodes: dict[str, tuple[EpisodeScore, ...]] = {}
        actors: dict[str, Actor | Driver] = {
            NO_ADVICE: Driver.MPC,
            POLICY: policy,
            RULE: rule,
            RECIPE: Driver.RECIPE,
        }
        for number, (name, actor) in enumerate(actors.items(), 1):
            progress(number, 5, f"{name} on {len(test)} test scenarios")
            episodes[name] = tuple(pool.scores(actor, test))
    progress(5, 5, "done")
    return Evaluation(
        experiment=experiment.name,
        promoted=policy.promoted,
        episode_h=experiment.episode.duration_s / 3600.0,
        rule_factor=factor,
        controllers={name: Summary.of(scores) for name, scores in episodes.items()},
        comparisons={
            f"{first} - {second}": compare(profits(episodes[first]), profits(episodes[second]))
            for first, second in PAIRS
        },
        episodes=episodes,
    )


def _best_rule(
    policy: Policy, experiment: Experiment, site: Site, pool: RolloutPool
) -> tuple[float, Actor]:
    layout = observer_of(policy, site).layout
    rules = {
        factor: back_off_rule(factor, layout, experiment.actions, site)
        for factor in experiment.rule_factors
    }
    means = {
        factor: float(np.mean(profits(pool.scores(rule, experiment.seeds.validation))))
        for factor, rule in rules.items()
    }
    best = max(means, key=means.__getitem__)
    return best, rules[best]
