"""Whether the CVs show every state of a model: then the readings say where the plant stands.

A plant whose state is read needs no rest to start from, and each error of the model shows as the
error of one rate: with a disturbance on each of them no offset is left, wherever the plant is and
whether it settles or not (Pannocchia and Rawlings, AIChE J. 49 (2003) 426).
"""

import numpy as np

from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.detectability import linearised
from operator_agent.mpc.generic.equations import Model
from operator_agent.plant.process_model import ProcessModel

LARGEST = 40  # states; the covariance of more of them takes longer than the plan
SHOWN = 1e-2  # least singular value of the scaled CVs' slopes by the states


def states_are_read(model: Model) -> bool:
    """Return whether a continuous model of moderate size shows all of its states.

    Args:
        model: with the CVs that are read as its outputs; its slopes are taken at the nominal point.
    """
    if not isinstance(model, ProcessModel) or not 0 < model.n_x <= min(LARGEST, model.n_y):
        return False
    _, slopes = linearised(ScaledModel.of(model))
    if not bool(np.all(np.isfinite(slopes))):
        return False
    return float(np.linalg.svd(slopes, compute_uv=False)[-1]) >= SHOWN
