"""The continuous stirred reactor of van de Vusse's reaction: A to B to C, and 2 A to D.

Units of the publication: concentrations [mol/l], temperatures [degC], inflow over volume [1/h],
jacket duty [kJ/h]; time in seconds. Equations and parameters: Klatt and Engell, "Gain-scheduling
trajectory control of a continuous stirred tank reactor", Comput. Chem. Eng. 22 (1998) 491. Cost,
limits and uncertainty: the CSTR example of do-mpc.
"""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.control_problem import ControlProblem, SoftLimit, Tracked
from operator_agent.plant.process_model import ProcessModel
from operator_agent.units import HOUR_S

RATE_AB, RATE_BC = 1.287e12, 1.287e12  # [1/h]
RATE_AD = 9.043e9  # [l/(mol h)]
ACTIVATION_AB, ACTIVATION_BC, ACTIVATION_AD = 9758.3, 9758.3, 8560.0  # [K], over the gas constant
HEAT_AB, HEAT_BC, HEAT_AD = 4.2, -11.0, -41.85  # [kJ/mol]
DENSITY, HEAT_CAPACITY = 0.9342, 3.01  # [kg/l], [kJ/(kg K)]
VOLUME = 10.01  # [l]
EXCHANGE, AREA = 4032.0, 0.215  # [kJ/(h m2 K)], [m2]
JACKET_MASS, JACKET_HEAT_CAPACITY = 5.0, 2.0  # [kg], [kJ/(kg K)]
TEMP_FEED, CONC_FEED = 130.0, 5.1  # [degC], [mol/l]
ZERO_CELSIUS = 273.15  # [K]

SAMPLE_TIME_S = 18.0
TEMP_LIMIT = 140.0  # [degC]


def reactor_model() -> ProcessModel:
    """Return the reactor; u = (inflow, duty), d = (feed concentration, alpha, beta)."""
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 2), ca.SX.sym("d", 3)
    conc_a, conc_b, temp, temp_jacket = x[0], x[1], x[2], x[3]
    conc_feed, alpha, beta = d[0], d[1], d[2]
    kelvin = temp + ZERO_CELSIUS
    rate_ab = beta * RATE_AB * ca.exp(-ACTIVATION_AB / kelvin) * conc_a
    rate_bc = RATE_BC * ca.exp(-ACTIVATION_BC / kelvin) * conc_b
    rate_ad = RATE_AD * ca.exp(-alpha * ACTIVATION_AD / kelvin) * conc_a**2
    heat = rate_ab * HEAT_AB + rate_bc * HEAT_BC + rate_ad * HEAT_AD
    content = DENSITY * HEAT_CAPACITY
    to_jacket = EXCHANGE * AREA * (temp - temp_jacket)
    per_hour = ca.vertcat(
        u[0] * (conc_feed - conc_a) - rate_ab - rate_ad,
        -u[0] * conc_b + rate_ab - rate_bc,
        -heat / content + u[0] * (TEMP_FEED - temp) - to_jacket / (content * VOLUME),
        (u[1] + to_jacket) / (JACKET_MASS * JACKET_HEAT_CAPACITY),
    )
    names = ("conc_a", "conc_b", "temp_reactor", "temp_jacket")
    return ProcessModel(
        name="reactor",
        x_names=names,
        u_names=("inflow", "duty_jacket"),
        d_names=("conc_feed", "alpha", "beta"),
        y_names=names,
        rhs=ca.Function("rhs", [x, u, d], [per_hour / HOUR_S]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=np.array([0.8, 0.5, 134.14, 130.0]),
        u_nominal=np.array([18.83, -4495.7]),
        d_nominal=np.array([CONC_FEED, 1.0, 1.0]),
        x_scale=np.array([1.0, 0.5, 10.0, 10.0]),
        u_scale=np.array([20.0, 2000.0]),
        d_scale=np.array([1.0, 0.05, 0.1]),
        y_scale=np.array([1.0, 0.5, 10.0, 10.0]),
    )


def _score(x: FloatArray, p: FloatArray) -> FloatArray:
    squared: FloatArray = (x[:, 1] - p[:, 0]) ** 2
    return squared


def reactor_problem() -> ControlProblem:
    """Return the tracking problem of do-mpc's example: hold product B, keep temperatures."""
    x, p = ca.SX.sym("x", 4), ca.SX.sym("p", 1)
    model = reactor_model()
    return ControlProblem(
        name="reactor",
        source="do-mpc, examples/CSTR; Klatt and Engell (1998)",
        model=model,
        sample_time_s=SAMPLE_TIME_S,
        x_start=model.x_nominal,
        u_start=np.zeros(2),
        n_pred=20,
        elements=1,
        u_low=np.array([5.0, -8500.0]),
        u_high=np.array([100.0, 0.0]),
        x_low=np.array([0.1, 0.1, 50.0, 50.0]),
        x_high=np.array([2.0, 2.0, np.inf, TEMP_LIMIT]),
        soft=(SoftLimit("temp_reactor", TEMP_LIMIT, 1e2),),
        stage_cost=ca.Function("stage_cost", [x, p], [(x[1] - p[0]) ** 2]),
        stage_score=_score,
        p_names=("conc_b_setpoint",),
        p_nominal=np.array([0.6]),
        move_weight=np.array([0.1, 1e-3]),
        move_scale=np.array([100.0, 2000.0]),
        x_divisor=np.array([1.0, 1.0, 100.0, 100.0]),
        tracked=(Tracked("conc_b", "conc_b_setpoint", 1.0),),
        uncertain=(("alpha", (1.0, 1.05, 0.95)), ("beta", (1.0, 1.1, 0.9))),
    )
