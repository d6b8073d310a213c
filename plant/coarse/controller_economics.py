"""What the controller's model says of money: the flows that carry a price."""

import casadi as ca

from operator_agent.plant.coarse.controller_model import build_coarse_unit
from operator_agent.plant.unit.case import CrudeUnitCase


def build_controller_economics(case: CrudeUnitCase) -> ca.Function:
    """Return the priced quantities of the controller's model.

    Returns:
        Function `(x, u, d) -> 8 values`: volume flows of feed, naphtha, kerosene, LGO, HGO and
        residue [m3/s], fired duty [W] and all stripping steam [kg/s]; states, inputs and
        disturbances are those of `build_controller_model`.

    Raises:
        InputError: the parameters do not fit the case's crudes.
        PlantError: there is no steady state at the nominal set points.
    """
    return build_coarse_unit(case).economics
