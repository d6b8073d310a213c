"""The controller's model of the crude unit in many copies, against CVODES."""

import casadi as ca
import numpy as np
import pytest

from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.vector.vector_plant import VectorPlant

STEP_S, N_STEPS, N_COPIES = 60.0, 6, 10
TIGHT = 1e-9
LARGEST_DIFFERENCE = 0.01  # spans of a state; an operator sees tenths


@pytest.fixture(scope="module")
def model(case: CrudeUnitCase) -> ProcessModel:
    return build_controller_model(case)


def moves(model: ProcessModel) -> np.ndarray:
    """Return set points that jump by up to two spans each minute, shape (steps, copies, n_u)."""
    jumps = np.random.default_rng(2).uniform(-1.0, 1.0, (N_STEPS, N_COPIES, model.n_u))
    return np.asarray(model.u_nominal + model.u_scale * jumps)


@pytest.mark.slow
def test_copies_follow_cvodes_and_are_the_same_alone(model: ProcessModel) -> None:
    z, p = ca.SX.sym("z", model.n_x), ca.SX.sym("p", model.n_u)
    ode = model.rhs(z * model.x_scale, p, model.d_nominal) / model.x_scale
    options = {"linear_solver": "qr", "reltol": TIGHT, "abstol": TIGHT, "max_num_steps": 50_000}
    cvodes = ca.integrator("exact", "cvodes", {"x": z, "p": p, "ode": ode}, 0.0, STEP_S, options)
    many, one = VectorPlant(model, N_COPIES, STEP_S, 12), VectorPlant(model, 1, STEP_S, 12)
    d = np.tile(model.d_nominal, (N_COPIES, 1))
    x = np.tile(model.x_nominal, (N_COPIES, 1))
    alone, reference = x[:1], x[0] / model.x_scale
    for u in moves(model):
        x, alone = many.step(x, u, d), one.step(alone, u[:1], d[:1])
        reference = cvodes(x0=reference, p=u[0])["xf"].full().ravel()
        assert np.array_equal(x[:1], alone)
        assert np.max(np.abs(x[0] / model.x_scale - reference)) < LARGEST_DIFFERENCE
    y = many.outputs(x, u, d)
    np.testing.assert_allclose(y[-1], model.outputs(x[-1], u[-1], d[-1]).full()[:, 0], rtol=1e-12)
