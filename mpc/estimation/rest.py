"""Where an estimate starts: the steady state at the inputs that were read, and what it misses."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.steady_state import steady_state
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target.rest_form import rest_form


class Rest:
    """The states of rest of a model, continuous or sampled. Scaled, but d in SI."""

    def __init__(self, scaled: ScaledModel) -> None:
        """Take the model."""
        model = scaled.model
        still = ScaledModel.of(rest_form(model)) if isinstance(model, SampledModel) else scaled
        self._point = Lineariser(still, 1)
        self._nominal = model.x_nominal / model.x_scale
        self._u_scale, self._y_scale = model.u_scale, model.y_scale

    def at(self, scan: Scan, d: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return states (n_x,) and outputs (n_y,) at rest; None where there is no such state.

        Args:
            scan: with the inputs.
            d: disturbances of the model [SI].
        """
        found = steady_state(self._point, scan.u_readback / self._u_scale, d, self._nominal)
        return None if found is None else (found[0], found[1].outputs[0])

    def nominal(self, scan: Scan, d: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Return the model's nominal states and their outputs, for plants that do not settle."""
        y = self._point.values(self._nominal, scan.u_readback / self._u_scale, d)[1][0]
        return (self._nominal, y) if bool(np.all(np.isfinite(y))) else None
