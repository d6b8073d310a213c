"""The forms of one channel: lag, two lags with lead, integrator; each with its dead time."""

from enum import Enum

import numpy as np
from scipy.signal import lfilter

from operator_agent.arrays import FloatArray
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    integrator,
    second_order,
)

_APART = 1e-3  # relative: closer time constants are drawn apart, or the two lags cancel


class Form(Enum):
    """Form of a channel and its parameters; time constants as logarithms."""

    FIRST = ("gain", "log_time_constant", "dead_time_s")
    SECOND = ("gain", "log_time_constant", "log_second_time_constant", "lead_s", "dead_time_s")
    RATE = ("rate_gain", "log_time_constant", "dead_time_s")


def response(form: Form, parameters: FloatArray, u: FloatArray, sample_s: float) -> FloatArray:
    """Return the output at each sample, exact for an input that is held between samples.

    Args:
        form: of the channel.
        parameters: as the form names them.
        u: deviations from where the plant was at rest, shape (n,).
        sample_s: [s].
    """
    gain, late_s = float(parameters[0]), float(parameters[-1])
    lag_s = float(np.exp(parameters[1]))
    if form is Form.FIRST:
        return gain * _lagged(u, lag_s, late_s, sample_s)
    if form is Form.RATE:
        summed = _integrated(u, late_s, sample_s)
        return gain * (summed - lag_s * _lagged(u, lag_s, late_s, sample_s))
    lag_s, second_s = _apart(lag_s, float(np.exp(parameters[2])))
    share = (lag_s - float(parameters[3])) / (lag_s - second_s)
    one, other = (_lagged(u, t, late_s, sample_s) for t in (lag_s, second_s))
    return gain * (share * one + (1.0 - share) * other)


def step_curve(form: Form, parameters: FloatArray, time_s: FloatArray) -> FloatArray:
    """Return the output after a unit step, at times since the step [s]."""
    gain, lag_s = float(parameters[0]), float(np.exp(parameters[1]))
    since: FloatArray = np.maximum(time_s - float(parameters[-1]), 0.0)
    risen: FloatArray = 1.0 - np.exp(-since / lag_s)
    if form is Form.FIRST:
        return gain * risen
    if form is Form.RATE:
        return gain * (since - lag_s * risen)
    lag_s, second_s = _apart(lag_s, float(np.exp(parameters[2])))
    share = (lag_s - float(parameters[3])) / (lag_s - second_s)
    risen, other = (1.0 - np.exp(-since / t) for t in (lag_s, second_s))
    return gain * (share * risen + (1.0 - share) * other)


def transfer_function(form: Form, parameters: FloatArray) -> TransferFunction:
    """Return the channel as an element of a transfer matrix."""
    gain, late_s = float(parameters[0]), float(parameters[-1])
    lag_s = float(np.exp(parameters[1]))
    if form is Form.FIRST:
        return first_order(gain, lag_s, late_s)
    if form is Form.RATE:
        return integrator(gain, lag_s, late_s)
    pair = (lag_s, float(np.exp(parameters[2])))
    return second_order(gain, pair, float(parameters[3]), late_s)


def _apart(first_s: float, second_s: float) -> tuple[float, float]:
    if abs(first_s - second_s) < _APART * first_s:
        return first_s * (1.0 + _APART), first_s
    return first_s, second_s


def _late(u: FloatArray, late_s: float, sample_s: float) -> tuple[FloatArray, float]:
    """Return the input as it arrives, by whole samples, and what is left of the dead time [s]."""
    whole = min(int(late_s / sample_s), len(u) - 1)
    return np.concatenate((np.zeros(whole + 1), u[: len(u) - whole - 1])), late_s - whole * sample_s


def _lagged(u: FloatArray, lag_s: float, late_s: float, sample_s: float) -> FloatArray:
    arriving, rest_s = _late(u, late_s, sample_s)
    kept, fresh = np.exp(-sample_s / lag_s), np.exp(-(sample_s - rest_s) / lag_s)
    found: FloatArray = lfilter([1.0 - fresh, fresh - kept], [1.0, -kept], arriving)
    return found


def _integrated(u: FloatArray, late_s: float, sample_s: float) -> FloatArray:
    arriving, rest_s = _late(u, late_s, sample_s)
    found: FloatArray = lfilter([sample_s - rest_s, rest_s], [1.0, -1.0], arriving)
    return found
