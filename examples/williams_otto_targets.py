"""Find the best operating point with a wrong model: `python examples/williams_otto_targets.py`.

The Williams-Otto reactor has three reactions, its model two. Correcting the model's values alone
leads the plant to the model's optimum; correcting its slopes as well leads it to the plant's own.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.modifier_adaptation import (
    AdaptationTuning,
    AdaptedPoint,
    Correction,
    adapted_path,
)
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.target import TargetOptimizer
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Wishes
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.classics.williams_otto import (
    steady_optimum,
    williams_otto,
    williams_otto_approximate,
)
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel

ZERO_C_K = 273.15
START = np.array([3.5, ZERO_C_K + 72.0])  # feed of B [kg/s], temperature [K]


def limits(model: ProcessModel) -> ControlVariables:
    """Return 3 to 6 kg/s of B, 70 to 100 C, and no limits on the CVs."""
    n_y = model.n_y
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=np.array([3.0, ZERO_C_K + 70.0]),
        mv_high=np.array([6.0, ZERO_C_K + 100.0]),
        mv_rate=np.array([1.0, 1.0]),
        cv_hard_low=np.full(n_y, -np.inf),
        cv_hard_high=np.full(n_y, np.inf),
        cv_soft_low=np.full(n_y, -np.inf),
        cv_soft_high=np.full(n_y, np.inf),
        cv_noise=np.zeros(n_y),
        mv_critical=np.ones(2, np.bool_),
        cv_critical=np.zeros(n_y, np.bool_),
    )


def path(correction: Correction) -> tuple[AdaptedPoint, ...]:
    """Return the points that a correction leads the plant to."""
    plant, model = williams_otto(), williams_otto_approximate()

    def experiment(u: FloatArray) -> FloatArray:
        x = steady_state(plant, u, plant.d_nominal, plant.x_nominal)
        y: FloatArray = plant.outputs(x, u, plant.d_nominal).full().ravel()
        return y

    optimizer = TargetOptimizer(
        ModelRest(ScaledModel.of(model)),
        TargetTuning(pull={}, proximal=100.0, step=0.5),
        economics=None,
    )
    return adapted_path(
        optimizer,
        experiment,
        optimizer.start(model.x_nominal, START),
        TargetInputs(
            variables=limits(model),
            d=model.d_nominal,
            bias=np.zeros(model.n_y),
            wishes=Wishes(variable_prices={"profit": 1.0}),
        ),
        AdaptationTuning(
            correction=correction,
            bias_filter=1.0,
            slope_filter=0.6,
            step=np.array([0.02, 0.2]),
            iterations=15,
            largest_move=np.array([0.5, 5.0]),
        ),
    )


def main() -> None:
    """Print the path of each correction and the plant's own optimum."""
    best = steady_optimum(williams_otto())
    for correction in Correction:
        print(f"{correction.name}: {correction.value}")
        print("  point  experiments  B kg/s   temp C  profit $/s")
        for i, point in enumerate(path(correction)):
            flow, temp = point.u[0], point.u[1] - ZERO_C_K
            print(f"{i:7d}{point.experiments:13d}{flow:8.3f}{temp:9.2f}{point.y[0]:12.3f}")
    print(f"optimum of the plant: {best.flow_b:.3f} kg/s, {best.temp - ZERO_C_K:.2f} C, "
          f"{best.profit:.3f} $/s")  # fmt: skip


if __name__ == "__main__":
    main()
