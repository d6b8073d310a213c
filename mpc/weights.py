"""What the controller is tuned by, as a value and as a YAML file.

All weights act on scaled variables (divided by the model's span), so that 1 means "a deviation of
one typical span costs as much as one move of one typical span".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class Weights:
    """The tuning of one controller.

    Attributes:
        cv_tracking: weight on (y - target)^2 of each stage, by CV; a CV not named is not tracked.
        move_suppression: weight on the square of each move, by MV; every MV must be named.
        resting: weight on (u - target)^2 of each stage, by MV: settles directions that no CV sees.
        target_pull: price of missing planning's target in the steady state, by CV or by
            `flow_vol_feed` [usd/s per squared span].
        soft_penalty: price of one span outside a soft limit, linear and squared.
        hard_penalty: the same outside a hard limit; must be higher.
        levenberg: weight on the step from the last plan: damps the iteration, not the answer.
        reference_s: time constant by which the reference runs into the target [s]; 0 for a step.
        bias_filter: part of the prediction error taken into the bias at each good reading, 0..1.
        spike_spans: an innovation larger than this many spans is a spike [spans].
        spike_readings: so many spikes in a row are believed.
        max_bad_readings: a DV or critical CV may be bad for so many cycles in a row.
        target_proximal: weight on the move of the steady-state target [usd/s per squared span].
        target_step: largest move of the steady-state target per cycle [spans].
        target_margin: distance that the steady-state target keeps from CV limits [spans].
        hard_margin: distance from hard limits at which a soft one is drawn, for noise [spans].
        n_pred: stages of the horizon.
        first_stages_s: lengths of the first stages [s]; the first is best one control cycle.
        stage_s: length of all other stages [s].
        move_blocks: number of stages of each block of moves; the last one runs to the end.
        iterations: SQP iterations of a warm cycle, at most.
        cold_iterations: SQP iterations of a cold start, at most.
        relinearise_every: cycles between new Jacobians; 1 is every cycle.
        target_every: cycles between new steady-state targets.
    """

    cv_tracking: Mapping[str, float]
    move_suppression: Mapping[str, float]
    resting: Mapping[str, float]
    target_pull: Mapping[str, float]
    soft_penalty: float
    hard_penalty: float
    levenberg: float
    reference_s: float
    bias_filter: float
    spike_spans: float
    spike_readings: int
    max_bad_readings: int
    target_proximal: float
    target_step: float
    target_margin: float
    hard_margin: float
    n_pred: int
    first_stages_s: tuple[float, ...]
    stage_s: float
    move_blocks: tuple[int, ...]
    iterations: int
    cold_iterations: int
    relinearise_every: int
    target_every: int

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse values that cannot make a controller."""
        for name in ("cv_tracking", "move_suppression", "resting", "target_pull"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        positive = {
            "soft_penalty": self.soft_penalty,
            "stage_s": self.stage_s,
            "target_proximal": self.target_proximal,
            "target_step": self.target_step,
            "spike_spans": self.spike_spans,
        }
        if self.first_stages_s and min(self.first_stages_s) <= 0.0:
            raise InputError(f"first_stages_s are {self.first_stages_s}; lengths are above zero")
        for name, value in positive.items():
            if not value > 0.0:
                raise InputError(f"weight {name} is {value}; it must be above zero")
        counts = (self.n_pred, self.iterations, self.cold_iterations, self.relinearise_every,
                  self.target_every, self.spike_readings, *self.move_blocks)  # fmt: skip
        if min(counts) < 1 or not self.move_blocks:
            raise InputError("n_pred, move blocks, iterations and cycle counts start at 1")
        if not 0.0 < self.bias_filter <= 1.0:
            raise InputError(f"bias_filter is {self.bias_filter}; it must be above 0, at most 1")
        if min(self.target_margin, self.hard_margin) < 0.0:
            raise InputError("target_margin and hard_margin are distances: zero or more")
        if self.hard_penalty <= self.soft_penalty:
            raise InputError("hard_penalty must be above soft_penalty: hard limits rank higher")


class _WeightsFile(BaseModel):
    """The YAML file: the fields of `Weights`, nothing else."""

    model_config = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)

    cv_tracking: dict[str, float]
    move_suppression: dict[str, float]
    resting: dict[str, float]
    target_pull: dict[str, float]
    soft_penalty: float
    hard_penalty: float
    levenberg: float
    reference_s: float
    bias_filter: float
    spike_spans: float
    spike_readings: int
    max_bad_readings: int
    target_proximal: float
    target_step: float = Field(allow_inf_nan=True)  # without a limit: .inf
    target_margin: float
    hard_margin: float
    n_pred: int
    first_stages_s: tuple[float, ...]
    stage_s: float
    move_blocks: tuple[int, ...]
    iterations: int
    cold_iterations: int
    relinearise_every: int
    target_every: int


def load_weights(path: Path | str) -> Weights:
    """Return the weights in a YAML file.

    Raises:
        InputError: the file is missing, a key is missing or unknown, or a value is not possible.
    """
    try:
        return weights_from(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"weights file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, InputError) as error:
        raise InputError(f"weights file {path} is wrong: {error}") from error


def weights_from(payload: object) -> Weights:
    """Return weights from plain values, as `weights_payload` gives them.

    Raises:
        InputError: a key is missing or unknown, or a value is not possible.
    """
    try:
        parsed = _WeightsFile.model_validate(payload)
    except ValidationError as error:
        raise InputError(str(error)) from error
    return Weights(**{name: getattr(parsed, name) for name in _WeightsFile.model_fields})


def weights_payload(weights: Weights) -> dict[str, object]:
    """Return weights as plain values, for files and between processes."""
    fields: dict[str, object] = {}
    for name in _WeightsFile.model_fields:
        value = getattr(weights, name)
        if isinstance(value, Mapping):
            value = dict(value)
        fields[name] = list(value) if isinstance(value, tuple) else value
    return fields


def save_weights(path: Path | str, weights: Weights) -> None:
    """Write the weights as YAML, readable by `load_weights`."""
    text = yaml.safe_dump(weights_payload(weights), sort_keys=False)
    Path(path).write_text(text, encoding="utf-8")
