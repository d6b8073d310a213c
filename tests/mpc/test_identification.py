"""Identification: known plants come back with honest intervals, and the model runs its plant."""

import json
from pathlib import Path

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.identification.channel import Verdict
from operator_agent.mpc.identification.cleaning import Cleaning, cleaned
from operator_agent.mpc.identification.element import Form, response, step_curve, transfer_function
from operator_agent.mpc.identification.identify import Identified, Request, identify
from operator_agent.mpc.identification.noise_model import autoregression, readings_at
from operator_agent.mpc.identification.record import Record, even_record
from operator_agent.mpc.identification.record_file import load_record, save_csv
from operator_agent.mpc.identification.report_file import report_payload, save_plant
from operator_agent.mpc.identification.step_test import (
    TestedInput,
    TestKind,
    plan_test,
    run_test,
)
from operator_agent.mpc.linear.models import transfer_matrix_model
from operator_agent.mpc.scan import Scan
from operator_agent.plant.classics import wood_berry
from operator_agent.plant.generic.plant_file import load_plant
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.transfer_function import TransferFunction, integrator
from operator_agent.plant.generic.transfer_matrix import sampled_transfer_matrix

SAMPLE_S, SETTLING_S = 60.0, 6000.0
MVS = ("flow_reflux", "flow_steam")
CVS = ("percent_distillate", "percent_bottoms")


def column_test(seed: int, settlings: float = 20.0, drift: float = 0.0) -> Record:
    """Return a GBN test of the Wood-Berry column with noise of 0.1 wt%."""
    plant, rng = wood_berry.wood_berry_sampled(), np.random.default_rng(1000 + seed)
    tested = [TestedInput(v.name, v.nominal, 0.05) for v in wood_berry.INPUTS]
    plan = plan_test(tested, TestKind.GBN, SETTLING_S, SAMPLE_S, seed, settlings)
    wander = np.zeros(2)

    def read() -> dict[str, float]:
        wander[:] = 0.98 * wander + drift * rng.standard_normal(2)
        true = plant.truth()
        return {
            n: true[n] + w + 0.1 * rng.standard_normal() for n, w in zip(CVS, wander, strict=True)
        }

    return run_test(plant, plan, read)


REQUEST = Request(MVS, CVS, settling_s=SETTLING_S)


@pytest.fixture(scope="module")
def column() -> Identified:
    return identify("column", column_test(1), REQUEST)


def test_the_response_to_held_inputs_is_that_of_the_sampled_plant() -> None:
    u = np.repeat([0.0, 1.0, -0.5, 0.25], 30)
    for form, p in (
        (Form.FIRST, np.array([2.0, np.log(300.0), 120.0])),
        (Form.SECOND, np.array([2.0, np.log(300.0), np.log(80.0), -40.0, 60.0])),
        (Form.SECOND, np.array([2.0, np.log(300.0), np.log(300.0), 0.0, 60.0])),
        (Form.RATE, np.array([0.01, np.log(100.0), 180.0])),
    ):
        ours = response(form, p, u, SAMPLE_S)
        plant = sampled_transfer_matrix(
            "one", [[transfer_function(form, p)]], ["u"], ["y"], sample_time_s=SAMPLE_S
        )
        assert ours == pytest.approx(driven(plant, u), abs=3e-3 * np.max(np.abs(ours)))


def driven(plant: SampledPlant, u: FloatArray) -> FloatArray:
    found = []
    for value in u:
        plant.write("u", float(value))  # no channel of these feeds through
        found.append(plant.truth()["y"])
        plant.advance(SAMPLE_S)
    return np.array(found)


def test_a_dead_time_between_samples_is_exact() -> None:
    p = np.array([2.0, np.log(300.0), 95.0])
    u = np.ones(50)
    times = SAMPLE_S * np.arange(50.0)
    assert response(Form.FIRST, p, u, SAMPLE_S) == pytest.approx(step_curve(Form.FIRST, p, times))


def test_true_gains_lie_inside_their_intervals(column: Identified) -> None:
    true = np.array(wood_berry.GAINS)[:, :2]
    for row, gains in zip(column.channels, true, strict=True):
        for channel, gain in zip(row, gains, strict=True):
            low, high = channel.gain_interval
            assert low - 0.5 * (high - low) < gain < high + 0.5 * (high - low)
            assert high - low < 0.2 * abs(gain)
            assert channel.verdict is Verdict.GOOD
    assert min(v.fit_percent for v in column.validations) > 60.0


@pytest.mark.slow
def test_intervals_hold_the_true_gains_as_often_as_they_say() -> None:
    """Of 20 intervals of 95 %, fewer than 16 hold with a chance of 3 in 1,000."""
    true, inside = np.array(wood_berry.GAINS)[:, :2], 0
    for seed in range(5):
        found = identify("column", column_test(seed, 10.0, drift=0.02), REQUEST)
        for row, gains in zip(found.channels, true, strict=True):
            inside += sum(
                c.gain_interval[0] < g < c.gain_interval[1] for c, g in zip(row, gains, strict=True)
            )
    assert inside >= 16


def test_more_data_make_the_intervals_narrower() -> None:
    widths = []
    for settlings in (6.0, 24.0):
        found = identify("column", column_test(2, settlings), REQUEST)
        low, high = found.channels[0][0].gain_interval
        widths.append(high - low)
    assert 0.3 < widths[1] / widths[0] < 0.75  # the law says one half


def test_an_input_that_stands_still_is_told(column: Identified) -> None:
    record = column_test(3, 8.0)
    names = (*record.names, "duty_idle", "flow_noise")
    rng = np.random.default_rng(5)
    held = np.repeat(rng.standard_normal(len(record.values) // 20 + 1), 20)[: len(record.values)]
    values = np.column_stack((record.values, np.full(len(record.values), 3.0), held))
    wider = Record("test", names, SAMPLE_S, values, record.used)
    request = Request(MVS, CVS, ("duty_idle", "flow_noise"), settling_s=SETTLING_S)
    found = identify("column", wider, request)
    for row in found.channels:
        assert row[2].verdict is Verdict.NOT_EXCITED
        assert row[2].element is None
        assert row[3].verdict in (Verdict.NO_EFFECT, Verdict.WEAK)
        assert row[3].gain_interval[0] < 0.0 < row[3].gain_interval[1]


def test_an_integrating_level_gets_its_rate() -> None:
    rng = np.random.default_rng(2)
    plant = sampled_transfer_matrix(
        "drum", [[integrator(-0.002, 120.0, 180.0)]], ["u"], ["y"], sample_time_s=SAMPLE_S
    )
    plan = plan_test([TestedInput("u", 0.0, 1.0)], TestKind.GBN, 3600.0, SAMPLE_S, 3, 15.0)
    record = run_test(plant, plan, lambda: {"y": plant.truth()["y"] + 0.05 * rng.normal()})
    request = Request(("u",), ("y",), settling_s=3600.0, integrating=("y",))
    channel = identify("drum", record, request).channels[0][0]
    assert channel.form == "rate"
    assert channel.gain == pytest.approx(-0.002, rel=0.05)
    assert channel.dead_time_s == pytest.approx(180.0, abs=60.0)


def test_bad_readings_and_a_late_analyser_cost_width_and_no_truth() -> None:
    record = column_test(4)
    values, rng = record.values.copy(), np.random.default_rng(0)
    top, bottom = record.names.index(CVS[0]), record.names.index(CVS[1])
    values[rng.random(len(values)) < 0.1, top] = np.nan
    values[500, top] = 500.0
    shown, late = np.full(len(values), np.nan), 5
    for row in range(late, len(values)):  # a result each 3 samples, shown 5 samples late and held
        shown[row] = values[row - late, bottom] if row % 3 == 0 else shown[row - 1]
    values[:, bottom] = shown
    cleaning = Cleaning(analyser_delays_s={CVS[1]: late * SAMPLE_S})
    request = Request(MVS, CVS, settling_s=SETTLING_S, cleaning=cleaning)
    found = identify("column", Record("x", record.names, SAMPLE_S, values, record.used), request)
    assert found.gains == pytest.approx(np.array(wood_berry.GAINS)[:, :2], rel=0.12)
    assert found.fits[1].data.readings.spacing == 3
    late_s = [[c.dead_time_s for c in row] for row in found.channels]
    assert late_s == pytest.approx(60.0 * np.array(wood_berry.DEAD_TIMES_MIN)[:, :2], abs=90.0)


def test_cleaning_leaves_out_what_cannot_be_believed() -> None:
    rng = np.random.default_rng(1)
    values = np.column_stack((np.ones(100), rng.standard_normal(100)))
    values[40:70, 1] = 0.5  # frozen
    values[10:14, 0] = np.nan
    used = np.ones(100, dtype=np.bool_)
    used[80:85] = False
    record = Record("x", ("u", "y"), 60.0, values, used)
    tidy = cleaned(record, ("u",), ("y",), Cleaning(settle_s=300.0, longest_gap_s=120.0))
    assert not np.isfinite(tidy.column("y")[41:70]).any()
    assert np.array_equal(np.flatnonzero(~tidy.used), [*range(12, 19), *range(80, 90)])
    assert np.all(tidy.column("u") == 1.0)


def test_the_disturbance_of_a_known_law_is_found() -> None:
    rng, v = np.random.default_rng(3), np.zeros(4000)
    for k in range(2, 4000):
        v[k] = 1.2 * v[k - 1] - 0.4 * v[k - 2] + rng.standard_normal()
    readings = readings_at(np.ones(4000, dtype=np.bool_), "v")
    assert autoregression(v, readings, 8) == pytest.approx([1.2, -0.4], abs=0.06)


@pytest.mark.parametrize("kind", list(TestKind))
def test_plans_keep_limits_and_repeat_with_their_seed(kind: TestKind) -> None:
    tested = [TestedInput("a", 5.0, 1.0, 4.0, 6.5), TestedInput("b", 0.0, 0.2)]
    plan, again = (plan_test(tested, kind, 3600.0, 60.0, 7, 12.0) for _ in range(2))
    assert np.array_equal(plan.values, again.values)
    assert plan.values[:, 0].min() >= 4.0
    assert plan.values[:, 0].max() <= 6.0
    assert plan.duration_s == pytest.approx(13.25 * 3600.0)
    assert np.array_equal(plan.values[0], [5.0, 0.0])
    moved = plan.values - [5.0, 0.0]
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.35


def test_wrong_requests_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"largest amplitude is 0\.5"):
        TestedInput("a", 5.0, 1.0, 4.0, 5.5)
    with pytest.raises(InputError, match="two roles"):
        Request(("a",), ("a",))
    with pytest.raises(InputError, match="no input moved"):
        still = Record("x", ("u", "y"), 60.0, np.ones((200, 2)), np.ones(200, dtype=np.bool_))
        identify("x", still, Request(("u",), ("y",)))
    with pytest.raises(InputError, match="there is no such file"):
        load_record(tmp_path / "nothing.csv", ("a",))
    with pytest.raises(InputError, match="grid"):
        even_record("x", ("a",), np.array([0.0, 60.0, 120.0, 150.0]), np.ones((4, 1)))


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = column_test(5, 1.0)
    record.values[7, 2] = np.nan
    save_csv(tmp_path / "test.csv", record)
    found = load_record(tmp_path / "test.csv", record.names)
    assert np.array_equal(found.values, record.values, equal_nan=True)


def test_the_plant_file_holds_the_model(column: Identified, tmp_path: Path) -> None:
    save_plant(tmp_path / "plant.yaml", column)
    model = load_plant(tmp_path / "plant.yaml")
    assert (model.u_names, model.y_names) == (MVS, CVS)
    assert json.loads(json.dumps(report_payload(column), allow_nan=False))["channels"]
    gains = [[e.gain for e in row if isinstance(e, TransferFunction)] for row in column.elements]
    assert gains == pytest.approx(np.array(wood_berry.GAINS)[:, :2], rel=0.1)


def test_a_controller_from_the_identified_model_runs_the_column(column: Identified) -> None:
    model = transfer_matrix_model(
        "column", column.elements, column.inputs, column.outputs, sample_time_s=SAMPLE_S
    )
    limits = {"flow_reflux": (1.4, 2.5), "flow_steam": (1.2, 2.2)}
    control = make_controller(model, SAMPLE_S, track=CVS, limits=limits)
    plant, readings, state = wood_berry.wood_berry_sampled(), [], None
    for cycle in range(150):
        if cycle == 100:
            plant.disturb("flow_feed", 2.55)
        true, held = plant.truth(), plant.setpoints
        y, u = (np.array([values[n] for n in names]) for values, names in
                ((true, CVS), (held, MVS)))  # fmt: skip
        scan = Scan(y, u, np.zeros(0), cycle, cycle * SAMPLE_S)
        state = control.start(scan) if state is None else state
        result, state = control.step(state, scan, wanted({CVS[0]: 97.0, CVS[1]: 0.5}), None)
        for name, value in zip(MVS, result.outcome.move, strict=True):
            plant.write(name, float(value))
        plant.advance(SAMPLE_S)
        readings.append(y)
    assert readings[95] == pytest.approx([97.0, 0.5], abs=0.05)
    assert readings[-1] == pytest.approx([97.0, 0.5], abs=0.15)
