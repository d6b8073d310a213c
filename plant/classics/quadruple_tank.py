"""The quadruple tank of Johansson, whose zero crosses the imaginary axis with two valves.

Source: Johansson, "The quadruple-tank process: a multivariable laboratory process with an
adjustable zero", IEEE Trans. Control Syst. Technol. 8 (2000) 456, table I and section II.
Lengths are metres here and centimetres there; voltages are volts. The levels at rest are those
of the equations: the paper prints levels measured on the rig, 1.8 cm where they give 1.63 cm.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.generic.rest import at_rest
from operator_agent.plant.process_model import ProcessModel

AREAS_M2 = (28e-4, 32e-4, 28e-4, 32e-4)
OUTLETS_M2 = (0.071e-4, 0.057e-4, 0.071e-4, 0.057e-4)
SENSOR_V_M = 50.0  # 0.5 V/cm
GRAVITY = 9.81  # [m/s2]; 981 cm/s2 in the paper
_SOFT_M = 1e-5  # the outflow is smooth through an empty tank; 2e-7 of it at 1.4 cm
_LEVEL_SPAN_M = 0.02
_VOLT_SPAN = 0.5


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Settings of the pumps and the two splitting valves.

    Attributes:
        name: of the point.
        pump_gains_m3_sv: flow per volt of each pump [m3/(s V)].
        splits: share of each pump that goes to the lower tank.
        volts: of each pump [V].
    """

    name: str
    pump_gains_m3_sv: tuple[float, float]
    splits: tuple[float, float]
    volts: tuple[float, float]


MINIMUM_PHASE = OperatingPoint("minimum_phase", (3.33e-6, 3.35e-6), (0.70, 0.60), (3.00, 3.00))
NONMINIMUM_PHASE = OperatingPoint(
    "nonminimum_phase", (3.14e-6, 3.29e-6), (0.43, 0.34), (3.15, 3.15)
)


def quadruple_tank(point: OperatingPoint = MINIMUM_PHASE) -> ProcessModel:
    """Return the four tanks at rest at an operating point.

    States: levels of the tanks [m]; 3 drains into 1 and 4 into 2. MVs: pump voltages [V]. DVs:
    leaks from the upper tanks [m3/s]. CVs: signals of the level sensors of tanks 1 and 2 [V].

    Args:
        point: settings of pumps and valves.
    """
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 2), ca.SX.sym("d", 2)
    softened = x / (x**2 + _SOFT_M**2) ** 0.25
    outflow = ca.DM(OUTLETS_M2) * np.sqrt(2.0 * GRAVITY) * softened
    pumped = ca.DM(point.pump_gains_m3_sv) * u
    (low_1, low_2), (gamma_1, gamma_2) = ca.vertsplit(pumped), point.splits
    inflow = ca.vertcat(
        outflow[2] + gamma_1 * low_1,
        outflow[3] + gamma_2 * low_2,
        (1.0 - gamma_2) * low_2 - d[0],
        (1.0 - gamma_1) * low_1 - d[1],
    )
    return at_rest(
        ProcessModel(
            name=f"quadruple_tank_{point.name}",
            x_names=tuple(f"level_tank_{n}" for n in range(1, 5)),
            u_names=("volts_pump_1", "volts_pump_2"),
            d_names=("flow_vol_leak_3", "flow_vol_leak_4"),
            y_names=("volts_level_1", "volts_level_2"),
            rhs=ca.Function("rhs", [x, u, d], [(inflow - outflow) / ca.DM(AREAS_M2)]),
            outputs=ca.Function("outputs", [x, u, d], [SENSOR_V_M * x[:2]]),
            x_nominal=np.array([0.124, 0.127, 0.03, 0.03]),
            u_nominal=np.array(point.volts),
            d_nominal=np.zeros(2),
            x_scale=np.full(4, _LEVEL_SPAN_M),
            u_scale=np.full(2, _VOLT_SPAN),
            d_scale=np.full(2, 0.5e-6),
            y_scale=np.full(2, SENSOR_V_M * _LEVEL_SPAN_M),
        )
    )
