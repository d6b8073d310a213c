"""From readings with quality to what the controller takes in: arrays in the order of the model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.messages import Reading
from operator_agent.mpc.controller import Scan
from operator_agent.site import Role, Site


@dataclass(frozen=True, slots=True)
class ScanMemory:
    """The last good value of each disturbance, and for how many cycles it has stood in.

    Attributes:
        values: by tag [SI].
        ages: cycles since it was good, by tag.
    """

    values: Mapping[str, float]
    ages: Mapping[str, int]


MAX_STAND_IN_CYCLES = 30  # half an hour at one cycle a minute: longer than any analyser restart


def to_scan(
    site: Site,
    readings: Sequence[Reading],
    setpoints: Mapping[str, float],
    memory: ScanMemory,
    read_id: int,
) -> tuple[Scan | None, ScanMemory, str]:
    """Return the controller's scan, or None with the reason when a critical input is missing.

    A bad CV is NaN in the scan: the estimator predicts it. A bad measured disturbance is replaced
    by its last good value for at most `MAX_STAND_IN_CYCLES`.

    Args:
        site: the tag list.
        readings: of this cycle.
        setpoints: read back from the device, by MV tag [SI].
        memory: from the last cycle.
        read_id: identity of this scan.
    """
    by_tag = {reading.tag: reading for reading in readings}
    for tag in site.tags:
        reading = by_tag.get(tag.name)
        if tag.critical and (reading is None or not reading.good):
            why = "was not read" if reading is None else reading.reason
            return None, memory, f"critical input {tag.name} ({tag.description}): {why}"
    missing = [tag.name for tag in site.mvs if not math.isfinite(setpoints.get(tag.name, math.nan))]
    if missing:
        return None, memory, f"set point of {', '.join(missing)} cannot be read back"
    values, ages = dict(memory.values), dict(memory.ages)
    for tag in site.dvs:
        reading = by_tag.get(tag.name)
        if reading is not None and reading.good:
            values[tag.name], ages[tag.name] = reading.value, 0
            continue
        ages[tag.name] = ages.get(tag.name, 0) + 1
        if tag.name not in values or ages[tag.name] > MAX_STAND_IN_CYCLES:
            return None, memory, f"disturbance {tag.name} has been bad for {ages[tag.name]} cycles"
    scan = Scan(
        y=_values(site, Role.CV, by_tag),
        u_readback=np.array([setpoints[tag.name] for tag in site.mvs]),
        d=np.array([values[tag.name] for tag in site.dvs]),
        read_id=read_id,
    )
    return scan, ScanMemory(values, ages), ""


def _values(site: Site, role: Role, by_tag: Mapping[str, Reading]) -> FloatArray:
    values = []
    for tag in site.with_role(role):
        reading = by_tag.get(tag.name)
        values.append(reading.value if reading is not None and reading.good else math.nan)
    return np.array(values)
