"""The controller's own model of the crude unit: fewer trays and other lumps than the plant."""

from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import build_crude_unit

CONTROLLER_LAYOUT = "controller"


def build_controller_model(case: CrudeUnitCase) -> ProcessModel:
    """Return the coarse model at its nominal steady state.

    Raises:
        InputError: the case has no layout `controller`.
        PlantError: there is no steady state at the nominal set points.
    """
    return build_crude_unit(case, CONTROLLER_LAYOUT).model
