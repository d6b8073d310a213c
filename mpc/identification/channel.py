"""One channel as found: its numbers with their intervals, and a verdict in words."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.identification.element import Form, transfer_function
from operator_agent.plant.generic.transfer_function import TransferFunction
from operator_agent.plant.generic.variable import Variable

DEVIATIONS = 1.96  # of a normal law, for 95 %
_GOOD = 0.3  # half an interval over the gain
_NOTHING = 0.1  # spans per span: a gain that matters to nobody
_BLIND = 1.0  # spans per span: half an interval that says nothing
_DEPENDENT = 0.01  # p-value below which the model misses something of a source

Interval = tuple[float, float]


class Verdict(Enum):
    """What a channel is worth."""

    GOOD = "good"
    WEAK = "weak"
    NO_EFFECT = "no effect"
    NOT_EXCITED = "not excited"


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """One channel. Intervals hold 95 % of the time when the form is right.

    Attributes:
        output, source: names.
        form: `first`, `second` or `rate`; `none` when the input never moved.
        gain: steady output per unit of input; its rate [1/s] when the form is `rate`.
        gain_interval: of the gain.
        time_constants_s, time_constant_intervals_s: one or two [s].
        lead_s: of the form `second` [s]; below zero is an inverse response.
        dead_time_s, dead_time_interval_s: [s].
        verdict: what the channel is worth.
        words: why.
        element: of the transfer matrix; None where the model has no effect.
    """

    output: str
    source: str
    form: str
    gain: float
    gain_interval: Interval
    time_constants_s: tuple[float, ...]
    time_constant_intervals_s: tuple[Interval, ...]
    lead_s: float
    dead_time_s: float
    dead_time_interval_s: Interval
    verdict: Verdict
    words: str
    element: TransferFunction | None


def still_channel(output: str, source: str) -> ChannelReport:
    """Return the report of an input that never moved."""
    words = f"{source} did not move; step it by a test"
    nothing = (0.0, 0.0)
    verdict = Verdict.NOT_EXCITED
    return ChannelReport(
        output, source, "none", 0.0, nothing, (), (), 0.0, 0.0, nothing, verdict, words, None
    )


def channel_report(
    output: Variable,
    source: Variable,
    form: Form,
    parameters: FloatArray,
    covariance: FloatArray,
    kept: FloatArray | None,
    settling_s: float,
    independent: float,
) -> ChannelReport:
    """Return the report of a channel.

    Args:
        output, source: variables with their spans.
        form: of the channel.
        parameters, covariance: with all channels in the model.
        kept: parameters in the model that is handed out; None where the channel was left out.
        settling_s: time over which an integrating output is judged [s].
        independent: p-value of innovations that this source does not explain.
    """
    deviations = np.sqrt(np.diag(covariance))
    gain, half = float(parameters[0]), DEVIATIONS * float(deviations[0])
    scale = source.span / output.span * (settling_s if form is Form.RATE else 1.0)
    verdict, words = _judged(gain, half, scale, kept is None)
    if verdict in (Verdict.GOOD, Verdict.WEAK) and independent < _DEPENDENT:
        words += "; the form misses something of this input, so the interval is too narrow"
        verdict = Verdict.WEAK
    logs = [k for k, name in enumerate(form.value) if name.startswith("log_")]
    lags = tuple(float(np.exp(parameters[k])) for k in logs)
    wide = [DEVIATIONS * float(deviations[k]) for k in logs]
    late, late_half = float(parameters[-1]), DEVIATIONS * float(deviations[-1])
    return ChannelReport(
        output=output.name,
        source=source.name,
        form=form.name.lower(),
        gain=gain,
        gain_interval=(gain - half, gain + half),
        time_constants_s=lags,
        time_constant_intervals_s=tuple(
            (lag * float(np.exp(-min(w, 50.0))), lag * float(np.exp(min(w, 50.0))))
            for lag, w in zip(lags, wide, strict=True)
        ),
        lead_s=float(parameters[3]) if form is Form.SECOND else 0.0,
        dead_time_s=late,
        dead_time_interval_s=(max(late - late_half, 0.0), late + late_half),
        verdict=verdict,
        words=words,
        element=None if kept is None else transfer_function(form, kept),
    )


def _judged(gain: float, half: float, scale: float, left_out: bool) -> tuple[Verdict, str]:
    """Return the verdict on a gain and its reason; the scale turns it into spans per span."""
    size, width = abs(gain) * scale, half * scale
    if width >= max(_BLIND, size):
        return Verdict.NOT_EXCITED, (
            f"the data fix the gain only to +-{width:.2g} spans per span; move this input more"
        )
    if size - width <= 0.0 or left_out:
        if size + width <= _NOTHING or (left_out and width <= _NOTHING):
            return Verdict.NO_EFFECT, f"at most {size + width:.2g} spans per span: left out"
        told = "left out" if left_out else "kept"
        return Verdict.WEAK, f"+-{width:.2g} spans per span with zero inside: {told}"
    share = half / abs(gain)
    if share <= _GOOD:
        return Verdict.GOOD, f"gain known to +-{100.0 * share:.0f} %"
    return Verdict.WEAK, f"gain known only to +-{100.0 * share:.0f} %; a longer test would help"
