"""What an estimator is: it starts at a scan, follows scan by scan, and says when it cannot."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.estimation.readings import IntArray, ReadingMemory, Rejected, Verdict
from operator_agent.mpc.scan import Scan

__all__ = ["Estimator", "EstimatorState", "Rejected"]


@dataclass(frozen=True, slots=True)
class EstimatorState:
    """What is known of the plant after a scan, in SI.

    Attributes:
        x: state of the model, shape (n_x,).
        bias: on the outputs, shape (n_y,).
        y: outputs with bias: the best estimate of the CVs now, shape (n_y,).
        d: last good disturbances and behind them those that are estimated, in the order of the
            model that the controller plans with, shape (n_d,).
        innovation: prediction error of this scan at the times of the samples, NaN where no
            reading counted, shape (n_y,).
        time_s: of the scan [s].
        memory: of the readings.
        carried: what its estimator carries on from scan to scan; of no use to others.
        covariance: of states, estimated disturbances and biases together, divided by their
            scales, shape (n_z, n_z); None where the estimator has none.
    """

    x: FloatArray
    bias: FloatArray
    y: FloatArray
    d: FloatArray
    innovation: FloatArray
    time_s: float
    memory: ReadingMemory
    carried: object
    covariance: FloatArray | None = None

    @property
    def bad_cvs(self) -> IntArray:
        """Cycles in a row in which a CV had no reading that counts, shape (n_y,)."""
        return self.memory.bad_cvs

    @property
    def bad_dvs(self) -> IntArray:
        """The same for the measured disturbances, shape (n_d,)."""
        return self.memory.bad_dvs

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What became of each CV's reading on the last scan."""
        return self.memory.verdicts

    def with_lost(self, scan: Scan) -> "EstimatorState":
        """Return this state with the bad readings of a scan that could not be used counted."""
        memory = replace(
            self.memory,
            bad_cvs=np.where(np.isfinite(scan.y), 0, self.memory.bad_cvs + 1),
            bad_dvs=np.where(np.isfinite(scan.d), 0, self.memory.bad_dvs + 1),
            verdicts=tuple(
                kept if good else Verdict.BAD
                for kept, good in zip(self.memory.verdicts, np.isfinite(scan.y), strict=True)
            ),
        )
        return replace(self, memory=memory)


class Estimator(Protocol):
    """Judges scans and follows the plant. Holds no state between calls."""

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the steady state at the scan's inputs, with what explains the scan."""
        ...

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """Return the state at a scan, or why this scan cannot be used."""
        ...
