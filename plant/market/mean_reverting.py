"""A value that wanders and is pulled back: the Ornstein-Uhlenbeck process, stepped exactly.

    dY = -kappa Y dt + sigma dW,   half-life = ln 2 / kappa,   sd = sigma / sqrt(2 kappa)

(Uhlenbeck and Ornstein, Phys. Rev. 36 (1930) 823). One step multiplies by exp(-kappa dt) and adds a
normal draw, so no error depends on the step. With Y the logarithm of a price over its median this
is the one-factor model of Schwartz (J. Finance 52 (1997) 923).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class MeanReverting:
    """The process around zero.

    Attributes:
        half_life_s: in which a deviation halves on average [s].
        sd: standard deviation in the long run [unit of the value].
    """

    half_life_s: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse processes that are none."""
        if not (math.isfinite(self.half_life_s) and self.half_life_s > 0.0):
            raise InputError(f"half-life {self.half_life_s} s must be positive")
        if not (math.isfinite(self.sd) and self.sd >= 0.0):
            raise InputError(f"standard deviation {self.sd} must be zero or more")

    def memory(self, step_s: float) -> float:
        """Return the part of a deviation that is left after a step [s]."""
        return math.exp(-math.log(2.0) * step_s / self.half_life_s)

    def path(self, start: float, draws: FloatArray, step_s: float) -> FloatArray:
        """Return the values after each step.

        Args:
            start: value before the first step.
            draws: standard normal, shape (n,).
            step_s: [s].
        """
        memory = self.memory(step_s)
        noise = self.sd * math.sqrt(1.0 - memory**2) * draws
        values, _ = lfilter([1.0], [1.0, -memory], noise, zi=[memory * start])
        return np.asarray(values, dtype=np.float64)
