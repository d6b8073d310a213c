"""The semi-batch polymerisation reactor with an external heat exchanger, to be run fast.

Units of the publication: masses [kg], temperatures [K], flows [kg/h], heats in kJ; time in
seconds. Source: Lucia, Andersson, Brandt, Diehl and Engell, "Handling uncertainty in economic
nonlinear model predictive control: A comparative case study", J. Process Control 24 (2014) 1247;
parameters, limits and cost as in the industrial_poly example of do-mpc.
"""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.control_problem import ControlProblem, SoftLimit
from operator_agent.plant.process_model import ProcessModel
from operator_agent.units import HOUR_S

GAS_CONSTANT, ACTIVATION = 8.314, 8500.0  # [kJ/(kmol K)], [kJ/kmol]
HEAT_OF_REACTION, RATE_CONSTANT = 950.0, 7.0  # [kJ/kg], [1/h]; both uncertain
RATE_MONOMER, RATE_POLYMER = 4.0, 32.0  # how the rate grows with conversion [-]
WATER_IN_FEED, MONOMER_IN_FEED = 0.333, 0.667  # mass fractions
TEMP_FEED = 298.15  # [K]
AREA = 65.0  # of the jacket [m2]
COOLANT_MASS, COOLANT_FLOW = 5000.0, 300_000.0  # jacket [kg], [kg/h]
EXCHANGER_COOLANT_MASS, EXCHANGER_COOLANT_FLOW = 1000.0, 100_000.0  # [kg], [kg/h]
EXCHANGER_MASS, EXCHANGER_FLOW = 200.0, 20_000.0  # product in it [kg], through it [kg/h]
STEEL_MASS = 39_000.0  # [kg]
CP_WATER, CP_STEEL, CP_FEED, CP_CONTENT = 4.2, 0.47, 3.0, 5.0  # [kJ/(kg K)]
WALL_WATER, WALL_MONOMER, WALL_POLYMER = 17_280.0, 3600.0, 360.0  # [kJ/(h m2 K)]
EXCHANGER_TRANSFER = 3.6e6  # [kJ/(h K)]

SAMPLE_TIME_S = 50.0
TEMP_SETPOINT, TEMP_RANGE = 363.15, 2.0  # [K]
FEED_TOTAL = 30_000.0  # [kg]
TEMP_ADIABATIC_HIGH = 382.15  # [K]
START = np.array([10_000.0, 853.0, 26.5, 363.15, 363.15, 363.15, 308.15, 308.15, 300.0])
# What is in the tank at the start, as monomer or polymer, and in the feed after it [kg].
MONOMER_TOTAL = float(START[1] + START[2] + MONOMER_IN_FEED * (FEED_TOTAL - START[8]))
NAMES = ("mass_water", "mass_monomer", "mass_polymer", "temp_reactor", "temp_steel", "temp_jacket",
         "temp_exchanger", "temp_exchanger_coolant", "mass_fed", "temp_adiabatic")  # fmt: skip


def polymerisation_model() -> ProcessModel:
    """Return the reactor; u = (feed, jacket inlet, exchanger inlet), d = (heat, rate)."""
    x, u, d = ca.SX.sym("x", 10), ca.SX.sym("u", 3), ca.SX.sym("d", 2)
    per_hour = _rates(x, u, d)
    scale = np.array([1e4, 1e3, 1e4, 2.0, 10.0, 10.0, 10.0, 10.0, 1e4, 10.0])
    return ProcessModel(
        name="polymerisation",
        x_names=NAMES,
        u_names=("flow_mass_feed", "temp_jacket_inlet", "temp_exchanger_inlet"),
        d_names=("heat_of_reaction", "rate_constant"),
        y_names=NAMES,
        rhs=ca.Function("rhs", [x, u, d], [per_hour / HOUR_S]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=start_state(),
        u_nominal=np.array([0.0, 363.15, 333.15]),
        d_nominal=np.array([HEAT_OF_REACTION, RATE_CONSTANT]),
        x_scale=scale,
        u_scale=np.array([1e4, 20.0, 20.0]),
        d_scale=np.array([285.0, 2.1]),
        y_scale=scale,
    )


def start_state() -> FloatArray:
    """Return the state at the start: the adiabatic temperature follows from the others."""
    water, monomer, polymer, temp = START[:4]
    rise = monomer * HEAT_OF_REACTION / ((water + monomer + polymer) * CP_CONTENT)
    return np.append(START, rise + temp)


def _rates(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
    """Return the rates of all states [1/h]."""
    water, monomer, polymer, temp, steel, jacket, exchanger, coolant = ca.vertsplit(x)[:8]
    feed, jacket_inlet, exchanger_inlet = ca.vertsplit(u)
    heat_of_reaction, rate_constant = d[0], d[1]
    total = water + monomer + polymer
    conversion = polymer / (monomer + polymer)
    frequency = rate_constant * (RATE_MONOMER * (1 - conversion) + RATE_POLYMER * conversion)
    in_tank = frequency * ca.exp(-ACTIVATION / (GAS_CONSTANT * temp))
    in_tank *= monomer - monomer * EXCHANGER_MASS / total
    in_exchanger = frequency * ca.exp(-ACTIVATION / (GAS_CONSTANT * exchanger))
    in_exchanger *= monomer / total * EXCHANGER_MASS
    wall = (water * WALL_WATER + monomer * WALL_MONOMER + polymer * WALL_POLYMER) / total * AREA
    to_steel, to_jacket = wall * (temp - steel), wall * (steel - jacket)
    to_exchanger = EXCHANGER_FLOW * CP_CONTENT * (temp - exchanger)
    to_coolant = EXCHANGER_TRANSFER * (exchanger - coolant)
    made = in_tank + in_exchanger
    gained = feed * MONOMER_IN_FEED - made
    heating = feed * CP_FEED * (TEMP_FEED - temp) - to_steel - to_exchanger
    warming = (heating + heat_of_reaction * in_tank) / (CP_CONTENT * total)
    inflow = COOLANT_FLOW * CP_WATER * (jacket_inlet - jacket)
    inlet = EXCHANGER_COOLANT_FLOW * CP_WATER * (exchanger_inlet - coolant)
    potential = heat_of_reaction / (total * CP_CONTENT)
    return ca.vertcat(
        feed * WATER_IN_FEED,
        gained,
        made,
        warming,
        (to_steel - to_jacket) / (CP_STEEL * STEEL_MASS),
        (inflow + to_jacket) / (CP_WATER * COOLANT_MASS),
        (to_exchanger - to_coolant + in_exchanger * heat_of_reaction)
        / (CP_CONTENT * EXCHANGER_MASS),
        (inlet + to_coolant) / (CP_WATER * EXCHANGER_COOLANT_MASS),
        feed,
        potential * (gained - feed * monomer * (WATER_IN_FEED + MONOMER_IN_FEED) / total) + warming,
    )


def _score(x: FloatArray, p: FloatArray) -> FloatArray:
    made: FloatArray = -x[:, 2]
    return made


def polymerisation_problem() -> ControlProblem:
    """Return the economic problem of do-mpc's example: as much polymer as early as possible."""
    x, p = ca.SX.sym("x", 10), ca.SX.sym("p", 0)
    low, high = TEMP_SETPOINT - TEMP_RANGE, TEMP_SETPOINT + TEMP_RANGE
    inf = np.inf
    return ControlProblem(
        name="polymerisation",
        source="do-mpc, examples/industrial_poly; Lucia et al. (2014)",
        model=polymerisation_model(),
        sample_time_s=SAMPLE_TIME_S,
        x_start=start_state(),
        u_start=np.zeros(3),
        n_pred=20,
        elements=1,
        u_low=np.array([0.0, 333.15, 333.15]),
        u_high=np.array([3e4, 373.15, 373.15]),
        x_low=np.array([0.0, 0.0, 26.0, low, 298.0, 298.0, 288.0, 288.0, 0.0, -inf]),
        x_high=np.array(
            [inf, inf, inf, high, 400.0, 400.0, 400.0, 400.0, FEED_TOTAL, TEMP_ADIABATIC_HIGH]
        ),
        soft=(SoftLimit("temp_reactor", high, 1e4),),
        stage_cost=ca.Function("stage_cost", [x, p], [-x[2]]),
        stage_score=_score,
        p_names=(),
        p_nominal=np.zeros(0),
        move_weight=np.array([0.002, 0.004, 0.002]),
        move_scale=np.array([100.0, 1.0, 1.0]),
        x_divisor=np.array([10.0, 10.0, 10.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 1.0]),
        uncertain=(
            ("heat_of_reaction", (950.0, 950.0 * 1.3, 950.0 * 0.7)),
            ("rate_constant", (7.0, 7.0 * 1.3, 7.0 * 0.7)),
        ),
    )
