"""How long the substeps are, and what is told of them."""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

_MOST_ATTEMPTS = 400  # substeps tried in one step; a hard transient of the crude unit needs 30
_GROWTH = 4.0  # of a substep after an accepted one
N_CONTROL = 5  # numbers that say how to step
N_REPORT = 3  # numbers that are told of a copy


@dataclass(frozen=True, slots=True)
class StepControl:
    """Length of the substeps of one step.

    Attributes:
        step_s: time to advance [s].
        substeps: number of substeps; with a tolerance, the first one has this length and each
            copy chooses the further ones by its own error estimate.
        tolerance: largest error estimate of a state in a substep, in spans of the state; None for
            substeps of equal length whose estimate is told and not acted upon.
    """

    step_s: float
    substeps: int
    tolerance: float | None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot step.

        Raises:
            InputError: a number is not positive.
        """
        if not (math.isfinite(self.step_s) and self.step_s > 0.0):
            raise InputError(f"step_s is {self.step_s} s; a step needs a positive time")
        if self.substeps < 1:
            raise InputError(f"substeps is {self.substeps}; a step needs at least 1")
        if self.tolerance is not None and not 0.0 < self.tolerance < math.inf:
            raise InputError(
                f"tolerance is {self.tolerance} spans; give a positive number, or None for "
                "substeps of equal length"
            )

    def numbers(self) -> FloatArray:
        """Return time, first substep, tolerance, growth and most attempts, shape (5,)."""
        first_s = self.step_s / self.substeps
        if self.tolerance is None:
            return np.array([self.step_s, first_s, math.inf, 1.0, float(self.substeps)])
        return np.array([self.step_s, first_s, self.tolerance, _GROWTH, float(_MOST_ATTEMPTS)])


class CopyStatus(IntEnum):
    """What became of one copy in a step."""

    FINISHED = 0
    UNFINISHED = 1  # its substeps became too small to arrive
    NOT_FINITE = 2  # a state overflowed or has no value


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of each copy's step, all of shape (n,).

    Attributes:
        status: `CopyStatus` of each copy.
        error: largest error estimate of its accepted substeps, in spans of a state.
        attempts: substeps tried, repeated ones included.
    """

    status: np.ndarray[tuple[int], np.dtype[np.int64]]
    error: FloatArray
    attempts: FloatArray

    @classmethod
    def of(cls, x: FloatArray, rows: FloatArray) -> "Report":
        """Return the report of states (n, n_x) and of error, attempts and arrival, (n, 3)."""
        status = np.where(rows[:, 2] == 1.0, CopyStatus.FINISHED, CopyStatus.UNFINISHED)
        status = np.where(np.isfinite(x).all(axis=1), status, CopyStatus.NOT_FINITE)
        return cls(status, rows[:, 0], rows[:, 1])
