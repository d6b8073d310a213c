"""The YAML file of a training: every number with its unit in its name, unknown keys refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.statistics import MIN_PAIRS


@dataclass(frozen=True, slots=True)
class EpisodeSettings:
    """One episode.

    Attributes:
        duration_s: plant time after the start-up [s].
        start_up_s: plant time under the MPC without advice before the first decision [s].
        control_s: sample time of the MPC [s].
        interval_s: time between two decisions of the supervisor [s].
        profit_scale_usd_per_h: profit difference that counts as a reward of 1.
        violation_weight: reward lost per interval when one hard limit is broken throughout by one
            span (see `observation`).
    """

    duration_s: float
    start_up_s: float
    control_s: float
    interval_s: float
    profit_scale_usd_per_h: float
    violation_weight: float

    def __post_init__(self) -> None:
        """Check that the times fit into each other."""
        for name, long_s, short_s in (
            ("interval_s / control_s", self.interval_s, self.control_s),
            ("duration_s / interval_s", self.duration_s, self.interval_s),
            ("start_up_s / control_s", self.start_up_s, self.control_s),
        ):
            ratio = long_s / short_s
            if ratio < 1.0 or abs(ratio - round(ratio)) > 1e-9:
                raise InputError(f"episode: {name} is {ratio:g}; a whole number of 1 or more")

    @property
    def cycles_per_step(self) -> int:
        """Control cycles between two decisions."""
        return round(self.interval_s / self.control_s)

    @property
    def steps(self) -> int:
        """Decisions in an episode."""
        return round(self.duration_s / self.interval_s)

    @property
    def start_up_cycles(self) -> int:
        """Control cycles before the first decision."""
        return round(self.start_up_s / self.control_s)


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """Settings of PPO, named as in its paper."""

    n_steps: int
    batch_size: int
    n_epochs: int
    learning_rate: float
    gamma: float
    gae_lambda: float
    clip_range: float
    entropy_weight: float
    log_std_init: float
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DqnSettings:
    """Settings of DQN; `n_level` is the levels of each action on each side of zero."""

    n_level: int
    buffer_size: int
    learning_starts: int
    batch_size: int
    learning_rate: float
    gamma: float
    train_every: int
    gradient_steps: int
    target_every: int
    exploration_share: float
    exploration_final: float
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SeedSettings:
    """Seeds of scenarios; the three sets must not meet.

    Attributes:
        training: seed of the learner; the training scenarios follow from it.
        n_training: training scenarios.
        validation_first, n_validation: scenarios that choose the checkpoint.
        gate_first, n_gate: scenarios that decide on promotion.
        test_first, n_test: scenarios of the evaluation.
    """

    training: int
    n_training: int
    validation_first: int
    n_validation: int
    gate_first: int
    n_gate: int
    test_first: int
    n_test: int

    def __post_init__(self) -> None:
        """Refuse sets that are too small or meet, and training seeds that could reach them."""
        if min(self.n_gate, self.n_test) < MIN_PAIRS or self.n_validation < 1:
            raise InputError(
                f"seeds: n_gate is {self.n_gate} and n_test is {self.n_test}; a paired comparison "
                f"needs at least {MIN_PAIRS} scenarios in each, and n_validation one"
            )
        sets = [self.validation, self.gate, self.test]
        seeds = [seed for group in sets for seed in group]
        if len(set(seeds)) != len(seeds):
            raise InputError("seeds: validation, gate and test scenarios must not meet")
        if self.training < 0 or self.n_training < 1:
            raise InputError("seeds: training is 0 or more, with at least one scenario")
        if not all(0 <= seed < FIRST_TRAINING_SCENARIO for seed in seeds):
            raise InputError(
                f"seeds: validation, gate and test lie from 0 to {FIRST_TRAINING_SCENARIO - 1}; "
                "training draws its scenarios above that"
            )

    @property
    def training_scenarios(self) -> range:
        """Scenario seeds of the training."""
        first = FIRST_TRAINING_SCENARIO * (1 + self.training)
        return range(first, first + self.n_training)

    @property
    def validation(self) -> range:
        """Scenario seeds that choose the checkpoint."""
        return range(self.validation_first, self.validation_first + self.n_validation)

    @property
    def gate(self) -> range:
        """Scenario seeds that decide on promotion."""
        return range(self.gate_first, self.gate_first + self.n_gate)

    @property
    def test(self) -> range:
        """Scenario seeds of the evaluation."""
        return range(self.test_first, self.test_first + self.n_test)


FIRST_TRAINING_SCENARIO = 1_000_000  # scenarios of training lie above, all others below


@dataclass(frozen=True, slots=True)
class Experiment:
    """A whole training.

    Attributes:
        name: of the experiment.
        path: of the file itself.
        site: path of the site file, which names plant, controller and envelope.
        layout: of the simulated plant.
        episode, ppo, dqn, seeds: see there.
        actions: what the policy may do.
        targets: what planning asks in every scenario; the slate is that of the scenario.
        price_scatter: stream values are drawn within so much of those in `targets` [relative].
        algorithm: which learner.
        total_steps: decisions in training.
        checkpoint_steps: decisions between two validations.
        n_environments: processes that simulate.
        rule_factors: candidates of the rule baseline, back-off over excess standard deviation.
    """

    name: str
    path: Path
    site: Path
    layout: str
    episode: EpisodeSettings
    actions: AdviceMap
    targets: EconomicTargets
    price_scatter: float
    algorithm: Literal["ppo", "dqn"]
    total_steps: int
    checkpoint_steps: int
    n_environments: int
    rule_factors: tuple[float, ...]
    ppo: PpoSettings
    dqn: DqnSettings
    seeds: SeedSettings

    @property
    def target_names(self) -> tuple[str, ...]:
        """CVs for which planning gives a target, sorted."""
        return tuple(sorted(self.targets.targets))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Positive = Field(gt=0)


class _Episode(_Strict):
    duration_s: float = Positive
    start_up_s: float = Positive
    control_s: float = Positive
    interval_s: float = Positive
    profit_scale_usd_per_h: float = Positive
    violation_weight: float = Field(ge=0)


class _Learner(_Strict):
    learning_rate: float = Positive
    gamma: float = Field(gt=0, le=1)
    batch_size: int = Positive
    hidden: list[int] = Field(min_length=1)


class _Ppo(_Learner):
    n_steps: int = Positive
    n_epochs: int = Positive
    gae_lambda: float = Field(ge=0, le=1)
    clip_range: float = Positive
    entropy_weight: float = Field(ge=0)
    log_std_init: float


class _Dqn(_Learner):
    n_level: int = Positive
    buffer_size: int = Positive
    learning_starts: int = Field(ge=0)
    train_every: int = Positive
    gradient_steps: int = Positive
    target_every: int = Positive
    exploration_share: float = Field(gt=0, le=1)
    exploration_final: float = Field(ge=0, le=1)


class _Seeds(_Strict):
    training: int
    n_training: int
    validation_first: int
    n_validation: int
    gate_first: int
    n_gate: int
    test_first: int
    n_test: int


class _File(_Strict):
    name: str
    site: str
    layout: str
    episode: _Episode
    actions: dict[str, float]
    targets: dict[str, Any]
    price_scatter: float = Field(ge=0, lt=1)
    algorithm: Literal["ppo", "dqn"]
    total_steps: int = Positive
    checkpoint_steps: int = Positive
    n_environments: int = Positive
    rule_factors: list[float] = Field(min_length=1)
    ppo: _Ppo
    dqn: _Dqn
    seeds: _Seeds


def _with_tuple(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "hidden": tuple(values["hidden"])}


def load_experiment(path: Path) -> Experiment:
    """Return the training in a YAML file; paths in it are relative to the file.

    Args:
        path: of the file.

    Raises:
        InputError: the file cannot be read, a key is missing or unknown, or a value is wrong.
    """
    try:
        found = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"training file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise InputError(f"training file {path}: {error}") from error
    return Experiment(
        name=found.name,
        path=path,
        site=path.parent / found.site,
        layout=found.layout,
        episode=EpisodeSettings(**found.episode.model_dump()),
        actions=AdviceMap(tuple(found.actions), tuple(found.actions.values())),
        targets=EconomicTargets.from_payload(found.targets),
        price_scatter=found.price_scatter,
        algorithm=found.algorithm,
        total_steps=found.total_steps,
        checkpoint_steps=found.checkpoint_steps,
        n_environments=found.n_environments,
        rule_factors=tuple(found.rule_factors),
        ppo=PpoSettings(**_with_tuple(found.ppo.model_dump())),
        dqn=DqnSettings(**_with_tuple(found.dqn.model_dump())),
        seeds=SeedSettings(**found.seeds.model_dump()),
    )
