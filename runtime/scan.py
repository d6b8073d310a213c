"""From readings with quality to what the controller takes in: arrays in the order of the model."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.messages import Reading
from operator_agent.mpc.scan import Scan
from operator_agent.site import Site, Tag


def to_scan(
    site: Site,
    readings: Sequence[Reading],
    setpoints: Mapping[str, float],
    read_id: int,
    time_s: float,
) -> tuple[Scan | None, str]:
    """Return the controller's scan, or None with the reason when a critical input is missing.

    A bad CV or DV is NaN in the scan; the estimator predicts it, for as long as its tuning allows.
    So is a set point that cannot be read back; the states of the MVs say what follows.

    Args:
        site: the tag list.
        readings: of this cycle.
        setpoints: read back from the device, by MV tag [SI].
        read_id: identity of this scan.
        time_s: the plant's time [s since 1970 UTC].
    """
    by_tag = {reading.tag: reading for reading in readings}
    for tag in site.tags:
        reading = by_tag.get(tag.name)
        if tag.critical and (reading is None or not reading.good):
            why = "was not read" if reading is None else reading.reason
            return None, f"critical input {tag.name} ({tag.description}): {why}"
    scan = Scan(
        y=_column([tag.name for tag in site.cvs], by_tag),
        u_readback=np.array([setpoints.get(tag.name, math.nan) for tag in site.mvs]),
        d=_column([tag.name for tag in site.dvs], by_tag),
        read_id=read_id,
        time_s=time_s,
        y_age_s=np.array([_age_s(tag, by_tag.get(tag.name), time_s) for tag in site.cvs]),
        mv_process=_column([tag.name for tag in site.mvs], by_tag),
        mv_output=_column([tag.output for tag in site.mvs], by_tag),
    )
    return scan, ""


def _column(tags: Sequence[str], by_tag: Mapping[str, Reading]) -> FloatArray:
    values = []
    for name in tags:
        reading = by_tag.get(name)
        values.append(reading.value if reading is not None and reading.good else math.nan)
    return np.array(values)


def _age_s(tag: Tag, reading: Reading | None, time_s: float) -> float:
    """Return the time since the sample was taken [s]; NaN where it is not known.

    The control system stamps a result anew with each of its scans: of an analyser the sample lies
    a dead time before the moment at which its value was first seen.
    """
    if reading is None:
        return math.nan
    if tag.dead_time_s > 0.0:
        return time_s - reading.since_s + tag.dead_time_s
    return max(time_s - reading.source_time_s, 0.0)
