"""The fed-batch bioreactor: biomass grows on substrate and makes product; substrate inhibits.

Units of the publication: concentrations and volume as given there, time in its unit, here called
a second of model time. Source: Srinivasan, Bonvin, Visser and Palanki, "Dynamic optimization of
batch processes II", Comput. Chem. Eng. 27 (2003) 27; limits and cost as in the batch_reactor
example of do-mpc.
"""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.control_problem import ControlProblem
from operator_agent.plant.process_model import ProcessModel

GROWTH, SATURATION, INHIBITION = 0.02, 0.05, 5.0
PRODUCT_RATE, PRODUCT_YIELD = 0.004, 1.2
BIOMASS_YIELD, CONC_FEED = 0.5, 200.0  # both uncertain
NAMES = ("conc_biomass", "conc_substrate", "conc_product", "volume")


def bioreactor_model() -> ProcessModel:
    """Return the reactor; u = feed flow, d = (biomass yield, substrate in the feed)."""
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 1), ca.SX.sym("d", 2)
    biomass, substrate, product, volume = ca.vertsplit(x)
    growth = GROWTH * substrate / (SATURATION + substrate + substrate**2 / INHIBITION) * biomass
    making, dilution = PRODUCT_RATE * biomass, u[0] / volume
    rhs = ca.vertcat(
        growth - dilution * biomass,
        -growth / d[0] - making / PRODUCT_YIELD + dilution * (d[1] - substrate),
        making - dilution * product,
        u[0],
    )
    start = np.array([1.0, 0.5, 0.0, 120.0])
    scale = np.array([1.0, 0.5, 1.0, 10.0])
    return ProcessModel(
        name="bioreactor",
        x_names=NAMES,
        u_names=("flow_feed",),
        d_names=("biomass_yield", "conc_feed"),
        y_names=NAMES,
        rhs=ca.Function("rhs", [x, u, d], [rhs]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=start,
        u_nominal=np.array([0.1]),
        d_nominal=np.array([BIOMASS_YIELD, CONC_FEED]),
        x_scale=scale,
        u_scale=np.array([0.1]),
        d_scale=np.array([0.1, 20.0]),
        y_scale=scale,
    )


def _score(x: FloatArray, p: FloatArray) -> FloatArray:
    made: FloatArray = -x[:, 2]
    return made


def bioreactor_problem() -> ControlProblem:
    """Return the economic problem of do-mpc's example: product, early and within limits."""
    x, p = ca.SX.sym("x", 4), ca.SX.sym("p", 0)
    model = bioreactor_model()
    return ControlProblem(
        name="bioreactor",
        source="do-mpc, examples/batch_reactor; Srinivasan et al. (2003)",
        model=model,
        sample_time_s=1.0,
        x_start=model.x_nominal,
        u_start=np.zeros(1),
        n_pred=20,
        elements=2,
        u_low=np.zeros(1),
        u_high=np.array([0.2]),
        x_low=np.array([0.0, -0.01, 0.0, 0.0]),
        x_high=np.array([3.7, np.inf, 3.0, np.inf]),
        soft=(),
        stage_cost=ca.Function("stage_cost", [x, p], [-x[2]]),
        stage_score=_score,
        p_names=(),
        p_nominal=np.zeros(0),
        move_weight=np.ones(1),
        move_scale=np.ones(1),
        x_divisor=np.ones(4),
        uncertain=(("biomass_yield", (0.5, 0.4, 0.3)), ("conc_feed", (200.0, 220.0, 180.0))),
    )
