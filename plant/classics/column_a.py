"""Column A of Skogestad: a binary distillation column with 40 theoretical stages.

Sources: Skogestad and Postlethwaite, "Multivariable Feedback Control", 2nd edition 2005, section
12.4 and the model `colamod`; Skogestad and Morari, "Understanding the dynamic behavior of
distillation columns", Ind. Eng. Chem. Res. 27 (1988) 1848.

Constant relative volatility and molar flows, no vapour holdup, total condenser. The paper counts
in kmol and minutes; the model in mol and seconds. A gain in mole fraction per kmol/min is the
model's gain times 1000/60.
"""

import casadi as ca
import numpy as np

from operator_agent.plant.generic.rest import at_rest
from operator_agent.plant.generic.transfer_matrix import first_order_matrix, from_transfer_matrix
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel

N_STAGES = 41  # reboiler is 1, condenser 41
FEED_STAGE = 21
VOLATILITY = 1.5
KMOL_MIN = 1000.0 / 60.0  # mol/s per kmol/min
HOLDUP = 500.0  # of every stage [mol]; 0.5 kmol
HYDRAULIC_S = 0.063 * 60.0  # liquid lag of a stage [s]
FEED, FEED_FRACTION, FEED_LIQUID = 1.0 * KMOL_MIN, 0.5, 1.0
REFLUX, BOILUP = 2.70629 * KMOL_MIN, 3.20629 * KMOL_MIN
PRODUCT = 0.5 * KMOL_MIN  # distillate and bottoms alike [mol/s]
LEVEL_GAIN = 10.0 / 60.0  # of both level controllers [1/s]; 10 kmol/min per kmol
# Published gains and time constant of the simplified model, of yD and xB to L and V [kmol/min].
SIMPLIFIED_GAINS = ((0.878, -0.864), (1.082, -1.096))
SIMPLIFIED_TIME_S = 75.0 * 60.0
_FRACTION_SPAN = 0.1
_HOLDUP_SPAN = 50.0  # [mol]
_FLOW_SPAN = 0.05 * KMOL_MIN
_PRODUCT_SPAN = 0.01  # mole fraction


def column_a() -> ProcessModel:
    """Return the column in LV configuration, with both levels controlled, at rest.

    States: mole fraction of the light component and holdup [mol] of each stage from the reboiler.
    MVs: reflux and boilup [mol/s]. DVs: feed flow [mol/s], its mole fraction, its liquid
    fraction. CVs: mole fractions of the distillate and the bottoms.
    """
    n = N_STAGES
    x, u, d = ca.SX.sym("x", 2 * n), ca.SX.sym("u", 2), ca.SX.sym("d", 3)
    rates = _rates(x[:n], x[n:], u, d)
    numbers = range(1, n + 1)
    guess = np.concatenate((np.linspace(0.01, 0.99, n), np.full(n, HOLDUP)))
    return at_rest(
        ProcessModel(
            name="column_a",
            x_names=(
                *(f"fraction_light_stage_{i}" for i in numbers),
                *(f"holdup_stage_{i}" for i in numbers),
            ),
            u_names=("flow_mol_reflux", "flow_mol_boilup"),
            d_names=("flow_mol_feed", "fraction_light_feed", "fraction_liquid_feed"),
            y_names=("fraction_light_distillate", "fraction_light_bottoms"),
            rhs=ca.Function("rhs", [x, u, d], [rates]),
            outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(x[n - 1], x[0])]),
            x_nominal=guess,
            u_nominal=np.array([REFLUX, BOILUP]),
            d_nominal=np.array([FEED, FEED_FRACTION, FEED_LIQUID]),
            x_scale=np.array([_FRACTION_SPAN] * n + [_HOLDUP_SPAN] * n),
            u_scale=np.full(2, _FLOW_SPAN),
            d_scale=np.array([0.2 * FEED, 0.1, 0.1]),
            y_scale=np.full(2, _PRODUCT_SPAN),
        )
    )


def _rates(light: ca.SX, holdup: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
    """Return dx/dt of all fractions and then of all holdups."""
    n, feed_at = N_STAGES, FEED_STAGE - 1
    reflux, boilup, feed, feed_light, feed_liquid = (*ca.vertsplit(u), *ca.vertsplit(d))
    vapour_light = VOLATILITY * light / (1.0 + (VOLATILITY - 1.0) * light)
    vapour = [boilup + (1.0 - feed_liquid) * feed * (i >= feed_at) for i in range(n - 1)]
    below_feed = REFLUX + FEED_LIQUID * FEED  # nominal liquid flow
    nominal = [below_feed if i <= feed_at else REFLUX for i in range(n)]
    liquid = [nominal[i] + (holdup[i] - HOLDUP) / HYDRAULIC_S for i in range(n)]
    bottoms = PRODUCT + LEVEL_GAIN * (holdup[0] - HOLDUP)
    distillate = PRODUCT + LEVEL_GAIN * (holdup[n - 1] - HOLDUP)
    liquid[n - 1] = reflux
    total, component = [], []
    for i in range(n):
        if i == 0:
            flow = liquid[1] - vapour[0] - bottoms
            moles = liquid[1] * light[1] - vapour[0] * vapour_light[0] - bottoms * light[0]
        elif i == n - 1:
            flow = vapour[n - 2] - reflux - distillate
            moles = vapour[n - 2] * vapour_light[n - 2] - (reflux + distillate) * light[n - 1]
        else:
            flow = liquid[i + 1] - liquid[i] + vapour[i - 1] - vapour[i]
            moles = liquid[i + 1] * light[i + 1] - liquid[i] * light[i]
            moles += vapour[i - 1] * vapour_light[i - 1] - vapour[i] * vapour_light[i]
        if i == feed_at:
            flow, moles = flow + feed, moles + feed * feed_light
        total.append(flow)
        component.append((moles - light[i] * flow) / holdup[i])
    return ca.vertcat(*component, *total)


def column_a_simplified() -> ProcessModel:
    """Return the published model with one time constant, for studies of ill-conditioning.

    Variables as in `column_a`, without disturbances. Source: Skogestad and Morari 1988.
    """
    gains = np.array(SIMPLIFIED_GAINS) / KMOL_MIN
    elements = first_order_matrix(gains, np.full((2, 2), SIMPLIFIED_TIME_S), np.zeros((2, 2)))
    inputs = (
        Variable("flow_mol_reflux", REFLUX, _FLOW_SPAN),
        Variable("flow_mol_boilup", BOILUP, _FLOW_SPAN),
    )
    outputs = (
        Variable("fraction_light_distillate", 0.99, _PRODUCT_SPAN),
        Variable("fraction_light_bottoms", 0.01, _PRODUCT_SPAN),
    )
    return from_transfer_matrix("column_a_simplified", elements, inputs, outputs)
