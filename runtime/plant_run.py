"""A simulated plant by itself: a crude unit in a scenario, its set points held or by the cards."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.simulation.events import SetpointChange
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.recipe import recipe_setpoints, step_towards_card
from operator_agent.plant.variables import MV_NAMES
from operator_agent.units import HOUR_S

STEP_S = 60.0
_WALK_S = 1200.0  # in which a careful operator moves a set point by one span


@dataclass(frozen=True, slots=True)
class PlantRun:
    """What a plant did.

    Attributes:
        time_s: of the samples [s], shape (n,).
        truth: of each variable [SI], shape (n,).
        measured: of each variable [SI], shape (n,).
        statuses: of each reading, by variable.
        stopped: why the plant stopped before the end; empty when it did not.
    """

    time_s: FloatArray
    truth: dict[str, FloatArray]
    measured: dict[str, FloatArray]
    statuses: dict[str, list[str]]
    stopped: str


def run_plant(
    simulator: Simulator,
    hours: float,
    *,
    by_card: bool,
    pace: Callable[[float], None] | None = None,
) -> PlantRun:
    """Run a plant and keep a sample each minute.

    Args:
        simulator: at its start.
        hours: length of the run.
        by_card: set points walk to the operators' card of the declared slate; else they stay.
        pace: called with the plant time [s] after each step; it may wait or tell.
    """
    samples = [_sample(simulator)]
    stopped = ""
    for _ in range(round(hours * HOUR_S / STEP_S)):
        if by_card:
            _walk(simulator)
        try:
            simulator.advance(STEP_S)
        except PlantError as error:
            stopped = str(error)
            break
        samples.append(_sample(simulator))
        if pace is not None:
            pace(simulator.time_s)
    names = samples[0][1].keys()
    return PlantRun(
        time_s=np.array([time_s for time_s, *_ in samples]),
        truth={name: np.array([truth[name] for _, truth, _, _ in samples]) for name in names},
        measured={name: np.array([read[name] for _, _, read, _ in samples]) for name in names},
        statuses={name: [status[name] for *_, status in samples] for name in names},
        stopped=stopped,
    )


_Sample = tuple[float, dict[str, float], dict[str, float], dict[str, str]]


def _sample(simulator: Simulator) -> _Sample:
    readings = simulator.measure()
    values = {name: reading.value for name, reading in readings.items()}
    statuses = {name: reading.status for name, reading in readings.items()}
    return simulator.time_s, simulator.truth(), values, statuses


def _walk(simulator: Simulator) -> None:
    """Go on towards the card; a handle that the scenario has moved stays with the scenario."""
    case, held, now_s = simulator.case, simulator.setpoints, simulator.time_s
    taken = {move.handle for move in simulator.scenario.of(SetpointChange) if move.at_s <= now_s}
    card = recipe_setpoints(case, simulator.declared_slate)
    rates = {mv: case.spans[mv] / _WALK_S for mv in MV_NAMES if mv not in taken}
    for mv, value in step_towards_card(card, held, rates, STEP_S).items():
        simulator.write(mv, value)


def write_csv(run: PlantRun, path: Path) -> None:
    """Write all samples in SI: time, then for each variable its reading, status and truth.

    A reading that is no number is an empty cell.
    """
    names = list(run.truth)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        heads = [head for name in names for head in (name, f"{name}:status", f"{name}:true")]
        table.writerow(["time_s", *heads])
        for n, time_s in enumerate(run.time_s):
            cells = [
                cell
                for name in names
                for cell in (
                    _cell(run.measured[name][n]),
                    run.statuses[name][n],
                    _cell(run.truth[name][n]),
                )
            ]
            table.writerow([f"{time_s:.0f}", *cells])


def _cell(value: float) -> str:
    return f"{value:.7g}" if np.isfinite(value) else ""
