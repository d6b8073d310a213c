"""The crude unit's economics, as a value for the target layer."""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.target.planned import FIRED_DUTY, STEAM, planned_prices
from operator_agent.mpc.target.wishes import Economics
from operator_agent.plant.coarse.controller_economics import build_controller_economics
from operator_agent.plant.unit.case import CrudeUnitCase

STREAMS = ("feed", "naphtha", "kerosene", "lgo", "hgo", "residue")
PRICED = (*STREAMS, FIRED_DUTY, STEAM)  # in the order of the controller's economics
BOUGHT = ("feed", FIRED_DUTY, STEAM)
SIGNS = np.array([-1.0 if name in BOUGHT else 1.0 for name in PRICED])


def crude_unit_economics(case: CrudeUnitCase) -> Economics:
    """Return what a steady state of the crude unit earns, with prices per SI unit.

    Raises:
        InputError: the parameters do not fit the case's crudes.
        PlantError: there is no steady state at the nominal set points.
    """
    flows = build_controller_economics(case)
    x, u, d = (ca.SX.sym(name, flows.size1_in(i)) for i, name in enumerate("xud"))
    p = ca.SX.sym("p", len(PRICED))
    profit = ca.dot(ca.DM(SIGNS.tolist()) * p, flows(x, u, d))
    return Economics(ca.Function("profit", [x, u, d, p], [profit]), PRICED)


def price_vector(targets: EconomicTargets) -> FloatArray:
    """Return what one unit of each priced flow earns, shape (8,) [usd per SI unit].

    Raises:
        InputError: a stream has no price.
    """
    prices = planned_prices(targets)
    missing = [name for name in PRICED if name not in prices]
    if missing:
        raise InputError(f"case '{targets.case}' gives no price for {', '.join(missing)}")
    worth: FloatArray = SIGNS * np.array([prices[name] for name in PRICED])
    return worth
