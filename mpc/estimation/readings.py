"""Which readings of a scan may correct the estimate, and why the others may not.

A reading is used once, when its sample is new. It is set aside while it is bad, when its sample
time is not believable, and when its innovation is beyond the gate of a consistency test; so many
spikes in a row that agree with each other are a true step and are believed. Whether a value is
frozen is judged where it is read, by the device's own rules.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.scan import BoolArray, Scan
from operator_agent.mpc.variables import ControlVariables

IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
SAME_SAMPLE_S = 1.0  # stamps of devices are rounded: closer ones belong to one sample
SAME_SAMPLE = 0.25  # of a cycle: in fast loops a sample is new sooner than a stamp is rounded
LEAST_STEP_READINGS = 2  # even of a slow analyser one sample alone is no step
LATEST_STAMP_S = (
    1e11  # in the year 5138: a later stamp is no time, and adding a cycle is lost in it
)


class Verdict(Enum):
    """What became of a reading; the value says it in words."""

    USED = "used"
    STEP = "far from the prediction so often in a row that it is believed"
    HELD = "repeats a sample that was seen before"
    LATE = "its sample is older than one that was used"
    BAD = "no good value"
    UNTIMELY = "its sample is older than the predictions that are kept, or ahead of the scan"
    SPIKE = "too far from the prediction"


_LOST = (Verdict.BAD, Verdict.UNTIMELY)
_KNOWN = (Verdict.HELD, Verdict.LATE)


@dataclass(frozen=True, slots=True)
class ReadingMemory:
    """What is remembered of the readings.

    Attributes:
        sampled_s: time of the newest sample of each CV, shape (n_y,) [s].
        spikes: spikes in a row, one per sample, shape (n_y,).
        spike_error: innovation of the last spike, shape (n_y,) [SI].
        bad_cvs, bad_dvs: cycles in a row without a reading that counts, shapes (n_y,), (n_d,).
        verdicts: on the last scan, one per CV.
    """

    sampled_s: FloatArray
    spikes: IntArray
    spike_error: FloatArray
    bad_cvs: IntArray
    bad_dvs: IntArray
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a scan cannot be used.

    Attributes:
        reason: in words.
        model_failed: whether the model, not the readings, is to blame.
    """

    reason: str
    model_failed: bool


@dataclass(frozen=True, slots=True)
class Screened:
    """Readings that passed all tests that need no model.

    Attributes:
        d: disturbances to use, shape (n_d,) [SI].
        sampled_s: time of each sample, shape (n_y,) [s].
        fresh: which readings are new and believable, shape (n_y,).
        interval_s: since the sample before, shape (n_y,) [s].
        verdicts: `USED` for the fresh ones.
    """

    d: FloatArray
    sampled_s: FloatArray
    fresh: BoolArray
    interval_s: FloatArray
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How readings are judged.

    Attributes:
        names: of the variables, with the critical ones marked.
        cycle_s: between scans [s].
        oldest_s: age of each CV beyond which no prediction is kept, shape (n_y,) [s].
        spike_readings: so many spikes in a row are believed when there is one per cycle; of a
            slower analyser as many as fit into the same time, and two at least.
        max_bad_readings: a DV or critical CV may be lost for so many cycles in a row.
    """

    names: ControlVariables
    cycle_s: float
    oldest_s: FloatArray
    spike_readings: int
    max_bad_readings: int

    def first(self, scan: Scan) -> tuple[ReadingMemory, float] | Rejected:
        """Return the memory after the first scan and its time, or why it cannot be used."""
        refusal = self._refusal(scan, ~np.isfinite(scan.y), None)
        if refusal is not None:
            return refusal
        if not bool(np.all(np.isfinite(scan.d))):
            lost = [n for n, v in zip(self.names.dv_names, scan.d, strict=True) if v != v]
            return Rejected(
                f"disturbance {', '.join(lost)} has no good reading at the start; check the "
                "transmitter, or take it out of service to start from its nominal value",
                False,
            )
        stamped_s = stamp_s(scan)
        time_s = stamped_s if math.isfinite(stamped_s) else 0.0
        bad = ~np.isfinite(scan.y)
        verdicts = tuple(Verdict.BAD if b else Verdict.USED for b in bad)
        known_s = np.where(np.isfinite(scan.y_age_s), scan.y_age_s, 0.0)
        age_s = np.clip(known_s, 0.0, self.oldest_s)  # one from the future would outdate all others
        zeros = np.zeros(scan.y.size, dtype=np.int64)
        memory = ReadingMemory(
            sampled_s=np.where(bad, time_s - self.oldest_s, time_s - age_s),
            spikes=zeros,
            spike_error=np.zeros(scan.y.size),
            bad_cvs=bad.astype(np.int64),
            bad_dvs=np.zeros(scan.d.size, dtype=np.int64),
            verdicts=verdicts,
        )
        return memory, time_s

    def time_of(self, scan: Scan, last_s: float) -> float:
        """Return the time of a scan; without a later stamp it is one cycle after the last [s]."""
        stamped_s = stamp_s(scan)
        return stamped_s if stamped_s > last_s else last_s + self.cycle_s

    def screen(
        self, memory: ReadingMemory, scan: Scan, time_s: float, d_last: FloatArray
    ) -> Screened | Rejected:
        """Return what may be used of a scan, or why that is not enough.

        Args:
            memory: after the scan before.
            scan: of this cycle.
            time_s: of this cycle [s].
            d_last: last good disturbances, shape (n_d,) [SI].
        """
        age_s = np.where(np.isfinite(scan.y_age_s), scan.y_age_s, 0.0)
        sampled_s, same_s = time_s - age_s, min(SAME_SAMPLE_S, SAME_SAMPLE * self.cycle_s)
        verdicts = tuple(
            _timely(same_s, *reading)
            for reading in zip(
                scan.y, age_s, self.oldest_s, scan.y_new, sampled_s, memory.sampled_s, strict=True
            )
        )
        lost = np.array([verdict in _LOST for verdict in verdicts])
        refusal = self._refusal(scan, lost, memory)
        if refusal is not None:
            return refusal
        return Screened(
            d=np.where(np.isfinite(scan.d), scan.d, d_last),
            sampled_s=sampled_s,
            fresh=np.array([verdict is Verdict.USED for verdict in verdicts]),
            interval_s=np.maximum(sampled_s - memory.sampled_s, self.cycle_s),
            verdicts=verdicts,
        )

    def settle(
        self,
        memory: ReadingMemory,
        scan: Scan,
        screened: Screened,
        error: FloatArray,
        gate: FloatArray,
    ) -> tuple[BoolArray, ReadingMemory]:
        """Return which readings correct the estimate, shape (n_y,), and the new memory.

        Args:
            memory: after the scan before.
            scan: of this cycle.
            screened: of this scan.
            error: innovations, shape (n_y,) [SI].
            gate: beyond which one is a spike, shape (n_y,) [SI].
        """
        fresh = screened.fresh & np.isfinite(error)
        far = fresh & (np.abs(error) > gate)
        slow = np.ceil(self.spike_readings * self.cycle_s / screened.interval_s)
        needed = np.minimum(np.maximum(slow, LEAST_STEP_READINGS), self.spike_readings)
        agrees = (memory.spikes > 0) & (np.abs(error - memory.spike_error) <= gate)
        settling = memory.spikes >= needed  # a step was believed, and the estimate goes there
        counted = np.where(far, np.where(agrees | settling, memory.spikes + 1, 1), 0)
        spikes = np.where(fresh, counted, memory.spikes)
        believed = fresh & (~far | (spikes >= needed))
        verdicts = tuple(
            verdict
            if not is_fresh
            else (Verdict.USED if not is_far else Verdict.STEP if ok else Verdict.SPIKE)
            for verdict, is_fresh, is_far, ok in zip(
                screened.verdicts, fresh, far, believed, strict=True
            )
        )
        known = np.array([verdict in _KNOWN for verdict in screened.verdicts])
        good = believed | (known & (memory.bad_cvs == 0))
        return believed, replace(
            memory,
            sampled_s=np.where(fresh, screened.sampled_s, memory.sampled_s),
            spikes=spikes.astype(np.int64),
            spike_error=np.where(far, error, memory.spike_error),
            bad_cvs=np.where(good, 0, memory.bad_cvs + 1),
            bad_dvs=np.where(np.isfinite(scan.d), 0, memory.bad_dvs + 1),
            verdicts=verdicts,
        )

    def _refusal(
        self, scan: Scan, lost: BoolArray, memory: ReadingMemory | None
    ) -> Rejected | None:
        """Return why the scan is not enough to go on, or None."""
        names = self.names
        missing = scan.mv_missing()
        if missing:
            text = ", ".join(names.mv_names[i] for i in missing)
            return Rejected(
                f"no read-back of the set point of {text}; check the link to the device", False
            )
        if bool(np.all(lost)):
            return Rejected(
                f"all CV readings are bad ({', '.join(names.cv_names)}); the set points stay, "
                "check the transmitters and their link",
                False,
            )
        counts = 1 + (memory.bad_cvs if memory is not None else np.zeros(lost.size, dtype=np.int64))
        allowed = self.max_bad_readings if memory is not None else 0
        for i in np.flatnonzero(lost & names.cv_critical & (counts > allowed)):
            return Rejected(
                f"critical CV {names.cv_names[i]} has been bad for {counts[i]} cycles, {allowed} "
                "are allowed; the set points stay, check its transmitter",
                False,
            )
        bad_dvs = np.zeros(scan.d.size) if memory is None else memory.bad_dvs
        for i in np.flatnonzero(~np.isfinite(scan.d) & (bad_dvs + 1 > allowed) & (allowed > 0)):
            return Rejected(
                f"disturbance {names.dv_names[i]} has been bad for more than {allowed} cycles; "
                "check its transmitter, or take it out of service to go on with its last value",
                False,
            )
        return None


def stamp_s(scan: Scan) -> float:
    """Return the time stamp of a scan [s]; NaN where it has none that can be a time."""
    return scan.time_s if abs(scan.time_s) < LATEST_STAMP_S else math.nan


def _timely(
    same_s: float,
    value: float,
    age_s: float,
    oldest_s: float,
    new: bool,
    sampled_s: float,
    last_s: float,
) -> Verdict:
    """Return what a reading is worth before any model has been asked."""
    if not math.isfinite(value):
        return Verdict.BAD
    if not -same_s <= age_s <= oldest_s:
        return Verdict.UNTIMELY
    if not new or abs(sampled_s - last_s) <= same_s:
        return Verdict.HELD
    return Verdict.LATE if sampled_s < last_s else Verdict.USED
