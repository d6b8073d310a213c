"""What of a record may be believed: windows, spikes, frozen readings, analysers and their age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.identification.record import BoolArray, Record

_LIVELY = 0.9  # share of samples at which a reading that is alive changes
_FROZEN_SAMPLES = 15  # of the same value to the last digit: a frozen transmitter
_SPIKE_WINDOW = 7  # samples of the running median
_NORMAL_MAD = 1.4826  # standard deviation over median absolute deviation, normal law


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What to leave out.

    Attributes:
        window_s: from and to, since the start of the record [s].
        unknown_past_s: left out at the start of the record, because what moved the plant before is
            not in it: the settling time, or zero when it was at rest [s].
        settle_s: left out after each stretch that is not used, while the plant comes back [s].
        longest_gap_s: a bad input is held so long; rows behind a longer gap are not used [s].
        spike_deviations: a reading so many standard deviations off its neighbours is bad.
        analyser_delays_s: age of a result when it is shown, by analyser [s]; their results count
            once, at the time of the sample.
    """

    window_s: tuple[float, float] = (0.0, np.inf)
    unknown_past_s: float = 0.0
    settle_s: float = 0.0
    longest_gap_s: float = 600.0
    spike_deviations: float = 6.0
    analyser_delays_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse an empty window and times below zero."""
        if not 0.0 <= self.window_s[0] < self.window_s[1]:
            raise InputError(f"window {self.window_s} s must begin at zero or later, and end later")
        times = (
            self.unknown_past_s,
            self.settle_s,
            self.longest_gap_s,
            *self.analyser_delays_s.values(),
        )
        if min(times) < 0.0 or not self.spike_deviations > 0.0:
            raise InputError("times of a cleaning start at zero, the size of a spike above it")


def cleaned(
    record: Record, sources: Sequence[str], outputs: Sequence[str], cleaning: Cleaning
) -> Record:
    """Return the record of the sources (held where bad) and outputs (NaN where bad).

    Args:
        record: as read.
        sources: MVs and then DVs.
        outputs: CVs.
        cleaning: what to leave out.

    Raises:
        InputError: an analyser is no output, or nothing is left.
    """
    unknown = [name for name in cleaning.analyser_delays_s if name not in outputs]
    if unknown:
        raise InputError(f"a delay is given for '{unknown[0]}', which is no output")
    u = record.columns(sources)
    held, lost = _held(u, record.used, round(cleaning.longest_gap_s / record.sample_time_s))
    y = np.column_stack([_believed(record, name, cleaning) for name in outputs])
    used = record.used & ~lost & _inside(record, cleaning.window_s)
    used[: round(cleaning.unknown_past_s / record.sample_time_s)] = False
    used &= ~_recovering(used, round(cleaning.settle_s / record.sample_time_s))
    if not bool(np.any(used)):
        raise InputError(
            f"{record.source}: no row is left; widen the window, allow longer gaps, or see which "
            "input is bad throughout"
        )
    names = (*sources, *outputs)
    return replace(record, names=names, values=np.column_stack((held, y)), used=used)


def _inside(record: Record, window_s: tuple[float, float]) -> BoolArray:
    since = record.time_s - record.start_s
    return (since >= window_s[0]) & (since <= window_s[1])


def _held(u: FloatArray, used: BoolArray, longest: int) -> tuple[FloatArray, BoolArray]:
    """Return inputs with gaps filled by their last good value, and where that is too old."""
    rows = np.arange(len(u))[:, None]
    good = np.isfinite(u)
    last = np.maximum.accumulate(np.where(good, rows, -1), axis=0)
    first = np.argmax(good, axis=0)
    filled = np.take_along_axis(u, np.where(last < 0, first[None, :], last), axis=0)
    if not bool(np.all(good.any(axis=0))):
        filled = np.where(good.any(axis=0), filled, 0.0)
        return filled, np.ones(len(u), dtype=np.bool_)
    return filled, np.any(np.where(last < 0, longest + 1, rows - last) > longest, axis=1)


def _recovering(used: BoolArray, samples: int) -> BoolArray:
    """Return the rows within so many samples of the end of a stretch that is not used."""
    after = np.flatnonzero(used[1:] & ~used[:-1]) + 1
    found = np.zeros_like(used)
    for row in after:
        found[row : row + samples] = True
    return found


def _believed(record: Record, name: str, cleaning: Cleaning) -> FloatArray:
    values = record.column(name).copy()
    if name in cleaning.analyser_delays_s:
        late = round(cleaning.analyser_delays_s[name] / record.sample_time_s)
        return _results(values, late)
    values[_frozen(values)] = np.nan
    values[_spikes(values, cleaning.spike_deviations)] = np.nan
    return values


def _results(values: FloatArray, late: int) -> FloatArray:
    """Return an analyser's results, each once, at the time when the sample was taken."""
    good = np.flatnonzero(np.isfinite(values))
    fresh = good[1:][np.diff(values[good]) != 0.0]
    fresh = fresh[fresh >= late]
    found = np.full_like(values, np.nan)
    found[fresh - late] = values[fresh]
    return found


def _frozen(values: FloatArray) -> BoolArray:
    """Return where a reading that is lively elsewhere shows the same value for long."""
    same = np.concatenate(([False], np.diff(values) == 0.0))
    found = np.zeros(len(values), dtype=np.bool_)
    starts = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(int), [0]))))
    for begin, end in zip(starts[::2], starts[1::2], strict=True):
        if end - begin >= _FROZEN_SAMPLES:
            found[begin:end] = True
    rest = np.isfinite(values) & ~found
    alive = np.count_nonzero(rest & ~same) >= _LIVELY * np.count_nonzero(rest)
    most = np.count_nonzero(found) < np.count_nonzero(rest)
    return found if alive and most else np.zeros(len(values), dtype=np.bool_)


def _spikes(values: FloatArray, deviations: float) -> BoolArray:
    """Return readings far from the median of their neighbours.

    Source: Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974) 383.
    """
    if len(values) < _SPIKE_WINDOW:
        return np.zeros(len(values), dtype=np.bool_)
    half = _SPIKE_WINDOW // 2
    filled = np.where(np.isfinite(values), values, np.nanmedian(values))
    padded = np.pad(filled, half, mode="edge")
    off = np.abs(
        filled - np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    )
    usual = _NORMAL_MAD * float(np.median(off))
    return off > deviations * usual if usual > 0.0 else np.zeros(len(values), dtype=np.bool_)
