"""Steps per second of the controller's model: single, mapped, and many copies at once."""

import time
from typing import Any

import numpy as np
from benchmarks.plant import simulators
from benchmarks.plant.timing import Run, timed_in_turn

from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.vector_plant import VectorPlant

STEP_S, N_STEPS = 60.0, 4
SPANS = 1.0
SUBSTEPS = 6
N_COPIES = 64
TARGET = 5.0  # times the throughput of a single copy, per core


def rows(model: ProcessModel) -> list[dict[str, Any]]:
    """Return one row for each way to step all copies."""
    inputs = simulators.moving_inputs(model, N_COPIES, N_STEPS, 1, SPANS)
    began_s = time.perf_counter()
    plant = VectorPlant(model, N_COPIES, STEP_S, SUBSTEPS)
    print(f"vectorised plant: {plant.engine}; ready in {time.perf_counter() - began_s:.1f} s")

    def vector(batch: int, workers: int) -> Run:
        return simulators.vector(model, inputs, STEP_S, SUBSTEPS, batch, workers)

    runs = {
        "CVODES, one after the other": simulators.cvodes(model, inputs, STEP_S),
        "CVODES, map over 2 threads": simulators.cvodes_map(model, inputs, STEP_S, 2),
        "vectorised, one after the other": vector(1, 1),
        f"vectorised, {N_COPIES} at once": vector(N_COPIES, 1),
        f"vectorised, {N_COPIES} at once, 2 threads": vector(N_COPIES, 2),
    }
    found = timed_in_turn(runs)
    exact = simulators.exact(model, inputs, STEP_S)
    base, own = (found[name] for name in list(runs)[::2][:2])
    return [
        {
            "way": name,
            "states": model.n_x,
            "steps_per_cpu_s": N_COPIES * N_STEPS / run.cpu_s,
            "steps_per_wall_s": N_COPIES * N_STEPS / run.wall_s,
            "ratio_to_cvodes": base.cpu_s / run.cpu_s,
            "ratio_to_own_single": own.cpu_s / run.cpu_s,
            "largest_difference_spans": float(np.max(np.abs(run.result - exact))),
            "identical_to_own_single": bool(np.array_equal(run.result, own.result)),
        }
        for name, run in found.items()
    ]


def show(found: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(
        f"controller's model, {found[0]['states']} states: {N_COPIES} copies, {N_STEPS} steps of "
        f"{STEP_S:.0f} s, all inputs jump within {SPANS} spans at every step; CVODES 1e-5,\n"
        "vectorised plant 0.01 spans a substep; ratios of CPU time, so two threads count as two"
    )
    head = f"{'way':<40}{'steps/CPU s':>12}{'steps/wall s':>13}{'x CVODES':>10}"
    print(f"{head}{'x own single':>13}{'error [spans]':>15}{'identical':>11}")
    for row in found:
        same = "yes" if row["identical_to_own_single"] else "-"
        print(
            f"{row['way']:<40}{row['steps_per_cpu_s']:12,.0f}{row['steps_per_wall_s']:13,.0f}"
            f"{row['ratio_to_cvodes']:10.2f}{row['ratio_to_own_single']:13.2f}"
            f"{row['largest_difference_spans']:15.1e}{same:>11}"
        )
    reached = found[3]["ratio_to_own_single"] >= TARGET and found[3]["identical_to_own_single"]
    print(f"target of {TARGET} times a single copy, identical: {'met' if reached else 'missed'}")
