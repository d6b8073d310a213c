"""Estimator, target, advice, weights, limits, certificates: one behaviour each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import (
    InputError,
    LimitsConflictError,
    SignatureError,
    SolveFailedError,
)
from operator_agent.messages import Advice, AdviceEnvelope, EconomicTargets
from operator_agent.mpc.advice import backed_off, inside
from operator_agent.mpc.certify import certify, hold_move
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.engine.acceptance import unmet_limits
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.estimation.bias_observer import BiasObserver
from operator_agent.mpc.estimation.estimator import EstimatorState
from operator_agent.mpc.problem import Diagnostics, Outcome, PointWorth, SolverStatus, refused
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target.crude_unit import price_vector
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.planned import planned_wishes
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.target import SteadyTarget, TargetOptimizer
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.variables import ControlVariables, variables_from_site
from operator_agent.mpc.weights import Weights, load_weights, save_weights
from operator_agent.plant.process_model import ProcessModel
from operator_agent.runtime.site_file import load_site

ROOT = Path(__file__).resolve().parents[2]
KEY = b"k" * 32
NAMES = ("temp_tbp95_kerosene", "fraction_overflash")
ENVELOPE = AdviceEnvelope((0.5, 2.0), {NAMES[0]: 3.0}, {NAMES[0]: 4.0}, (6, 18), (0.5, 3.0))
FINITE = st.floats(-1e6, 1e6)


# --- estimator ---------------------------------------------------------------------------------
@pytest.fixture
def estimator(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
) -> BiasObserver:
    return BiasObserver(ScaledModel.of(reactor_model), reactor_variables, reactor_weights, 18.0)


@pytest.fixture
def scan(reactor_model: ProcessModel) -> Scan:
    y = np.array([0.91, 134.6])  # the model says 0.8998 and 134.15
    return Scan(y, reactor_model.u_nominal, reactor_model.d_nominal)


def started(estimator: BiasObserver, scan: Scan) -> EstimatorState:
    state = estimator.start(scan)
    assert isinstance(state, EstimatorState)
    return state


def updated(estimator: BiasObserver, state: EstimatorState, scan: Scan) -> EstimatorState:
    state = estimator.update(state, scan)
    assert isinstance(state, EstimatorState)
    return state


def test_estimate_starts_at_what_was_measured(estimator: BiasObserver, scan: Scan):
    state = started(estimator, scan)
    assert state.y == pytest.approx(scan.y)
    assert state.bias[0] == pytest.approx(0.0102, abs=2e-4)


def test_bad_reading_holds_its_bias_and_is_counted(estimator: BiasObserver, scan: Scan):
    state = started(estimator, scan)
    lost = replace(scan, y=np.array([np.nan, 134.6]))
    for count in (1, 2, 3):
        after = updated(estimator, state, lost)
        assert after.bias[0] == state.bias[0]
        assert after.bad_cvs.tolist() == [count, 0]
        state = after
    assert updated(estimator, state, scan).bad_cvs.tolist() == [0, 0]


def test_spike_is_rejected_until_it_insists(estimator: BiasObserver, scan: Scan):
    state = started(estimator, scan)
    far = replace(scan, y=scan.y + np.array([0.5, 0.0]))  # five spans; three are allowed
    biases = []
    for _ in range(4):
        state = updated(estimator, state, far)
        biases.append(state.bias[0])
    assert biases[0] == biases[1] == pytest.approx(0.0102, abs=2e-4)
    assert biases[2] > 0.15


def test_update_is_a_function_of_its_arguments(estimator: BiasObserver, scan: Scan):
    state = started(estimator, scan)
    first, second = (updated(estimator, state, scan) for _ in range(2))
    assert np.array_equal(first.x, second.x) and np.array_equal(first.bias, second.bias)


# --- target ------------------------------------------------------------------------------------
def renewed(
    model: ProcessModel,
    variables: ControlVariables,
    weights: Weights,
    targets: EconomicTargets | None,
    cycles: int,
):
    optimizer = TargetOptimizer(ModelRest(ScaledModel.of(model)), TargetTuning.of(weights), None)
    state = optimizer.start(model.x_nominal, model.u_nominal)
    wishes = planned_wishes(targets, {}, economic=False)
    for _ in range(cycles):
        target, state = optimizer.renew(
            state, TargetInputs(variables, model.d_nominal, np.zeros(2), wishes)
        )
    assert isinstance(target, SteadyTarget)
    return target


def test_target_stays_where_nothing_is_wanted(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    target = renewed(reactor_model, reactor_variables, reactor_weights, None, 5)
    assert target.u == pytest.approx(reactor_model.u_nominal, rel=1e-6)
    assert target.violation == 0.0


def test_target_is_a_steady_state_of_the_model(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    wanted = EconomicTargets("t", 0.0, {"a": 1.0}, 1.0, {"conc_b": 0.7}, {}, 0.0, 0.0)
    target = renewed(reactor_model, reactor_variables, reactor_weights, wanted, 80)
    assert target.y[0] == pytest.approx(0.7, abs=1e-3)
    optimizer = TargetOptimizer(
        ModelRest(ScaledModel.of(reactor_model)), TargetTuning.of(reactor_weights), None
    )
    state = optimizer.start(reactor_model.x_nominal, target.u)
    inputs = TargetInputs(reactor_variables, reactor_model.d_nominal, np.zeros(2))
    again, _ = optimizer.renew(state, inputs)
    assert isinstance(again, SteadyTarget) and again.y == pytest.approx(target.y, rel=1e-3)


def test_hard_limits_rank_before_soft_ones_and_soft_before_money(
    reactor_model: ProcessModel, reactor_variables: ControlVariables, reactor_weights: Weights
):
    tied = replace(  # no feed rate satisfies both; only the hard one can be kept
        reactor_variables.with_mv_limits({"duty_jacket": -4495.7}, {"duty_jacket": -4495.7}),
        cv_hard_high=np.array([np.inf, 134.0]),
        cv_soft_low=np.array([0.92, -np.inf]),
        cv_soft_high=np.array([np.inf, np.inf]),
    )
    wanted = EconomicTargets("t", 0.0, {"a": 1.0}, 1.0, {"conc_b": 0.5}, {}, 0.0, 0.0)
    target = renewed(reactor_model, tied, reactor_weights, wanted, 60)
    assert target.y[1] <= 134.0 + 1e-3
    assert target.y[0] < 0.92
    assert target.violation > 0.0
    only_hard = renewed(
        reactor_model,
        replace(tied, cv_soft_low=np.array([-np.inf, -np.inf])),
        reactor_weights,
        wanted,
        60,
    )
    assert target.y[0] > only_hard.y[0] + 0.01  # money alone would go much lower


def test_price_vector_needs_every_stream():
    prices = {"feed": 400.0, "naphtha": 500.0}
    targets = EconomicTargets("t", 0.0, {"a": 1.0}, 0.2, {}, prices, 7e-9, 0.02)
    with pytest.raises(InputError, match="kerosene"):
        price_vector(targets)


# --- advice ------------------------------------------------------------------------------------
@given(factor=FINITE, bias=FINITE, back_off=FINITE, n_pred=st.integers(-5, 99), moves=FINITE)
def test_advice_inside_is_inside_and_stays_so(factor, bias, back_off, n_pred, moves):
    advice = Advice(
        3,
        {NAMES[0]: factor},
        dict.fromkeys(NAMES, bias),
        dict.fromkeys(NAMES, back_off),
        n_pred,
        moves,
    )
    cut, texts = inside(advice, ENVELOPE)
    assert 0.5 <= cut.weight_factors[NAMES[0]] <= 2.0
    assert abs(cut.target_biases.get(NAMES[0], 0.0)) <= 3.0
    assert 0.0 <= cut.back_offs.get(NAMES[0], 0.0) <= 4.0
    assert cut.target_biases[NAMES[1]] == 0.0 and cut.back_offs[NAMES[1]] == 0.0
    assert cut.n_pred == 0 or 6 <= cut.n_pred <= 18
    assert 0.5 <= cut.move_suppression_factor <= 3.0
    again, nothing = inside(cut, ENVELOPE)
    assert again == cut and nothing == []
    assert texts or cut.payload() == advice.payload()


def test_back_offs_tighten_limits_but_never_cross_them(reactor_variables: ControlVariables):
    tight, cuts = backed_off(reactor_variables, {"temp_reactor": 2.0})
    assert tight.cv_soft_high[1] == 138.0 and tight.cv_soft_low[1] == 102.0
    assert cuts == []
    tight, cuts = backed_off(reactor_variables, {"temp_reactor": 500.0, "nothing": 1.0})
    assert tight.cv_soft_low[1] < tight.cv_soft_high[1]
    assert len(cuts) >= 2


def test_advice_changes_the_plan_and_costs_little_time(
    reactor_model: ProcessModel, reactor_controller: Controller, scan: Scan
):
    wanted = EconomicTargets("t", 0.0, {"a": 1.0}, 1.0, {"conc_b": 0.7}, {}, 0.0, 0.0)
    state = reactor_controller.start(scan)
    calm = Advice(1, move_suppression_factor=3.0)
    plain, _ = reactor_controller.step(state, scan, wanted, None)
    slow, _ = reactor_controller.step(state, scan, wanted, calm)
    short, _ = reactor_controller.step(state, scan, wanted, Advice(1, n_pred=8))
    assert not np.array_equal(plain.outcome.move, slow.outcome.move)
    assert short.y_predicted is not None and short.y_predicted.shape == (8, 2)
    near = replace(wanted, targets={"conc_b": 0.9})
    plain, _ = reactor_controller.step(state, scan, near, None)
    biased, _ = reactor_controller.step(
        state, scan, near, Advice(1, target_biases={"conc_b": 0.02, "temp_reactor": 1.0})
    )
    assert any("temp_reactor" in cut for cut in biased.cuts)
    assert biased.y_target[0] > plain.y_target[0] + 0.01


def test_advice_on_unknown_names_is_refused(reactor_controller: Controller, scan: Scan):
    state = reactor_controller.start(scan)
    with pytest.raises(InputError, match="nonsense"):
        reactor_controller.step(state, scan, None, Advice(1, weight_factors={"nonsense": 1.0}))


# --- weights and limits ------------------------------------------------------------------------
def test_weights_survive_the_file(tmp_path: Path, reactor_weights: Weights):
    save_weights(tmp_path / "w.yaml", reactor_weights)
    assert load_weights(tmp_path / "w.yaml") == reactor_weights


def test_default_weights_fit_the_site():
    weights = load_weights(ROOT / "cases/controllers/crude_unit_weights.yaml")
    site = load_site(ROOT / "cases/sites/crude_unit.yaml")
    assert set(weights.move_suppression) == {tag.variable for tag in site.mvs}
    assert set(weights.cv_tracking) <= {tag.variable for tag in site.cvs}


@pytest.mark.parametrize(
    ("line", "word"), [("extra: 1\n", "extra"), ("n_pred: 0\n", "start at 1"), ("", "cannot")]
)
def test_wrong_weights_file_is_refused(
    tmp_path: Path, reactor_weights: Weights, line: str, word: str
):
    path = tmp_path / "w.yaml"
    if line:
        save_weights(path, reactor_weights)
        text = path.read_text()
        path.write_text(text.replace("n_pred: 20\n", line) if "n_pred" in line else text + line)
    with pytest.raises(InputError, match=word):
        load_weights(path)


def test_margin_draws_a_soft_limit_inside_each_hard_one(reactor_variables: ControlVariables):
    narrow = replace(reactor_variables, cv_hard_low=np.array([0.8, -np.inf]))
    drawn = replace(narrow, cv_hard_high=np.array([0.81, 142.0])).with_margin(np.array([0.1, 3.0]))
    assert drawn.cv_soft_low[0] == pytest.approx(drawn.cv_soft_high[0])  # half of the range
    assert drawn.cv_soft_high[1] == 139.0 and drawn.cv_soft_low[1] == 100.0
    assert drawn.cv_hard_high[1] == 142.0


def test_hard_must_rank_above_soft(reactor_weights: Weights):
    with pytest.raises(InputError, match="rank"):
        replace(reactor_weights, hard_penalty=reactor_weights.soft_penalty)


def test_limits_come_from_the_site_by_variable(reactor_model: ProcessModel):
    site = load_site(ROOT / "cases/sites/crude_unit.yaml")
    with pytest.raises(InputError, match="feed_rate"):
        variables_from_site(site, reactor_model)


# --- certificates ------------------------------------------------------------------------------
def test_certificate_names_tags_and_cannot_be_altered():
    site = load_site(ROOT / "cases/sites/crude_unit.yaml")
    middle = np.array([0.5 * (tag.operator.low + tag.operator.high) for tag in site.mvs])
    outcome = Outcome(
        PointWorth.ACCEPTED, SolverStatus.CONVERGED, "", Diagnostics(residual=1e-9), None, middle
    )
    known = {"site": site, "sequence": 4, "session": "s", "read_id": 7, "mono_s": 1.0, "key": KEY}
    move = certify(outcome, **known)
    move.check(KEY)
    assert [tag for tag, _ in move.values] == [tag.name for tag in site.mvs]
    forged = replace(move, values=(("FC1001", 1.0), *move.values[1:]))
    with pytest.raises(SignatureError):
        forged.check(KEY)
    with pytest.raises(LimitsConflictError, match="FC1001"):
        certify(outcome, **known, held=middle * 0.9)
    outside = Outcome(
        PointWorth.ACCEPTED, SolverStatus.CONVERGED, "", Diagnostics(), None, middle * 2.0
    )
    with pytest.raises(LimitsConflictError, match="FC1001"):
        certify(outside, **known)
    with pytest.raises(SolveFailedError, match="no root"):
        certify(refused(SolverStatus.NOT_FINITE, "no root"), **known)
    hold = hold_move(reason="no root", **known)
    hold.check(KEY)
    assert hold.hold and hold.values == () and "no root" in hold.solver_status


def test_hard_limits_that_the_plan_cannot_keep_are_named(reactor_controller: Controller) -> None:
    variables, scale = reactor_controller.variables, reactor_controller.model.y_scale
    inside = np.clip(np.zeros((3, scale.size)), variables.cv_hard_low, variables.cv_hard_high)
    assert unmet_limits(variables, inside, scale) == ()
    limited = int(np.flatnonzero(np.isfinite(variables.cv_hard_high))[0])
    outside = inside.copy()
    outside[0, limited] = variables.cv_hard_high[limited] + 0.1 * scale[limited]
    assert unmet_limits(variables, outside, scale) == (f"{variables.cv_names[limited]} high",)
    assert unmet_limits(variables, None, scale) == ()
