"""What is measured as a disturbance, less what the MVs have made of it.

Some measured disturbances are moved by the MVs, too: pumparounds warm the crude before the furnace.
A model that knows how (`ProcessModel.made`) takes the rest as its disturbance; else it would count
twice what it predicts.
"""

from dataclasses import replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.estimator import Estimator, EstimatorState, Rejected
from operator_agent.mpc.estimation.rest import Rest
from operator_agent.mpc.scan import Scan
from operator_agent.plant.process_model import ProcessModel


def with_net_disturbances(estimator: Estimator, scaled: ScaledModel) -> Estimator:
    """Return an estimator that takes scans as measured, for one that takes the model's d.

    Args:
        estimator: of the model.
        scaled: the model.
    """
    model = scaled.model
    if not isinstance(model, ProcessModel) or model.made is None:
        return estimator
    return _NetOfMade(estimator, Rest(scaled), model.made, model.x_scale)


class _NetOfMade:
    """Takes from the disturbances of a scan what the MVs have made of them."""

    def __init__(
        self, estimator: Estimator, rest: Rest, made: ca.Function, x_scale: FloatArray
    ) -> None:
        self._estimator, self._rest, self._made, self._x_scale = estimator, rest, made, x_scale

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """See `Estimator`; the MVs have long stood where they are."""
        found = self._rest.at(scan, scan.d) if np.all(np.isfinite(scan.d)) else None
        if found is None:
            return self._estimator.start(scan)
        return self._estimator.start(self._net(scan, found[0] * self._x_scale))

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """See `Estimator`; a DV out of service comes with what the model had, and keeps it."""
        net = self._net(scan, state.x)
        held = scan.d == state.d[: scan.d.size]
        return self._estimator.update(state, replace(net, d=np.where(held, scan.d, net.d)))

    def _net(self, scan: Scan, x: FloatArray) -> Scan:
        """Return a scan without what was made at a state [SI]; lost readings stay lost."""
        made: FloatArray = np.asarray(self._made(x)).ravel()[: scan.d.size]
        return replace(scan, d=scan.d - made)
