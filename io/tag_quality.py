"""Judges one measured value: status, finite, fresh, in range, alive. Pure; state goes in and out.

The order is fixed and the first fault names the reason. Spikes are not judged here: only the
estimator knows what the plant can do.
"""

import math
from dataclasses import dataclass

from operator_agent.messages import Quality, Reading
from operator_agent.site import Limits, Tag
from operator_agent.tag_memory import TagMemory
from operator_agent.units import si_symbol

RANGE_MARGIN = 1.0  # engineering spans beyond the limits: an upset stays inside, a dead sensor not
TRANSMITTER_MARGIN = (
    0.03  # of the range: below 3.6 or above 21 mA of 4 to 20 mA is a fault (NAMUR NE 43)
)


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What a site accepts.

    Attributes:
        max_age_s: oldest (and most future) source time against the plant's time [s].
        uncertain_is_good: whether UNCERTAIN values may be used.
        stamp_required: whether a value without a source time is bad (OPC UA: yes, Modbus: no).
    """

    max_age_s: float
    uncertain_is_good: bool = False
    stamp_required: bool = True


@dataclass(frozen=True, slots=True)
class RawReading:
    """One value as a link delivers it, converted to SI.

    Attributes:
        value: [SI]; NaN when there is none.
        quality: from the device's status.
        status: the device's word for it.
        source_time_s: [s since 1970 UTC]; NaN when the device gave none.
    """

    value: float
    quality: Quality
    status: str
    source_time_s: float


def judge(
    tag: Tag, raw: RawReading, plant_time_s: float, memory: TagMemory, rules: QualityRules
) -> tuple[Reading, TagMemory]:
    """Return the judged reading and the memory for the next scan.

    Args:
        tag: the point.
        raw: what the link delivered.
        plant_time_s: the plant's own time at the scan [s since 1970 UTC].
        memory: from the scan before.
        rules: of the site.
    """
    memory = memory.after(raw.value, plant_time_s)
    quality, reason = _fault(tag, raw, plant_time_s, memory, rules)
    reading = Reading(
        tag.name,
        raw.value,
        si_symbol(tag.unit),
        quality,
        raw.source_time_s,
        reason,
        memory.since_s,
    )
    return reading, memory


def _fault(
    tag: Tag, raw: RawReading, plant_time_s: float, memory: TagMemory, rules: QualityRules
) -> tuple[Quality, str]:
    if raw.quality is Quality.BAD:
        return Quality.BAD, f"{tag.name}: the device says {raw.status}"
    if not math.isfinite(raw.value):
        return Quality.BAD, f"{tag.name}: the value is {raw.value}, not a finite number"
    stale = _stale(raw.source_time_s, plant_time_s, rules)
    if stale:
        return Quality.BAD, f"{tag.name}: {stale}"
    accepted = accepted_range(tag)
    if not accepted.inside(raw.value):
        return Quality.BAD, (
            f"{tag.name}: {tag.text(raw.value)} is outside of what it can measure, "
            f"{tag.range_text(accepted)}"
        )
    frozen = memory.frozen(plant_time_s, tag.frozen_s)
    if frozen:
        return Quality.BAD, f"{tag.name}: frozen at {tag.text(raw.value)} {frozen}"
    if raw.quality is Quality.UNCERTAIN and not rules.uncertain_is_good:
        return Quality.UNCERTAIN, f"{tag.name}: the device says {raw.status}"
    return Quality.GOOD, ""


def _stale(source_time_s: float, plant_time_s: float, rules: QualityRules) -> str:
    if math.isnan(source_time_s):
        return "no source time stamp" if rules.stamp_required else ""
    age_s = plant_time_s - source_time_s
    if abs(age_s) <= rules.max_age_s:
        return ""
    if math.isnan(age_s):
        return "the plant's time is not known, so its age is not either"
    side = "old" if age_s > 0.0 else "ahead of the plant's time"
    return f"the time stamp is {abs(age_s):.0f} s {side}; {rules.max_age_s:.0f} s are allowed"


def accepted_range(tag: Tag) -> Limits:
    """Return the range outside of which a value of this tag is a fault of the sensor [SI].

    It is the transmitter's range with a small margin; where the site gives none, one engineering
    span beyond the engineering limits.

    Example:
        >>> from operator_agent.site import Role
        >>> limits = Limits(0.0, 4.0)
        >>> tag = Tag(
        ...     "F1", "", Role.INFO, "f", "m3/s", node="F1", engineering=limits, operator=limits
        ... )
        >>> accepted_range(tag)
        Limits(low=-4.0, high=8.0)
    """
    for limits, share in (
        (tag.measuring_range, TRANSMITTER_MARGIN),
        (tag.engineering, RANGE_MARGIN),
    ):
        span = limits.high - limits.low
        if 0.0 < span < math.inf:
            return Limits(limits.low - share * span, limits.high + share * span)
    return Limits()
