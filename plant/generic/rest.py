"""A model with its nominal states moved to where it rests."""

from dataclasses import replace

import numpy as np

from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel

AT_REST = 1e-9  # [spans/s]: a guess that moves less is kept as it is


def at_rest(model: ProcessModel) -> ProcessModel:
    """Return the model with its nominal states at rest, at nominal inputs.

    Nominal states that are at rest stay as they are, so a plant that integrates can be given
    with the level that it is to have.

    Raises:
        PlantError: it does not come to rest.
    """
    rates = model.rhs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    if float(np.max(np.abs(rates / model.x_scale))) < AT_REST:
        return model
    x = steady_state(model, model.u_nominal, model.d_nominal, model.x_nominal)
    return replace(model, x_nominal=x)
