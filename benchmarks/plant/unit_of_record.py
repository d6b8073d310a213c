"""The crude unit of record against real time: a minute at a time, set points moving.

The target is judged twice: for the bare integrator, and for the simulator as users run it.
"""

from typing import Any

import numpy as np
from benchmarks.plant import simulators
from benchmarks.plant.timing import timed_in_turn

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

STEP_S, N_STEPS, HOLD = 60.0, 60, 10
SPANS = 0.5
SUBSTEPS = 6
GROUP = 8
TARGET = 3000.0  # times real time on one core
BARE, WITH_SENSORS = "CVODES, the product's", "simulator with sensors"


def rows(unit: CrudeUnit, case: CrudeUnitCase) -> list[dict[str, Any]]:
    """Return one row for each solver."""
    model = unit.model
    one = simulators.moving_inputs(model, 1, N_STEPS, HOLD, SPANS)
    many = simulators.moving_inputs(model, GROUP, N_STEPS, HOLD, SPANS)
    runs = {
        BARE: simulators.cvodes(model, one, STEP_S),
        WITH_SENSORS: simulators.simulator(unit, case, one, STEP_S),
        "vectorised plant, 1 copy": simulators.vector(model, one, STEP_S, SUBSTEPS, 1, 1),
        f"vectorised plant, {GROUP} copies": simulators.vector(
            model, many, STEP_S, SUBSTEPS, GROUP, 1
        ),
        "IDAS of CasADi": simulators.idas(model, one, STEP_S),
    }
    found = timed_in_turn(runs, 3)
    found |= timed_in_turn({"SciPy BDF": simulators.scipy_bdf(model, one, STEP_S)}, 1)
    ends = {1: simulators.exact(model, one, STEP_S), GROUP: simulators.exact(model, many, STEP_S)}
    base = found[BARE].cpu_s
    return [
        {
            "solver": name,
            "states": model.n_x,
            "x_real_time": len(run.result) * N_STEPS * STEP_S / run.cpu_s,
            "ratio_to_cvodes": len(run.result) * base / run.cpu_s,
            "largest_difference_spans": float(np.max(np.abs(run.result - ends[len(run.result)]))),
        }
        for name, run in found.items()
    ]


def show(found: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(
        f"\ncrude unit of record, {found[0]['states']} states: an hour in steps of {STEP_S:.0f} s, "
        f"all set points within {SPANS} spans, new every ten minutes;\none core, CPU time; "
        f"tolerance {simulators.TOLERANCE} for all but the vectorised plant (0.01 spans a substep)"
    )
    print(f"{'solver':<32}{'x real time':>13}{'x CVODES':>10}{'error [spans]':>15}")
    for row in found:
        print(
            f"{row['solver']:<32}{row['x_real_time']:13,.0f}{row['ratio_to_cvodes']:10.2f}"
            f"{row['largest_difference_spans']:15.1e}"
        )
    by_name = {row["solver"]: row["x_real_time"] for row in found}
    for name in (BARE, WITH_SENSORS):
        reached = "met" if by_name[name] >= TARGET else "missed"
        print(f"target of {TARGET:,.0f} times real time on one core, {name}: {reached}")
