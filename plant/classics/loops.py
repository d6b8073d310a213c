"""Single PI loops on a transfer matrix, as the literature tunes and scores them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.sampled_plant import SampledPlant, whole_samples
from operator_agent.plant.generic.transfer_matrix import Elements


@dataclass(frozen=True, slots=True)
class PiLoop:
    """u = u_nominal + gain (e + integral of e / reset_s), e = setpoint - y.

    Attributes:
        mv: name of the input.
        cv: name of the output.
        gain: [input per output].
        reset_s: integral time [s].
    """

    mv: str
    cv: str
    gain: float
    reset_s: float


@dataclass(frozen=True, slots=True)
class LoopScore:
    """How well the outputs were held.

    Attributes:
        absolute_error: integral of |e| of each loop [output s].
        squared_error: integral of e^2 of each loop [output^2 s].
        variation: sum of the inputs' moves, of each loop [input].
    """

    absolute_error: FloatArray
    squared_error: FloatArray
    variation: FloatArray


def run_loops(
    plant: SampledPlant,
    loops: Sequence[PiLoop],
    setpoint_changes: Sequence[float],
    duration_s: float,
) -> LoopScore:
    """Return the score of PI loops that act once a sample, from rest.

    Args:
        plant: at rest; disturb it before to score a disturbance.
        loops: to close.
        setpoint_changes: step of the set point of each loop at the start [output].
        duration_s: of the run, whole samples [s].

    Raises:
        InputError: a loop names what the plant has not, or the duration is no whole sample.
    """
    start, dt = plant.truth(), plant.sample_time_s
    for loop in loops:
        if loop.mv not in plant.setpoints or loop.cv not in [v.name for v in plant.outputs]:
            raise InputError(f"loop {loop.mv} on {loop.cv}: plant {plant.name} has no such pair")
    whole_samples(f"plant {plant.name}: duration", duration_s, dt)
    setpoints = np.array([start[loop.cv] for loop in loops]) + np.asarray(setpoint_changes)
    gain = np.array([loop.gain for loop in loops])
    reset = np.array([loop.reset_s for loop in loops])
    rest = np.array([start[loop.mv] for loop in loops])
    places = [[v.name for v in plant.outputs].index(loop.cv) for loop in loops]
    summed, errors, inputs = np.zeros(len(loops)), [], [rest]
    for _ in range(round(duration_s / dt)):
        error = setpoints - plant.outputs_now()[places]
        inputs.append(rest + gain * (error + summed / reset))
        for loop, value in zip(loops, inputs[-1], strict=True):
            plant.write(loop.mv, float(value))
        plant.advance(dt)
        summed = summed + error * dt
        errors.append(error)
    errors.append(setpoints - plant.outputs_now()[places])
    e = np.array(errors)
    return LoopScore(
        absolute_error=np.trapezoid(np.abs(e), dx=dt, axis=0),
        squared_error=np.trapezoid(e**2, dx=dt, axis=0),
        variation=np.sum(np.abs(np.diff(inputs, axis=0)), axis=0),
    )


def largest_log_modulus(
    elements: Elements, gains: Sequence[float], resets_s: Sequence[float]
) -> float:
    """Return the largest closed-loop log modulus of diagonal PI loops [dB].

    20 log10 |W / (1 + W)| with W = -1 + det(I + G K), largest over frequency, dead times exact.
    The method of Luyben (Ind. Eng. Chem. Process Des. Dev. 25 (1986) 654) detunes the loops until
    it is 2 dB per loop.

    Args:
        elements: square part of the transfer matrix comes first in each row.
        gains: of the loops.
        resets_s: integral times of the loops [s].
    """
    n = len(gains)
    largest = -np.inf
    for frequency in np.logspace(-5.0, 0.0, 5000):
        s = 1j * frequency
        plant = np.array([[0.0 if g is None else g.at(s) for g in row[:n]] for row in elements])
        loops = np.diag([k * (1.0 + 1.0 / (t * s)) for k, t in zip(gains, resets_s, strict=True)])
        w = -1.0 + np.linalg.det(np.eye(n) + plant @ loops)
        largest = max(largest, 20.0 * float(np.log10(abs(w / (1.0 + w)))))
    return largest
