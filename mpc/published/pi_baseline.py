"""Single PI loops as the baseline of a comparison, with limits, rates and no wind-up.

Tuned by SIMC, or by search on the score itself: multiples of the SIMC closed-loop time constants,
one for each loop. Source: Skogestad, "Simple analytic rules for model reduction and PID controller
tuning", J. Process Control 13 (2003) 291, equations 23 and 24.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.tracking_case import Named
from operator_agent.plant.classics.loops import PiLoop

LONGEST_SEARCH = 60  # runs of the closed loop
LEAST_FACTOR, LARGEST_FACTOR = 0.3, 20.0  # of the closed-loop time constant


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """gain exp(-dead_time_s s) / (time_s s + 1) from an input to an output."""

    mv: str
    cv: str
    gain: float
    time_s: float
    dead_time_s: float


def simc(element: FirstOrder, closed_s: float) -> PiLoop:
    """Return the PI settings for a wanted closed-loop time constant.

    Args:
        element: of the loop.
        closed_s: SIMC's tau_c; the dead time itself is the usual choice [s].
    """
    late_s = closed_s + element.dead_time_s
    gain = element.time_s / (element.gain * late_s)
    return PiLoop(element.mv, element.cv, gain, min(element.time_s, 4.0 * late_s))


class PiControl:
    """PI loops that act together; an actor of tracking cases."""

    def __init__(
        self,
        name: str,
        loops: Sequence[PiLoop],
        period_s: float,
        names: tuple[tuple[str, ...], tuple[str, ...]],
        limits: tuple[FloatArray, FloatArray, FloatArray],
    ) -> None:
        """Start at rest.

        Args:
            name: of the row.
            loops: one for each input that moves.
            period_s: time between moves [s].
            names: of the inputs and of the outputs.
            limits: low, high and largest change per move of each input.
        """
        self.name, self.period_s = name, period_s
        self._loops, (self._inputs, self._outputs) = tuple(loops), names
        self._low, self._high, self._change = limits
        self._last = {loop.cv: 0.0 for loop in loops}

    def act(self, y: FloatArray, u: FloatArray, setpoints: Named, d: FloatArray) -> FloatArray:
        """Return the inputs: velocity form, cut to rates and limits, so that nothing winds up."""
        after = u.copy()
        for loop in self._loops:
            i = self._inputs.index(loop.mv)
            error = setpoints[loop.cv] - y[self._outputs.index(loop.cv)]
            change = loop.gain * (
                error - self._last[loop.cv] + self.period_s / loop.reset_s * error
            )
            self._last[loop.cv] = error
            change = float(np.clip(change, -self._change[i], self._change[i]))
            after[i] = np.clip(u[i] + change, self._low[i], self._high[i])
        return after


def searched(
    elements: Sequence[FirstOrder], score: Callable[[Sequence[PiLoop]], float]
) -> tuple[PiLoop, ...]:
    """Return the loops with the best score over factors on the SIMC time constants.

    Args:
        elements: of the loops; a dead time of zero counts as a tenth of the time constant.
        score: of a closed loop, lower is better.
    """
    usual = [e.dead_time_s or 0.1 * e.time_s for e in elements]

    def loops(logs: FloatArray) -> tuple[PiLoop, ...]:
        factors = np.clip(np.exp(logs), LEAST_FACTOR, LARGEST_FACTOR)
        return tuple(simc(e, f * t) for e, f, t in zip(elements, factors, usual, strict=True))

    found = minimize(
        lambda logs: score(loops(logs)),
        np.zeros(len(elements)),
        method="Nelder-Mead",
        options={"maxfev": LONGEST_SEARCH, "initial_simplex": _simplex(len(elements))},
    )
    return loops(found.x)


def _simplex(n: int) -> FloatArray:
    """Return starts at SIMC itself and at three times its time constants, one loop at a time."""
    return np.vstack([np.zeros(n), np.log(3.0) * np.eye(n)])


def rounded(loop: PiLoop) -> PiLoop:
    """Return the loop with three digits, as a table shows it."""
    return replace(loop, gain=float(f"{loop.gain:.3g}"), reset_s=float(f"{loop.reset_s:.3g}"))
