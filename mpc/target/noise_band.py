"""What a target rests on: bias and disturbances without the noise of their instruments.

Fed with every reading, a target walks with the noise: limits that it leans on come and go, and
linear economics carry each of them to all MVs. Noise turns round from one reading to the next, an
upset goes on. So the size of the turns measures the noise of each value,

    v <- v + (|a b| [a b < 0] / 2 - v) / MEMORY,        a, b: two successive changes,

and the target follows what leaves a band of that width at once, and what stays inside slowly. A
value that never turns round has no band: it is followed as it comes. The plan is made with the
values as they are estimated; limits are kept by them.
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.target_tuning import TargetTuning

MEMORY = 60  # cycles over which turns are counted: some ten samples of an analyser


@dataclass(frozen=True, slots=True)
class NoiseBand:
    """Values that are followed, shape (n,) each, in the values' units.

    Attributes:
        level: what the target rests on.
        seen: values of the last cycle.
        change: last change of each that was not zero.
        noise: mean product of turns.
        cycles: since the start, at most `MEMORY`.
    """

    level: FloatArray
    seen: FloatArray
    change: FloatArray
    noise: FloatArray
    cycles: int = 0


def followed(before: NoiseBand | None, values: FloatArray, tuning: TargetTuning) -> NoiseBand:
    """Return the band after one more cycle; its level is what the target is told.

    Args:
        before: of the last cycle; None at the start.
        values: as estimated, shape (n,); what is not finite is passed on.
        tuning: width of the band, and how fast it is left inside.
    """
    if before is None:
        return NoiseBand(values, values, np.zeros(values.size), np.zeros(values.size))
    cycles = min(before.cycles + 1, MEMORY)
    known = np.isfinite(values) & np.isfinite(before.level) & np.isfinite(before.seen)
    change = np.where(known, values - before.seen, 0.0)
    turn = np.maximum(-change * before.change, 0.0)
    noise = before.noise + (0.5 * turn - before.noise) / cycles
    band = tuning.noise_band * np.sqrt(noise)
    away = np.where(known, values - before.level, 0.0)
    inside = np.clip(away, -band, band)
    level = before.level + (away - inside) + inside / tuning.noise_cycles
    return NoiseBand(
        np.where(known & (noise > 0.0), level, values),
        values,
        np.where(change != 0.0, change, before.change),
        noise,
        cycles,
    )
