"""Estimators to choose from, as values that make one for a controller.

| choice | for |
| --- | --- |
| `BiasObserver` itself | stable plants of any size; cheapest |
| `KalmanChoice` | integrating and unstable plants, disturbances inside of the model |
| `HorizonChoice` | small models with limits on what is estimated |

Disturbances inside of the model (shifts of MVs and DVs, rates of states) must be known to the whole
controller: build it on `planning_model(model, disturbances)`, and its economics on
`planning_economics(economics, model, disturbances)`.
"""

from dataclasses import dataclass, field

from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.detectability import default_disturbances
from operator_agent.mpc.estimation.disturbances import DisturbanceModel
from operator_agent.mpc.estimation.estimator import Estimator
from operator_agent.mpc.estimation.kalman import KalmanFilter, KalmanTuning
from operator_agent.mpc.estimation.moving_horizon import HorizonEstimator, HorizonTuning
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights


@dataclass(frozen=True, slots=True)
class KalmanChoice:
    """An extended Kalman filter.

    Attributes:
        disturbances: to integrate; None takes `default_disturbances` of the model.
        tuning: of the filter.
    """

    disturbances: DisturbanceModel | None = None
    tuning: KalmanTuning = field(default_factory=KalmanTuning)

    def __call__(
        self, scaled: ScaledModel, variables: ControlVariables, weights: Weights, cycle_s: float
    ) -> Estimator:
        """Return the filter; arguments and errors as for `KalmanFilter`."""
        chosen = self.disturbances or default_disturbances(scaled.model)
        return KalmanFilter(scaled, variables, weights, cycle_s, chosen, self.tuning)


@dataclass(frozen=True, slots=True)
class HorizonChoice:
    """Moving horizon estimation.

    Attributes:
        disturbances: to integrate; None takes `default_disturbances` of the model.
        tuning: of the window.
    """

    disturbances: DisturbanceModel | None = None
    tuning: HorizonTuning = field(default_factory=HorizonTuning)

    def __call__(
        self, scaled: ScaledModel, variables: ControlVariables, weights: Weights, cycle_s: float
    ) -> Estimator:
        """Return the estimator; arguments and errors as for `HorizonEstimator`."""
        chosen = self.disturbances or default_disturbances(scaled.model)
        return HorizonEstimator(scaled, variables, weights, cycle_s, chosen, self.tuning)
