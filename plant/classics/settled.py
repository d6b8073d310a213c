"""A model with its nominal states moved to where it rests."""

from dataclasses import replace

from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel


def settled(model: ProcessModel) -> ProcessModel:
    """Return the model at the state of rest near its nominal states, at nominal inputs.

    Raises:
        PlantError: it does not come to rest.
    """
    x = steady_state(model, model.u_nominal, model.d_nominal, model.x_nominal)
    return replace(model, x_nominal=x)
