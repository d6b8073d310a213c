"""How much faster than real time the crude unit runs, in both layouts, and against other solvers.

Run with `python -m benchmarks.plant.speed`. The unit answers a step of its feed for an hour, once
as the product runs it (a new start each minute, because set points may change each minute) and once
without a stop. All solvers get the same scaled equations and tolerances, SciPy's the sparse
Jacobian; the last column is the largest difference of an output from BDF with tight tolerances.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from scipy.integrate import solve_ivp

from operator_agent.arrays import FloatArray
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit

CASE = Path(__file__).resolve().parents[2] / "cases" / "plants" / "crude_unit.yaml"
HOUR_S, STEP_S = 3600.0, 60.0
FEED_STEP = 1.02
TOLERANCE = 1e-5  # that of the product
TIGHT = 1e-8
REPEATS = 3

Run = Callable[[], FloatArray]


def rows() -> list[dict[str, Any]]:
    """Return one row for each layout, solver and length of run."""
    case = load_crude_unit_case(CASE)
    found: list[dict[str, Any]] = []
    for layout in ("plant", "controller"):
        model = build_crude_unit(case, layout).model
        u = model.u_nominal * np.where(np.array(model.u_names) == "flow_vol_feed", FEED_STEP, 1.0)
        exact = outputs(model, bdf(model, u, HOUR_S, TIGHT)(), u)
        runs = {
            (solver, step_s): make(model, u, step_s)
            for step_s in (STEP_S, HOUR_S)
            for solver, make in (("CVODES", cvodes), ("IDAS", idas), ("SciPy BDF", bdf))
        }
        for (solver, step_s), run in runs.items():
            run()  # the first one warms up
            seconds = [timed(run) for _ in range(REPEATS)]
            spans = np.abs(outputs(model, run(), u) - exact) / model.y_scale
            found.append(
                {
                    "layout": layout,
                    "states": model.n_x,
                    "solver": solver,
                    "run_s": step_s,
                    "x_real_time": HOUR_S / float(np.median(seconds)),
                    "largest_difference_spans": float(np.max(spans)),
                }
            )
    return found


def timed(run: Run) -> float:
    """Return the wall time of a run [s]."""
    began_s = time.perf_counter()
    run()
    return time.perf_counter() - began_s


def outputs(model: ProcessModel, x: FloatArray, u: FloatArray) -> FloatArray:
    """Return the controlled variables at a state [SI]."""
    y: FloatArray = model.outputs(x, u, model.d_nominal).full().ravel()
    return y


def cvodes(model: ProcessModel, u: FloatArray, step_s: float) -> Run:
    """Return the product's integrator."""
    integrator = make_integrator(model)

    def run() -> FloatArray:
        x = model.x_nominal
        for _ in range(round(HOUR_S / step_s)):
            x = integrator.step(x, u, model.d_nominal, step_s)
        return x

    return run


def rates(model: ProcessModel, u: FloatArray) -> tuple[ca.SX, ca.SX]:
    """Return scaled states and their rates [1/s] with constant inputs."""
    z = ca.SX.sym("z", model.n_x)
    scale = ca.DM(model.x_scale)
    return z, model.rhs(z * scale, ca.DM(u), ca.DM(model.d_nominal)) / scale


def idas(model: ProcessModel, u: FloatArray, step_s: float) -> Run:
    """Return IDAS of CasADi."""
    z, rate = rates(model, u)
    options = {"reltol": TOLERANCE, "abstol": TOLERANCE, "max_num_steps": 20_000}
    function = ca.integrator("idas_step", "idas", {"x": z, "ode": rate}, 0.0, step_s, options)

    def run() -> FloatArray:
        scaled = model.x_nominal / model.x_scale
        for _ in range(round(HOUR_S / step_s)):
            scaled = function(x0=scaled)["xf"].full().ravel()
        x: FloatArray = scaled * model.x_scale
        return x

    return run


def bdf(model: ProcessModel, u: FloatArray, step_s: float, tolerance: float = TOLERANCE) -> Run:
    """Return BDF of SciPy with the sparse Jacobian of the equations."""
    z, rate = rates(model, u)
    f = ca.Function("f", [z], [rate])
    jacobian = ca.Function("jacobian", [z], [ca.jacobian(rate, z)])

    def run() -> FloatArray:
        scaled = model.x_nominal / model.x_scale
        for _ in range(round(HOUR_S / step_s)):
            scaled = solve_ivp(
                lambda _, z: f(z).full().ravel(),
                (0.0, step_s),
                scaled,
                method="BDF",
                jac=lambda _, z: jacobian(z).sparse(),
                rtol=tolerance,
                atol=tolerance,
            ).y[:, -1]
        x: FloatArray = scaled * model.x_scale
        return x

    return run


def main() -> list[dict[str, Any]]:
    """Run all and print."""
    found = rows()
    print("an hour of the crude unit after a step of the feed, one core")
    head = f"{'layout':<12}{'states':>7}  {'solver':<12}{'new start each':>15}"
    print(f"{head}{'x real time':>13}{'error [spans]':>15}")
    for row in found:
        start = f"{row['run_s'] / 60.0:.0f} min"
        what = f"{row['layout']:<12}{row['states']:>7}  {row['solver']:<12}{start:>15}"
        print(f"{what}{row['x_real_time']:13,.0f}{row['largest_difference_spans']:15.1e}")
    return found


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
