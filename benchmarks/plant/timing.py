"""Runs timed in turn, so that all of them meet the same minutes of the machine."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray

REPEATS = 5

Run = Callable[[], FloatArray]


@dataclass(frozen=True, slots=True)
class Timed:
    """Median times of a run, and what it returned.

    Attributes:
        cpu_s: time of all its threads [s].
        wall_s: time on the wall [s].
        result: of the last run.
    """

    cpu_s: float
    wall_s: float
    result: FloatArray


def timed_in_turn(runs: Mapping[str, Run], repeats: int = REPEATS) -> dict[str, Timed]:
    """Return the medians of runs that took turns; a first round warms up."""
    results = {name: run() for name, run in runs.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            results[name] = run()
            times[name].append((time.process_time() - cpu_s, time.perf_counter() - wall_s))
    medians = {name: np.median(np.array(found), axis=0) for name, found in times.items()}
    return {
        name: Timed(float(medians[name][0]), float(medians[name][1]), results[name])
        for name in runs
    }
