"""Simulators of other packages on the same equations, in the same minutes.

do-mpc's simulator runs here, pcgym in its own environment: see `peer_pcgym`. Both step one copy, so
the first ratio is to this project's CVODES for one copy, the second to the vectorised plant. Each
is called as its user calls it: `Simulator.make_step`, which keeps a record of every step, and
`env.step`, which makes a new integrator at every step; without scaling, noise and reward.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from benchmarks.plant import simulators
from benchmarks.plant.timing import Timed, timed_in_turn

from operator_agent.arrays import FloatArray
from operator_agent.plant.classics.quadruple_tank import quadruple_tank
from operator_agent.plant.classics.van_de_vusse import van_de_vusse
from operator_agent.plant.process_model import ProcessModel

PYTHON_OF_PCGYM = "PCGYM_PYTHON"
N_STEPS, N_COPIES, SPANS, SUBSTEPS = 20, 8, 0.5, 6
REPEATS = 3
OWN, MANY = "CVODES, the product's", f"vectorised plant, {N_COPIES} copies"


def rows(coarse: ProcessModel) -> list[dict[str, Any]]:
    """Return one row for each model and simulator."""
    models = ((coarse, 60.0), (van_de_vusse(), 20.0), (quadruple_tank(), 5.0))
    return [row for model, step_s in models for row in _of_model(model, step_s)]


def _of_model(model: ProcessModel, step_s: float) -> list[dict[str, Any]]:
    inputs = simulators.moving_inputs(model, N_COPIES, N_STEPS, 2, SPANS)
    one = inputs[:, :1]
    runs = {
        OWN: simulators.cvodes(model, one, step_s),
        "vectorised plant, 1 copy": simulators.vector(model, one, step_s, SUBSTEPS, 1, 1),
        MANY: simulators.vector(model, inputs, step_s, SUBSTEPS, N_COPIES, 1),
        "do-mpc simulator": simulators.do_mpc_simulator(model, one, step_s),
    }
    found = timed_in_turn(runs, REPEATS)
    python = os.environ.get(PYTHON_OF_PCGYM)
    if python:
        found["pcgym environment"] = _pcgym(python, model, one[:, 0], step_s)
    exact = simulators.exact(model, inputs, step_s)
    per_step = {name: run.cpu_s / (N_STEPS * len(run.result)) for name, run in found.items()}
    return [
        {
            "model": model.name,
            "step_s": step_s,
            "simulator": name,
            "cpu_us_per_step": 1e6 * per_step[name],
            "ratio_to_cvodes": per_step[name] / per_step[OWN],
            "ratio_to_vectorised": per_step[name] / per_step[MANY],
            "largest_difference_spans": float(
                np.max(np.abs(run.result - exact[: len(run.result)]))
            ),
        }
        for name, run in found.items()
    ]


def _pcgym(python: str, model: ProcessModel, inputs: FloatArray, step_s: float) -> Timed:
    z, u, rate = simulators.rates(model)
    request = {
        "function": ca.Function("rate", [z, u], [rate]).serialize(),
        "start": (model.x_nominal / model.x_scale).tolist(),
        "inputs": inputs.tolist(),
        "low": (model.u_nominal - model.u_scale).tolist(),
        "high": (model.u_nominal + model.u_scale).tolist(),
        "step_s": step_s,
        "repeats": 1,
    }
    script = Path(__file__).with_name("peer_pcgym.py")
    done = subprocess.run(
        [python, "-W", "ignore", str(script)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"pcgym failed: {done.stderr[-500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Timed(told["cpu_s"], told["cpu_s"], np.array([told["end"]]))


def show(found: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(
        f"\nother packages on the same scaled equations: {N_STEPS} steps, inputs within {SPANS} "
        "spans, new every second step; CPU time of one thread; CVODES and do-mpc with a\n"
        f"tolerance of {simulators.TOLERANCE}; pcgym sets none (CasADi's default: 1e-6, 1e-8); "
        "ratios above 1 are slower"
    )
    head = f"{'model':<30}{'simulator':<28}{'us/step':>10}{'/ CVODES':>10}"
    print(f"{head}{'/ vectorised':>13}{'error [spans]':>15}")
    for row in found:
        print(
            f"{row['model']:<30}{row['simulator']:<28}{row['cpu_us_per_step']:10,.1f}"
            f"{row['ratio_to_cvodes']:10.2f}{row['ratio_to_vectorised']:13.1f}"
            f"{row['largest_difference_spans']:15.1e}"
        )
    if not os.environ.get(PYTHON_OF_PCGYM):
        print(f"pcgym left out: {PYTHON_OF_PCGYM} names no python of an environment that has it")
