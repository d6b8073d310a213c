"""Operation data: the same from the same seed, whole or not at all, and fit for identification."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import CrudeSwitch, SensorFault
from operator_agent.plant.simulation.excitation import excitation
from operator_agent.plant.simulation.history import HistoryReport, write_history
from operator_agent.plant.simulation.history_plan import SetpointTest, history_plan
from operator_agent.plant.simulation.operators import LOOK_S, Operators
from operator_agent.plant.simulation.sensors import Measurement
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

DAYS = 0.26  # two parts: six hours, and the rest
DAY_S = 86_400.0


def write(folder: Path, case: CrudeUnitCase, seed: int = 1) -> HistoryReport:
    """A short history of the coarse layout: the same code with fewer states."""
    return write_history(folder, case, DAYS, seed, 120.0, layout="small")


@pytest.fixture(scope="module")
def history(
    case: CrudeUnitCase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, HistoryReport]:
    folder = tmp_path_factory.mktemp("data") / "history"
    return folder, write(folder, case)


def test_history_holds_what_a_historian_holds(
    history: tuple[Path, HistoryReport], case: CrudeUnitCase, small: CrudeUnit
) -> None:
    folder, report = history
    frame = pl.read_parquet(folder / "history.parquet")
    assert frame.height == report.rows == round(DAYS * DAY_S / 120.0)
    wanted = {"time", "mode", *(f"{name}.setpoint" for name in small.model.u_names)}
    wanted |= {f"declared.{key}" for key in case.crude_keys}
    wanted |= {*case.instruments.names, *(f"{name}.status" for name in case.instruments.names)}
    assert set(frame.columns) == wanted
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame["time"].diff().drop_nulls().unique().to_list() == [
        pl.Series([120_000], dtype=pl.Duration("ms"))[0]
    ]
    numbers = frame.select(pl.selectors.float()).to_numpy()
    assert np.all(np.isfinite(numbers))
    statuses = frame.select(pl.selectors.ends_with(".status")).to_numpy()
    assert set(np.unique(statuses.astype(str))) <= {"good", "uncertain", "bad"}
    slate = frame.select(pl.selectors.starts_with("declared.")).sum_horizontal()
    np.testing.assert_allclose(slate.to_numpy(), 1.0)
    truth = pl.read_parquet(folder / "truth.parquet")
    assert truth["time"].equals(frame["time"])
    assert set(small.information_names) <= set(truth.columns)
    assert sorted(path.name for path in folder.iterdir()) == [
        "history.parquet",
        "metadata.json",
        "truth.parquet",
    ]


def test_measured_values_scatter_around_the_truth(
    history: tuple[Path, HistoryReport], case: CrudeUnitCase
) -> None:
    folder, _ = history
    frame, truth = (pl.read_parquet(folder / f"{n}.parquet") for n in ("history", "truth"))
    good = (frame["flow_mass_feed.status"] == "good").to_numpy()
    gap = (frame["flow_mass_feed"] - truth["flow_mass_feed"]).to_numpy()[good]
    assert np.std(gap) == pytest.approx(case.noise["flow_mass_feed"], rel=0.3)


def test_metadata_say_how_the_history_was_made(history: tuple[Path, HistoryReport]) -> None:
    folder, report = history
    told = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    assert (told["seed"], told["days"], told["sample_s"]) == (1, DAYS, 120.0)
    assert told["values_sha256"] == report.values_sha256
    assert {"casadi", "numpy", "polars", "python"} <= set(told["versions"])
    assert told["scenario"]["duration_s"] == DAYS * DAY_S
    assert all(event["event"] for event in told["scenario"]["events"])
    assert len(told["excitation"]["handles"]) > 8
    assert report.bytes_measured == (folder / "history.parquet").stat().st_size
    assert report.cpu_h_per_month > 0.0
    assert report.shutdowns == ()


@pytest.mark.slow
def test_interrupted_history_goes_on_to_the_same_values(
    history: tuple[Path, HistoryReport], case: CrudeUnitCase, tmp_path: Path
) -> None:
    folder, report = history
    broken = tmp_path / "broken"
    seen = []

    def interrupt(share: float) -> None:
        seen.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_history(broken, case, DAYS, 1, 120.0, interrupt, "small")
    assert seen == [pytest.approx(0.25 / DAYS)]
    assert [path.name for path in broken.iterdir()] == ["unfinished"]
    with pytest.raises(InputError, match="unfinished history with seed 1, now it is 2"):
        write(broken, case, seed=2)
    checkpoint = broken / "unfinished" / "checkpoint.json"
    text = checkpoint.read_text(encoding="utf-8")
    for changed, message in (
        (text.replace('"format": 2', '"format": 1', 1), "history with format 1, now it is 2"),
        (text.replace('"casadi": "', '"casadi": "9.', 1), "history with versions .*9"),
        (text[:-200], "checkpoint.json is damaged .*delete .*unfinished and begin anew"),
        (text.replace('"time_s"', '"time"', 1), r"is damaged \(snapshot: key 'time' is unknown"),
    ):
        assert changed != text
        checkpoint.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            write(broken, case)
    checkpoint.write_text(text, encoding="utf-8")
    resumed = write(broken, case)
    assert resumed.values_sha256 == report.values_sha256
    for name in ("history", "truth"):
        whole = pl.read_parquet(folder / f"{name}.parquet")
        assert pl.read_parquet(broken / f"{name}.parquet").equals(whole)


def test_finished_history_is_not_overwritten(
    history: tuple[Path, HistoryReport], case: CrudeUnitCase
) -> None:
    with pytest.raises(InputError, match="already holds a history; choose another folder"):
        write(history[0], case)


@pytest.mark.parametrize(
    ("days", "sample_s", "message"),
    [
        (0.0, 60.0, "lasts 0.0 days; give a positive"),
        (float("nan"), 60.0, "lasts nan days"),
        (1.0, 7.0, r"a sample every 7\.0 s does not fit"),
        (1.0, 0.0, r"a sample every 0\.0 s does not fit"),
        (1.0, 1200.0, r"a sample every 1200\.0 s does not fit"),
    ],
)
def test_wrong_lengths_are_refused(
    days: float, sample_s: float, message: str, case: CrudeUnitCase, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        write_history(tmp_path / "h", case, days, 1, sample_s, layout="small")
    assert not (tmp_path / "h").exists()


def test_unwritable_folder_and_missing_library_are_told(
    case: CrudeUnitCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(InputError, match="cannot be made"):
        write(file / "below", case)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"install 'operator-agent\[data\]'"):
        write(tmp_path / "h", case)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"settings": {}, "hashes": [], "rows": 0}',
        '{"settings": {}, "hashes": [], "rows": "x", "resume": {}}',
        '{"settings": {}, "hashes": [], "rows": 0, "resume": {"snapshot": {}}}',
        '{"settings": {}, "hashes": ["a"], "rows": 1, '
        '"resume": {"snapshot": {}, "operators": {}, "shutdowns": []}}',
    ],
)
def test_a_damaged_checkpoint_is_told_in_a_sentence(
    text: str, case: CrudeUnitCase, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "h" / "unfinished" / "checkpoint.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"checkpoint\.json is damaged .*begin anew"):
        write(tmp_path / "h", case)


def test_operators_type_only_what_the_control_system_takes(
    case: CrudeUnitCase, small: CrudeUnit
) -> None:
    narrow = {"temp_top": (398.0, 400.0), "flow_vol_feed": (0.18, 0.19)}
    inside = replace(case, instruments=replace(case.instruments, ranges=narrow))
    operators, readings, held = (
        Operators(small, inside, (), 3),
        looking(case, small),
        nominal(small),
    )
    for look in range(60):
        held |= operators.look(look * LOOK_S, readings, held, case.recipes[2].slate)
        for name, (low, high) in narrow.items():
            assert low <= held[name] <= high


def test_plant_that_stops_is_told_and_starts_again(case: CrudeUnitCase, tmp_path: Path) -> None:
    hot = [
        replace(recipe, setpoints={**recipe.setpoints, "temp_coil_outlet": 900.0})
        for recipe in case.recipes
    ]
    without_limit = replace(
        case,
        recipes=tuple(hot),
        spans={**case.spans, "temp_coil_outlet": 300.0},
        instruments=replace(case.instruments, ranges={}),
        heater=replace(case.heater, duty_high=1e9, flow_mass_air_high=1000.0),
    )
    report = write(tmp_path / "h", without_limit)
    assert "heat and draws do not fit" in report.shutdowns[0]
    times = pl.read_parquet(tmp_path / "h" / "history.parquet")["time"]
    assert times.is_sorted()
    assert times.n_unique() == len(times) == report.rows


def test_longer_plans_begin_like_shorter_ones(case: CrudeUnitCase, small: CrudeUnit) -> None:
    short, long = (history_plan(small, case, days, 5).scenario for days in (20.0, 60.0))
    early = [event for event in long.events if event.at_s < 20.0 * DAY_S]
    assert sorted(early, key=lambda event: event.at_s) == sorted(
        short.events, key=lambda event: event.at_s
    )
    assert long.slate_error == short.slate_error
    other = history_plan(small, case, 20.0, 6).scenario
    assert not {event.at_s for event in other.events} & {event.at_s for event in short.events}


def test_plan_is_that_of_a_plant(case: CrudeUnitCase, small: CrudeUnit) -> None:
    plan = history_plan(small, case, 60.0, 1)
    switches = [event.at_s for event in plan.scenario.of(CrudeSwitch)]
    assert np.all(np.diff(switches) >= DAY_S)
    assert np.all(np.diff(switches) <= 3.0 * DAY_S)
    faults = plan.scenario.of(SensorFault)
    assert {fault.kind for fault in faults} >= {"stuck", "bad", "bias", "drift", "dropout"}
    for name in {fault.variable for fault in faults}:
        mine = [fault for fault in faults if fault.variable == name]
        ends = [fault.at_s + fault.duration_s for fault in mine]
        assert all(end <= nxt.at_s for end, nxt in zip(ends, mine[1:], strict=False))
    assert {test.handle for test in plan.tests} == set(small.model.u_names)
    for test in plan.tests:
        assert test.at_s % DAY_S >= 8.0 * 3600.0
        assert test.end_s <= 60.0 * DAY_S


def nominal(unit: CrudeUnit) -> dict[str, float]:
    """The set points at which the model rests [SI]."""
    return dict(zip(unit.model.u_names, unit.model.u_nominal.tolist(), strict=True))


def looking(case: CrudeUnitCase, unit: CrudeUnit, **changes: float) -> dict[str, Measurement]:
    """What the operators see at rest, with some values replaced."""
    scenario = replace(history_plan(unit, case, 1.0, 1).scenario, events=(), noise_factor=0.0)
    readings = Simulator(unit, case, scenario, 1).measure()
    return readings | {name: Measurement(value, "good") for name, value in changes.items()}


def pushed(
    case: CrudeUnitCase, small: CrudeUnit, status: str = "good", **changes: float
) -> dict[str, float]:
    """Corrections of four hours with the same readings [spans]."""
    operators = Operators(small, case, (), 3)
    readings = looking(case, small, **changes)
    for name in changes:
        readings[name] = Measurement(readings[name].value, status)
    held = nominal(small)
    for look in range(5, 30):
        held |= operators.look(look * LOOK_S, readings, held, case.slate)
    return dict(operators.state.corrections)


def test_operators_correct_what_is_out_of_specification(
    case: CrudeUnitCase, small: CrudeUnit
) -> None:
    limits = {item.variable: item for item in case.specifications}
    too_heavy = limits["temp_tbp95_lgo"].high + 3.0
    assert pushed(case, small, temp_tbp95_lgo=too_heavy)["flow_vol_lgo"] < -0.3
    too_light = limits["temp_tbp05_kerosene"].low - 3.0
    assert pushed(case, small, temp_tbp05_kerosene=too_light)["temp_top"] > 0.3
    ignored = pushed(case, small, "bad", temp_tbp95_lgo=too_heavy)
    assert ignored.get("flow_vol_lgo", 0.0) >= 0.0
    assert pushed(case, small, fraction_overflash=0.01)["flow_vol_hgo"] < -0.3
    assert pushed(case, small, fraction_flooding=0.95)["flow_vol_feed"] < -0.3


def test_operators_come_to_the_card_of_a_new_crude_in_their_time(
    case: CrudeUnitCase, small: CrudeUnit
) -> None:
    operators, held = Operators(small, case, (), 3), nominal(small)
    readings = looking(case, small)
    cards = {recipe.name: recipe for recipe in case.recipes}
    slate, names = cards["Maya"].slate, []
    for look in range(60):
        held |= operators.look(look * LOOK_S, readings, held, slate)
        names.append(operators.state.card)
    assert names[0] == "nominal"
    assert 1 <= names.index("Maya") <= 8
    span = dict(zip(small.model.u_names, small.model.u_scale, strict=True))
    gap = abs(held["flow_vol_lgo"] - cards["Maya"].setpoints["flow_vol_lgo"])
    assert gap < 3.5 * span["flow_vol_lgo"]  # corrections and habit


def test_operators_make_a_test_and_take_it_back(case: CrudeUnitCase, small: CrudeUnit) -> None:
    tests = (
        SetpointTest(3000.0, 6000.0, "temp_top", 3.0),
        SetpointTest(6000.0, 9000.0, "temp_top", -3.0),
    )
    operators, held = Operators(small, case, tests, 3), nominal(small)
    inside = {item.variable: item.low + 3.0 for item in case.specifications if item.low > 0.0}
    readings, seen = looking(case, small, **inside), {}
    for look in range(40):
        held |= operators.look(look * LOOK_S, readings, held, case.slate)
        seen[look * LOOK_S] = held["temp_top"]
    assert seen[3000.0] - seen[2400.0] == pytest.approx(3.0)
    assert seen[6000.0] - seen[5400.0] == pytest.approx(-6.0)
    assert abs(seen[39 * LOOK_S] - seen[2400.0]) < 2.5


@pytest.mark.parametrize("seed", range(5))
def test_set_points_are_typed_in_round_figures(
    seed: int, case: CrudeUnitCase, small: CrudeUnit
) -> None:
    operators = Operators(small, case, (), seed)
    readings = {
        name: Measurement(0.05, "good") for name in ("fraction_overflash", "fraction_flooding")
    }
    for look in range(100):
        moved = operators.look(look * LOOK_S, readings, nominal(small), case.slate)
        for name, value in moved.items():
            steps = value * 3600.0 if name.startswith("flow_vol") else 2.0 * (value - 273.15)
            if name.startswith(("temp", "flow_vol")):
                assert steps == pytest.approx(round(steps), abs=1e-6)


def test_excitation_counts_moves_and_tells_inputs_that_move_together() -> None:
    rng = np.random.default_rng(1)
    spans = np.array([2.0, 5.0])
    steps = np.repeat(rng.choice((-1.0, 1.0), size=(400, 2)), 5, axis=0)
    apart = excitation(["a", "b"], steps * spans, spans)
    assert apart.handles["a"].moves == int((np.diff(steps[:, 0]) != 0.0).sum())
    assert apart.handles["b"].move_spans == pytest.approx(2.0)
    assert apart.handles["b"].sd_spans == pytest.approx(1.0, rel=0.02)
    assert apart.condition < 1.5
    together = np.column_stack((steps[:, 0], steps[:, 0] + 0.01 * steps[:, 1]))
    assert excitation(["a", "b"], together * spans, spans).condition > 1e4
    still = np.column_stack((steps[:, 0], np.ones(len(steps))))
    half = excitation(["a", "b"], still * spans, spans)
    assert (half.still, half.condition) == (("b",), 1.0)
    assert excitation(["a", "b"], np.ones((9, 2)), spans).condition == np.inf
    equal = np.column_stack((steps[:, 0], steps[:, 0]))
    assert excitation(["a", "b"], equal * spans, spans).condition > 1e9
    assert excitation(["a", "b"], still * spans, spans).handles["b"].moves == 0


def test_excitation_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="do not fit 1 names"):
        excitation(["a"], np.ones((4, 2)), np.ones(2))
    with pytest.raises(InputError, match="one sample tells nothing"):
        excitation(["a"], np.ones((1, 1)), np.ones(1))


def test_cards_are_needed(case: CrudeUnitCase, small: CrudeUnit) -> None:
    with pytest.raises(InputError, match="has no recipe cards"):
        history_plan(small, replace(case, recipes=()), 1.0, 1)
