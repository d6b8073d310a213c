"""Ways to step a process model, each as a run over a sequence of inputs.

A run starts at the nominal states and returns the states at its end, scaled by their spans, with a
row for each copy. All get the same scaled equations.
"""

import warnings
from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np
from benchmarks.plant.timing import Run
from scipy.integrate import solve_ivp

from operator_agent.arrays import FloatArray
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.vector.step_choice import exact_integrator
from operator_agent.plant.vector.vector_plant import VectorPlant

with warnings.catch_warnings():  # do-mpc tells of optional parts that are not installed
    warnings.simplefilter("ignore")
    import do_mpc

TOLERANCE = 1e-5  # of the product's CVODES; the peers get the same
TIGHT = 1e-9

Step = Callable[[FloatArray, FloatArray], FloatArray]


def moving_inputs(
    model: ProcessModel, copies: int, steps: int, hold: int, spans: float
) -> FloatArray:
    """Return set points within some spans of the nominal ones, each held for some steps.

    Returns:
        Shape (steps, copies, n_u) [SI].
    """
    rng = np.random.default_rng(0)
    levels = rng.uniform(-spans, spans, (-(-steps // hold), copies, model.n_u))
    held = np.repeat(levels, hold, axis=0)[:steps]
    return np.asarray(model.u_nominal + model.u_scale * held)


def one_by_one(model: ProcessModel, inputs: FloatArray, step: Step) -> Run:
    """Return a run of a step `(scaled x, u) -> scaled x` for one copy after the other."""

    def run() -> FloatArray:
        ends = []
        for copy in range(inputs.shape[1]):
            scaled = model.x_nominal / model.x_scale
            for u in inputs[:, copy]:
                scaled = step(scaled, u)
            ends.append(scaled)
        return np.array(ends)

    return run


def cvodes(model: ProcessModel, inputs: FloatArray, step_s: float) -> Run:
    """Return the product's integrator for single copies."""
    integrator = make_integrator(model)

    def step(scaled: FloatArray, u: FloatArray) -> FloatArray:
        end = integrator.step(scaled * model.x_scale, u, model.d_nominal, step_s)
        return np.asarray(end / model.x_scale)

    return one_by_one(model, inputs, step)


def simulator(unit: CrudeUnit, case: CrudeUnitCase, inputs: FloatArray, step_s: float) -> Run:
    """Return the simulator of the unit: its limits, sensors and analysers, read after each step."""
    model = unit.model
    plant = Simulator(unit, case, Scenario(step_s * len(inputs)), seed=0)
    start = plant.snapshot()

    def run() -> FloatArray:
        plant.restore(start)
        for u in inputs[:, 0]:
            for name, value in zip(model.u_names, u.tolist(), strict=True):
                plant.write(name, value)
            plant.advance(step_s)
            plant.measure()
        return np.array([plant.snapshot().x]) / model.x_scale

    return run


def cvodes_map(model: ProcessModel, inputs: FloatArray, step_s: float, threads: int) -> Run:
    """Return CasADi's map of CVODES over all copies."""
    copies = inputs.shape[1]
    single = exact_integrator(model, step_s, TOLERANCE)
    mapped = single.map(copies, "thread", threads) if threads > 1 else single.map(copies)
    d = np.tile(model.d_nominal[:, None], (1, copies))

    def run() -> FloatArray:
        scaled = np.tile((model.x_nominal / model.x_scale)[:, None], (1, copies))
        for u in inputs:
            scaled = mapped(x0=scaled, p=np.vstack([u.T, d]))["xf"].full()
        return np.ascontiguousarray(scaled.T)

    return run


def exact(model: ProcessModel, inputs: FloatArray, step_s: float) -> FloatArray:
    """Return the ends of all copies by CVODES with a tight tolerance, in spans."""
    function = exact_integrator(model, step_s, TIGHT)

    def step(scaled: FloatArray, u: FloatArray) -> FloatArray:
        end = function(x0=scaled, p=np.concatenate((u, model.d_nominal)))["xf"]
        return np.asarray(end.full().ravel())

    return one_by_one(model, inputs, step)()


def vector(
    model: ProcessModel, inputs: FloatArray, step_s: float, substeps: int, batch: int, workers: int
) -> Run:
    """Return the vectorised plant, so many copies at once."""
    plant = VectorPlant(model, batch, step_s, substeps, workers)
    d = np.tile(model.d_nominal, (batch, 1))

    def run() -> FloatArray:
        ends = []
        for first in range(0, inputs.shape[1], batch):
            x = np.tile(model.x_nominal, (batch, 1))
            for u in inputs[:, first : first + batch]:
                x = plant.step(x, u, d)
            ends.append(x / model.x_scale)
        return np.vstack(ends)

    return run


def rates(model: ProcessModel) -> tuple[ca.SX, ca.SX, ca.SX]:
    """Return scaled states, MVs and scaled rates [1/s] at nominal disturbances."""
    z, u = ca.SX.sym("z", model.n_x), ca.SX.sym("u", model.n_u)
    scale = ca.DM(model.x_scale)
    return z, u, model.rhs(z * scale, u, ca.DM(model.d_nominal)) / scale


def idas(model: ProcessModel, inputs: FloatArray, step_s: float) -> Run:
    """Return IDAS of CasADi."""
    z, u, rate = rates(model)
    options = {"reltol": TOLERANCE, "abstol": TOLERANCE, "max_num_steps": 20_000}
    problem = {"x": z, "p": u, "ode": rate}
    function = ca.integrator("idas_step", "idas", problem, 0.0, step_s, options)

    def step(scaled: FloatArray, u: FloatArray) -> FloatArray:
        return np.asarray(function(x0=scaled, p=u)["xf"].full().ravel())

    return one_by_one(model, inputs, step)


def scipy_bdf(model: ProcessModel, inputs: FloatArray, step_s: float) -> Run:
    """Return BDF of SciPy with the sparse Jacobian of the equations."""
    z, u, rate = rates(model)
    f = ca.Function("f", [z, u], [rate])
    jacobian = ca.Function("jacobian", [z, u], [ca.jacobian(rate, z)])

    def step(scaled: FloatArray, u: FloatArray) -> FloatArray:
        found = solve_ivp(
            lambda _, z: f(z, u).full().ravel(),
            (0.0, step_s),
            scaled,
            method="BDF",
            jac=lambda _, z: jacobian(z, u).sparse(),
            rtol=TOLERANCE,
            atol=TOLERANCE,
        )
        return np.asarray(found.y[:, -1])

    return one_by_one(model, inputs, step)


def do_mpc_simulator(model: ProcessModel, inputs: FloatArray, step_s: float) -> Run:
    """Return do-mpc's simulator with CVODES."""
    theirs = do_mpc.model.Model("continuous", "SX")
    z = theirs.set_variable("_x", "z", (model.n_x, 1))
    u = theirs.set_variable("_u", "u", (model.n_u, 1))
    scale = ca.DM(model.x_scale)
    theirs.set_rhs("z", model.rhs(z * scale, u, ca.DM(model.d_nominal)) / scale)
    theirs.setup()
    simulator = do_mpc.simulator.Simulator(theirs)
    settings: dict[str, Any] = {"reltol": TOLERANCE, "abstol": TOLERANCE}
    simulator.set_param(t_step=step_s, integration_tool="cvodes", **settings)
    simulator.setup()

    def run() -> FloatArray:
        ends = []
        for copy in range(inputs.shape[1]):
            simulator.reset_history()
            simulator.x0 = model.x_nominal / model.x_scale
            for u in inputs[:, copy]:
                simulator.make_step(u[:, None])
            ends.append(simulator.x0.cat.full().ravel())
        return np.array(ends)

    return run
