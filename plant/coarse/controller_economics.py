"""What the controller's model says of money: the flows that carry a price."""

import casadi as ca

from operator_agent.plant.coarse.controller_model import CONTROLLER_LAYOUT
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.variables import PRODUCTS


def build_controller_economics(case: CrudeUnitCase) -> ca.Function:
    """Return the priced quantities of the coarse model.

    Returns:
        Function `(x, u, d) -> 8 values`: volume flows of feed, naphtha, kerosene, LGO, HGO and
        residue [m3/s], fired duty [W] and all stripping steam [kg/s]; states, inputs and
        disturbances are those of `build_controller_model`.

    Raises:
        InputError: the case has no layout `controller`.
        PlantError: there is no steady state at the nominal set points.
    """
    unit = build_crude_unit(case, CONTROLLER_LAYOUT)
    model = unit.model
    sizes = (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
    x, u, d = (ca.SX.sym(letter, size) for letter, size in sizes)
    told = unit.information(x, u, d)
    names = [
        *(f"flow_vol_product_{product}" for product in PRODUCTS),
        "duty_fired",
        "flow_mass_steam",
    ]
    priced = [u[model.u_names.index("flow_vol_feed")]]
    priced += [told[unit.information_names.index(name)] for name in names]
    return ca.Function("controller_economics", [x, u, d], [ca.vertcat(*priced)])
