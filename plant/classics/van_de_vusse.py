"""The reactor of van de Vusse as posed by Klatt and Engell: A -> B -> C, 2 A -> D.

The gain of the product concentration to the feed rate changes its sign. Sources: Klatt and
Engell, "Gain-scheduling trajectory control of a continuous stirred tank reactor", Comput. Chem.
Eng. 22 (1998) 491; Chen, Kremling and Allgöwer, "Nonlinear predictive control of a benchmark
CSTR", Proc. ECC 1995, 3247, for the second operating point. The papers use mol/l, degrees
Celsius, hours and kJ; here mol/m3, kelvin, seconds and joule.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.generic.rest import at_rest
from operator_agent.plant.process_model import ProcessModel

HOUR_S = 3600.0
CELSIUS_K = 273.15
K10, K20 = 1.287e12 / HOUR_S, 1.287e12 / HOUR_S  # [1/s]
K30 = 9.043e9 / HOUR_S / 1000.0  # [m3/(mol s)]; 9.043e9 l/(mol h)
E1, E2, E3 = 9758.3, 9758.3, 8560.0  # activation temperatures [K]
HEAT_AB, HEAT_BC, HEAT_AD = 4.2e3, -11.0e3, -41.85e3  # heats of reaction [J/mol]
DENSITY = 934.2  # [kg/m3]
HEAT_CAPACITY = 3010.0  # [J/(kg K)]
HEAT_TRANSFER = 4032e3 / HOUR_S  # [W/(m2 K)]; 4032 kJ/(h m2 K)
AREA = 0.215  # [m2]
VOLUME = 10.01e-3  # [m3]
JACKET_CAPACITY = 5.0 * 2000.0  # [J/K]; 5 kg of 2 kJ/(kg K)
FEED_CONC = 5100.0  # [mol/m3]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Inputs of a published state of rest.

    Attributes:
        name: of the point.
        dilution_1_s: feed per reactor volume [1/s].
        duty_w: heat given to the jacket [W]; negative cools.
        temp_feed: [K].
    """

    name: str
    dilution_1_s: float
    duty_w: float
    temp_feed: float


KLATT_ENGELL = OperatingPoint("klatt_engell", 18.83 / HOUR_S, -4495.7e3 / HOUR_S, 130.0 + CELSIUS_K)
CHEN = OperatingPoint("chen", 14.19 / HOUR_S, -1113.5e3 / HOUR_S, 104.9 + CELSIUS_K)


def van_de_vusse(point: OperatingPoint = KLATT_ENGELL) -> ProcessModel:
    """Return the reactor at rest at an operating point.

    States: concentrations of A and B [mol/m3], temperatures of reactor and jacket [K]. MVs: feed
    per volume [1/s], duty of the jacket [W]. DVs: concentration [mol/m3] and temperature [K] of
    the feed. CVs: concentration of B [mol/m3], temperature of the reactor [K].

    Args:
        point: inputs at rest.
    """
    x, u, d = ca.SX.sym("x", 4), ca.SX.sym("u", 2), ca.SX.sym("d", 2)
    conc_a, conc_b, temp, jacket = ca.vertsplit(x)
    dilution, duty, conc_feed, temp_feed = (*ca.vertsplit(u), *ca.vertsplit(d))
    rate_ab = K10 * ca.exp(-E1 / temp) * conc_a
    rate_bc = K20 * ca.exp(-E2 / temp) * conc_b
    rate_ad = K30 * ca.exp(-E3 / temp) * conc_a**2
    heat = -(rate_ab * HEAT_AB + rate_bc * HEAT_BC + rate_ad * HEAT_AD)
    transferred = HEAT_TRANSFER * AREA * (jacket - temp)
    capacity = DENSITY * HEAT_CAPACITY
    rates = ca.vertcat(
        dilution * (conc_feed - conc_a) - rate_ab - rate_ad,
        -dilution * conc_b + rate_ab - rate_bc,
        dilution * (temp_feed - temp) + heat / capacity + transferred / (capacity * VOLUME),
        (duty - transferred) / JACKET_CAPACITY,
    )
    return at_rest(
        ProcessModel(
            name=f"van_de_vusse_{point.name}",
            x_names=("conc_a", "conc_b", "temp_reactor", "temp_jacket"),
            u_names=("dilution_feed", "duty_jacket"),
            d_names=("conc_a_feed", "temp_feed"),
            y_names=("conc_b", "temp_reactor"),
            rhs=ca.Function("rhs", [x, u, d], [rates]),
            outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(conc_b, temp)]),
            x_nominal=np.array([1500.0, 1000.0, 400.0, 395.0]),
            u_nominal=np.array([point.dilution_1_s, point.duty_w]),
            d_nominal=np.array([FEED_CONC, point.temp_feed]),
            x_scale=np.array([500.0, 200.0, 10.0, 10.0]),
            u_scale=np.array([10.0 / HOUR_S, 1000e3 / HOUR_S]),
            d_scale=np.array([500.0, 5.0]),
            y_scale=np.array([100.0, 10.0]),
        )
    )
