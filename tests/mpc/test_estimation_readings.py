"""Which readings count: bad, stale, repeated, late, spiky; and what an old sample meets."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.advance import Advance
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.choice import HorizonChoice, KalmanChoice
from operator_agent.mpc.estimation.estimator import Estimator, EstimatorState, Rejected
from operator_agent.mpc.estimation.kalman import KalmanTuning
from operator_agent.mpc.estimation.moving_horizon import HorizonTuning
from operator_agent.mpc.estimation.predictions import Predictions
from operator_agent.mpc.estimation.readings import Verdict
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights
from operator_agent.plant.process_model import ProcessModel

CYCLE_S = 18.0
SLOW = KalmanTuning(slow_cvs=("conc_b", "temp_reactor"), oldest_s=180.0)
MAKERS = {
    "bias": BiasObserver,
    "kalman": KalmanChoice(tuning=SLOW),
    "horizon": HorizonChoice(tuning=HorizonTuning(cycles=10)),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def estimator(
    kind: str,
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
) -> Estimator:
    scaled = ScaledModel.of(reactor_model)
    return MAKERS[kind](scaled, reactor_variables, reactor_weights, CYCLE_S)


@pytest.fixture
def scan(reactor_model: ProcessModel) -> Scan:
    y = np.array([0.91, 134.6])  # the model says 0.8998 and 134.15
    return Scan(y, reactor_model.u_nominal, reactor_model.d_nominal, time_s=1000.0)


def at(scan: Scan, cycle: float, **changes: object) -> Scan:
    return replace(scan, time_s=1000.0 + CYCLE_S * cycle, **changes)


def good(state: EstimatorState | Rejected) -> EstimatorState:
    assert isinstance(state, EstimatorState), state
    return state


def test_each_reading_has_a_verdict_and_a_count(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    state = good(estimator.update(state, at(scan, 1)))
    assert state.verdicts == (Verdict.USED, Verdict.USED)
    for count in (1, 2, 3):
        state = good(estimator.update(state, at(scan, 1 + count, y=np.array([np.nan, 134.6]))))
        assert state.verdicts == (Verdict.BAD, Verdict.USED)
        assert state.bad_cvs.tolist() == [count, 0]
        assert np.isnan(state.innovation[0]) and np.isfinite(state.innovation[1])
    state = good(estimator.update(state, at(scan, 5)))
    assert state.bad_cvs.tolist() == [0, 0]


def test_a_sample_counts_once(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    age = np.array([54.0, 0.0])
    first = good(estimator.update(state, at(scan, 4, y_age_s=age)))
    assert first.verdicts[0] is Verdict.USED
    held = at(scan, 5, y=np.array([0.91, 134.6]), y_age_s=age + np.array([CYCLE_S, 0.0]))
    again = good(estimator.update(first, held))
    assert again.verdicts[0] is Verdict.HELD and again.bad_cvs[0] == 0
    said = good(estimator.update(first, at(scan, 5, y_new=np.array([False, True]))))
    assert said.verdicts[0] is Verdict.HELD


def test_a_sample_out_of_order_changes_nothing(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    state = good(estimator.update(state, at(scan, 6, y_age_s=np.array([36.0, 0.0]))))
    late = at(scan, 7, y=np.array([1.05, 134.6]), y_age_s=np.array([90.0, 0.0]))
    blind = at(scan, 7, y=np.array([np.nan, 134.6]))
    state, same = good(estimator.update(state, late)), good(estimator.update(state, blind))
    assert state.verdicts[0] is Verdict.LATE
    assert np.array_equal(state.x, same.x) and np.array_equal(state.bias, same.bias)


@pytest.mark.parametrize("age_s", [7200.0, -600.0])
def test_a_stale_sample_or_one_from_the_future_counts_as_bad(
    estimator: Estimator, scan: Scan, age_s: float
):
    state = good(estimator.start(scan))
    for cycle in range(1, 6):
        stale = at(scan, cycle, y_age_s=np.array([age_s, 0.0]))
        state = good(estimator.update(state, stale))
        assert state.verdicts[0] is Verdict.UNTIMELY and state.bad_cvs[0] == cycle
    refused = estimator.update(state, at(scan, 6, y_age_s=np.array([age_s, 0.0])))
    assert isinstance(refused, Rejected) and "conc_b" in refused.reason
    assert not refused.model_failed


@pytest.mark.parametrize("age_s", [1e9, -1e9])
def test_an_impossible_age_at_the_start_outdates_no_later_sample(
    estimator: Estimator, scan: Scan, age_s: float
):
    state = good(estimator.start(at(scan, 0, y_age_s=np.array([age_s, age_s]))))
    state = good(estimator.update(state, at(scan, 1)))
    assert state.verdicts == (Verdict.USED, Verdict.USED)


def test_an_unknown_age_counts_as_now(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    unknown = good(estimator.update(state, at(scan, 1, y_age_s=np.array([np.nan, np.nan]))))
    known = good(estimator.update(state, at(scan, 1)))
    assert np.array_equal(unknown.bias, known.bias)


def test_a_step_is_believed_when_it_insists_and_a_wild_sensor_never(
    estimator: Estimator, scan: Scan
):
    state = good(estimator.start(scan))
    for cycle in range(1, 11):
        state = good(estimator.update(state, at(scan, cycle)))
    wild, found = state, []
    for cycle in range(11, 15):
        state = good(estimator.update(state, at(scan, cycle, y=np.array([1.41, 134.6]))))
        found.append(state.verdicts[0])
    assert found[:3] == [Verdict.SPIKE, Verdict.SPIKE, Verdict.STEP]
    assert found[3] in (Verdict.STEP, Verdict.USED)
    assert state.y[0] > 1.0
    for cycle in range(11, 19):
        jump = at(scan, cycle, y=np.array([1.6 if cycle % 2 else 0.2, 134.6]))
        wild = good(estimator.update(wild, jump))
        assert wild.verdicts[0] is Verdict.SPIKE and wild.bad_cvs[0] == cycle - 10
    assert wild.y[0] == pytest.approx(0.91, abs=0.02)


def test_of_a_slow_analyser_two_samples_make_a_step(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    found = []
    for cycle in range(1, 18):  # a sample each 8 cycles, told 2 cycles later
        age = CYCLE_S * (2.0 + cycle % 8)
        y = np.array([1.41, 134.6])
        state = good(estimator.update(state, at(scan, cycle, y=y, y_age_s=np.array([age, 0.0]))))
        found.append(state.verdicts[0])
    assert found[7] is Verdict.SPIKE and found[15] is Verdict.STEP


def test_all_bad_no_read_back_and_a_lost_disturbance_are_named(estimator: Estimator, scan: Scan):
    state = good(estimator.start(scan))
    nan = np.array([np.nan, np.nan])
    for change, word in (
        ({"y": nan}, "all CV readings"),
        ({"y_age_s": np.array([7200.0, 7200.0])}, "all CV readings"),
        ({"u_readback": nan}, "feed_rate, duty_jacket"),
    ):
        refused = estimator.update(state, at(scan, 1, **change))
        assert isinstance(refused, Rejected) and word in refused.reason
    for cycle in range(1, 6):
        state = good(estimator.update(state, at(scan, cycle, d=np.array([np.nan]))))
        assert state.bad_dvs[0] == cycle
    refused = estimator.update(state, at(scan, 6, d=np.array([np.nan])))
    assert isinstance(refused, Rejected) and "conc_feed" in refused.reason
    assert isinstance(estimator.start(at(scan, 0, d=np.array([np.nan]))), Rejected)


def test_a_model_that_blows_up_is_named(
    kind: str,
    reactor_model: ProcessModel,
    reactor_variables: ControlVariables,
    reactor_weights: Weights,
    scan: Scan,
):
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", 4), ("u", 2), ("d", 1)))
    cold = ca.if_else(u[1] < -6000.0, ca.SX(np.nan), ca.SX(0.0))
    rhs = ca.Function("rhs", [x, u, d], [reactor_model.rhs(x, u, d) + cold])
    broken = ScaledModel.of(replace(reactor_model, rhs=rhs))
    estimator = MAKERS[kind](broken, reactor_variables, reactor_weights, CYCLE_S)
    state = good(estimator.start(scan))
    state = good(estimator.update(state, at(scan, 1)))
    refused = estimator.update(state, at(scan, 2, u_readback=np.array([18.83, -7000.0])))
    assert isinstance(refused, Rejected) and refused.model_failed


def test_dead_time_is_no_error_of_the_model(
    estimator: Estimator, kind: str, scan: Scan, reactor_model: ProcessModel
):
    """The plant is the model with a constant bias; all readings are five cycles old."""
    stages = 1 if kind == "horizon" else 2
    model, plant = reactor_model, Advance(ScaledModel.of(reactor_model), stages)
    true_bias = np.array([0.01, 0.4])
    rest = good(estimator.start(at(scan, 0)))
    x, truth = rest.x / model.x_scale, [rest.y - rest.bias]
    state = good(estimator.start(at(scan, 0, y=truth[0] + true_bias)))
    for cycle in range(1, 30):
        u = model.u_nominal + np.array([0.3 * min(cycle, 12), 0.0])
        step = plant.step(x, u / model.u_scale, model.d_nominal, CYCLE_S)
        assert step is not None
        x = step.x
        truth.append(step.linear.outputs[0] * model.y_scale)
        old = truth[max(cycle - 5, 0)] + true_bias
        seen = at(scan, cycle, u_readback=u, y=old, y_age_s=np.full(2, 5 * CYCLE_S))
        state = good(estimator.update(state, seen))
        assert np.all(np.abs(state.y - truth[-1] - true_bias) < np.array([1e-5, 1e-3]))
    assert np.max(np.abs(truth[-1] - truth[0]) / model.y_scale) > 0.2


@settings(deadline=None, max_examples=20)
@given(cycles=st.integers(1, 30))
def test_the_gain_knows_the_interval(cycles: int):
    """So many readings of one cycle, or one reading after them all, leave the same error."""
    estimator = BiasObserver(ScaledModel.of(LAG), ONE, WEIGHTS, 10.0)
    zero, one = np.zeros(1), np.ones(1)
    start = good(estimator.start(Scan(zero, zero, zero, time_s=0.0)))
    often = start
    for k in range(1, cycles + 1):
        often = good(estimator.update(often, Scan(one, zero, zero, time_s=10.0 * k)))
    once = good(estimator.update(start, Scan(one, zero, zero, time_s=10.0 * cycles)))
    assert once.bias == pytest.approx(often.bias)


def test_a_past_prediction_lies_on_the_line_between_two_scans():
    past = Predictions.at_rest(0.0, np.array([1.0, 5.0]))
    for k in range(1, 40):
        past = past.with_newest(60.0 * k, np.array([1.0 + k, 5.0]), 600.0)
    assert past.at(np.array([60.0 * 35.5, 60.0 * 39])) == pytest.approx([36.5, 5.0])
    assert past.at(np.array([60.0 * 29, 0.0])) == pytest.approx([30.0, 5.0])
    assert past.time_s.size <= 12


def test_a_scan_refuses_ages_of_the_wrong_shape():
    with pytest.raises(InputError, match="y_age_s"):
        Scan(np.zeros(2), np.zeros(1), np.zeros(1), y_age_s=np.zeros(3))


X, U, D = (ca.SX.sym(name) for name in "xud")
LAG = ProcessModel(
    "lag", ("x",), ("u",), ("d",), ("y",),
    ca.Function("rhs", [X, U, D], [(U - X) / 60.0]), ca.Function("y", [X, U, D], [X]),
    np.zeros(1), np.zeros(1), np.zeros(1), np.ones(1), np.ones(1), np.ones(1), np.ones(1),
)  # fmt: skip
ONE = ControlVariables(
    ("u",), ("y",), ("d",),
    -np.ones(1), np.ones(1), np.ones(1), np.full(1, -np.inf), np.full(1, np.inf),
    np.full(1, -np.inf), np.full(1, np.inf), np.full(1, 0.01), np.array([True]), np.array([False]),
)  # fmt: skip
WEIGHTS = Weights(
    cv_tracking={"y": 1.0}, move_suppression={"u": 0.1}, resting={}, target_pull={},
    soft_penalty=1.0, hard_penalty=10.0, levenberg=0.1, reference_s=0.0, bias_filter=0.3,
    spike_spans=3.0, spike_readings=3, max_bad_readings=5, target_proximal=0.1, target_step=0.1,
    target_margin=0.0, hard_margin=0.0, n_pred=2, first_stages_s=(10.0,), stage_s=10.0,
    move_blocks=(1, 1), iterations=1, cold_iterations=1, relinearise_every=1, target_every=1,
)  # fmt: skip
