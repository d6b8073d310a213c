"""A model that is wrong in structure is led to the plant's optimum: Williams and Otto's reactor."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.modifier_adaptation import (
    AdaptationTuning,
    AdaptedPoint,
    Correction,
    adapted_path,
)
from operator_agent.mpc.target.plant_slopes import Experiment, stepped_slopes, updated_slopes
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

PUBLISHED_OPTIMUM = 190.98  # $/s; sources in plant/classics/williams_otto.py
STARTS = (np.array([3.5, 345.15]), np.array([5.7, 371.0]))
TUNING = AdaptationTuning(
    correction=Correction.STEPS,
    bias_filter=1.0,
    slope_filter=0.6,
    step=np.array([0.02, 0.2]),
    iterations=12,
    largest_move=np.array([0.5, 5.0]),
)


def reactor(noise: float = 0.0) -> Experiment:
    plant, rng = williams_otto(), np.random.default_rng(2)

    def experiment(u: FloatArray) -> FloatArray:
        x = steady_state(plant, u, plant.d_nominal, plant.x_nominal)
        y: FloatArray = plant.outputs(x, u, plant.d_nominal).full().ravel()
        return y + noise * rng.normal(size=y.size)

    return experiment


def limits(fraction_g: float = np.inf) -> ControlVariables:
    model = williams_otto_approximate()
    free = np.full(3, np.inf)
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=np.array([3.0, 343.15]),
        mv_high=np.array([6.0, 373.15]),
        mv_rate=np.ones(2),
        cv_hard_low=-free,
        cv_hard_high=free,
        cv_soft_low=-free,
        cv_soft_high=np.array([np.inf, np.inf, fraction_g]),
        cv_noise=np.zeros(3),
        mv_critical=np.ones(2, np.bool_),
        cv_critical=np.zeros(3, np.bool_),
    )


def path(
    tuning: AdaptationTuning,
    start: FloatArray = STARTS[0],
    experiment: Experiment | None = None,
    variables: ControlVariables | None = None,
) -> tuple[AdaptedPoint, ...]:
    model = williams_otto_approximate()
    optimizer = TargetOptimizer(
        ModelRest(ScaledModel.of(model)), TargetTuning(pull={}, proximal=100.0, step=0.5), None
    )
    return adapted_path(
        optimizer,
        experiment or reactor(),
        optimizer.start(model.x_nominal, start),
        TargetInputs(
            variables or limits(),
            model.d_nominal,
            np.zeros(3),
            Wishes(variable_prices={"profit": 1.0}),
        ),
        tuning,
    )


@pytest.mark.parametrize("start", STARTS)
def test_the_plants_optimum_is_reached_with_slopes_from_steps(start: FloatArray) -> None:
    last = path(TUNING, start)[-1]
    assert last.y[0] == pytest.approx(PUBLISHED_OPTIMUM, rel=1e-3)
    best = steady_optimum(williams_otto())
    assert last.u == pytest.approx([best.flow_b, best.temp], abs=0.5)


def test_the_plants_optimum_is_reached_with_slopes_from_the_moves_made() -> None:
    points = path(replace(TUNING, correction=Correction.UPDATES, iterations=15))
    assert points[-1].experiments == 18  # against 48 with steps at every point
    assert points[-1].y[0] == pytest.approx(PUBLISHED_OPTIMUM, rel=1e-2)


def test_feedback_of_values_alone_stays_at_the_optimum_of_the_model() -> None:
    last = path(replace(TUNING, correction=Correction.BIAS))[-1]
    wrong = steady_optimum(williams_otto_approximate())
    assert last.u == pytest.approx([wrong.flow_b, wrong.temp], abs=0.05)
    assert last.y[0] < 0.8 * PUBLISHED_OPTIMUM


def test_noise_of_the_measurements_leaves_the_plant_within_a_percent() -> None:
    tuning = replace(TUNING, step=np.array([0.2, 2.0]), slope_filter=0.4, iterations=15)
    points = path(tuning, experiment=reactor(noise=0.02))
    assert np.mean([point.y[0] for point in points[-4:]]) == pytest.approx(
        PUBLISHED_OPTIMUM, rel=1e-2
    )


def test_a_limit_of_the_plant_is_kept_although_the_model_is_wrong_about_it() -> None:
    last = path(TUNING, variables=limits(fraction_g=0.08))[-1]
    assert last.y[2] == pytest.approx(0.08, abs=5e-4)
    assert last.y[0] < PUBLISHED_OPTIMUM


def test_slopes_by_steps_and_by_updates_agree_on_a_linear_plant() -> None:
    gain = np.array([[1.0, 2.0], [0.5, -1.0]])
    first = stepped_slopes(lambda u: gain @ u, np.zeros(2), np.array([0.1, -0.2]))
    assert first.slope == pytest.approx(gain)
    wrong = replace(first, slope=np.zeros((2, 2)))
    one = updated_slopes(lambda u: gain @ u, wrong, np.array([1.0, 0.0]), np.full(2, 0.1))
    two = updated_slopes(lambda u: gain @ u, one, np.array([1.0, 1.0]), np.full(2, 0.1))
    assert two.slope == pytest.approx(gain)
    short = updated_slopes(lambda u: gain @ u, wrong, np.array([0.01, 0.0]), np.full(2, 0.1))
    assert np.all(short.slope == 0.0)


def test_an_experiment_that_fails_is_named() -> None:
    with pytest.raises(SolveFailedError, match="no finite profit"):
        path(TUNING, experiment=lambda u: np.full(3, np.nan))


@pytest.mark.parametrize(
    ("field", "value"), [("slope_filter", 0.0), ("iterations", 0), ("step", np.zeros(2))]
)
def test_tunings_that_cannot_adapt_are_refused(field: str, value: object) -> None:
    with pytest.raises(InputError):
        replace(TUNING, **{field: value})
