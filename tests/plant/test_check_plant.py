"""`check_plant` passes sound plants and names every fault of deliberately broken ones."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.check import check_plant, inspect_plant
from operator_agent.plant.classics.column_a import column_a, column_a_simplified
from operator_agent.plant.classics.ogunnaike_ray import ogunnaike_ray, ogunnaike_ray_sampled
from operator_agent.plant.classics.quadruple_tank import NONMINIMUM_PHASE, quadruple_tank
from operator_agent.plant.classics.shell_fractionator import (
    shell_fractionator,
    shell_fractionator_sampled,
)
from operator_agent.plant.classics.van_de_vusse import CHEN, van_de_vusse
from operator_agent.plant.classics.williams_otto import (
    williams_otto,
    williams_otto_approximate,
)
from operator_agent.plant.classics.wood_berry import wood_berry, wood_berry_sampled
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

CLASSICS: tuple[Callable[[], Any], ...] = (
    column_a,
    column_a_simplified,
    quadruple_tank,
    lambda: quadruple_tank(NONMINIMUM_PHASE),
    van_de_vusse,
    lambda: van_de_vusse(CHEN),
    williams_otto,
    williams_otto_approximate,
    wood_berry,
    wood_berry_sampled,
    ogunnaike_ray,
    ogunnaike_ray_sampled,
    shell_fractionator,
    shell_fractionator_sampled,
)

Equations = Callable[[ca.SX, ca.SX, ca.SX], ca.SX]


def tank(
    rate: Equations = lambda x, u, d: (u + d - x) / 60.0,
    output: Equations = lambda x, u, d: x,
    **changes: Any,
) -> ProcessModel:
    """Return a first-order tank, or one with other equations or numbers."""
    x, u, d = ca.SX.sym("x"), ca.SX.sym("u"), ca.SX.sym("d")
    model = ProcessModel(
        name="tank",
        x_names=("level",),
        u_names=("inflow",),
        d_names=("leak",),
        y_names=("gauge",),
        rhs=ca.Function("rhs", [x, u, d], [rate(x, u, d)]),
        outputs=ca.Function("outputs", [x, u, d], [output(x, u, d)]),
        x_nominal=np.ones(1),
        u_nominal=np.ones(1),
        d_nominal=np.zeros(1),
        x_scale=np.ones(1),
        u_scale=np.ones(1),
        d_scale=np.ones(1),
        y_scale=np.ones(1),
    )
    return replace(model, **changes)


@pytest.mark.parametrize("build", CLASSICS)
def test_every_classic_passes(build: Callable[[], Any]) -> None:
    report = check_plant(build())
    assert report.passed
    assert all(response.output for response in report.responses)


@pytest.mark.slow
def test_the_crude_unit_passes(plant: CrudeUnit) -> None:
    report = check_plant(plant.model)
    assert 600.0 < report.figures["slowest_time_constant_s"] < 5400.0


@pytest.mark.slow
def test_the_controllers_model_passes(case: CrudeUnitCase) -> None:
    assert check_plant(build_controller_model(case)).passed


def test_figures_are_those_of_the_equations() -> None:
    report = check_plant(tank())
    assert report.figures["slowest_time_constant_s"] == pytest.approx(60.0)
    assert report.figures["stiffness"] == pytest.approx(1.0)
    moves = {(r.source, r.spans): r.output_spans for r in report.responses}
    assert moves["inflow", 0.5] == pytest.approx(0.5, abs=1e-4)
    assert moves["leak", -0.5] == pytest.approx(-0.5, abs=1e-4)


def test_report_reads_well_and_goes_to_json() -> None:
    report = check_plant(wood_berry())
    page = str(report)
    assert "plant wood_berry: passes" in page
    assert "26 states, 2 inputs, 1 disturbance, 2 outputs" in page
    assert "21 min" in page
    assert json.loads(json.dumps(report.to_dict()))["passed"] is True


def test_the_same_seed_gives_the_same_report() -> None:
    assert str(check_plant(column_a(), seed=3)) == str(check_plant(column_a(), seed=3))


def two_states() -> ProcessModel:
    x, u, d = ca.SX.sym("x", 2), ca.SX.sym("u"), ca.SX.sym("d")
    return replace(
        tank(),
        x_names=("level", "level"),
        rhs=ca.Function("rhs", [x, u, d], [(u + d - x) / 60.0]),
        outputs=ca.Function("outputs", [x, u, d], [x[0]]),
        x_nominal=np.ones(2),
        x_scale=np.ones(2),
    )


def kinked(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
    return (u + ca.fmax(u - 1.3, 0.0) + d - x) / 60.0


def stepped(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
    return (u + d - x) / 60.0 + ca.if_else(u > 1.3, 0.01, 0.0)


def rooted(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
    return (u + d - x) / 60.0 + 1e-3 * ca.sqrt(x - 1.0)


FAULTS: tuple[tuple[str, Callable[[], ProcessModel]], ...] = (
    ("state name 'level' comes twice", two_states),
    ("'inflow' is an input and a disturbance", lambda: tank(d_names=("inflow",))),
    ("input number 0 has no name", lambda: tank(u_names=(" ",))),
    ("scale of state level is inf", lambda: tank(x_scale=np.full(1, np.inf))),
    ("rhs gives shape", lambda: tank(lambda x, u, d: ca.vertcat(u - x, x))),
    ("outputs gives shape", lambda: tank(output=lambda x, u, d: ca.vertcat(x, x))),
    ("rhs takes 1 arguments", lambda: tank(rhs=ca.Function("f", [ca.SX.sym("x")], [0]))),
    ("the nominal point is not at rest: level", lambda: tank(x_nominal=np.full(1, 1.1))),
    ("rate of level is not finite at the nominal", lambda: tank(lambda x, u, d: u / d - x)),
    ("rate of level is not finite within 0.02 spans", lambda: tank(rooted)),
    ("output gauge is not finite", lambda: tank(output=lambda x, u, d: ca.log(x - 1.0))),
    ("rate of level has a kink near inflow = 1.3", lambda: tank(kinked)),
    ("rate of level jumps near inflow = 1.3", lambda: tank(stepped)),
    ("output gauge has a kink", lambda: tank(output=lambda x, u, d: x + ca.fabs(u - 0.6))),
    ("output gauge depends on nothing", lambda: tank(output=lambda x, u, d: ca.SX(1.0))),
    ("input inflow acts on no output", lambda: tank(lambda x, u, d: (1.0 + d - x) / 60.0)),
    ("its scale 1e-06 is far too small", lambda: tank(x_scale=np.full(1, 1e-6))),
    (
        "after a step of inflow by \\+0.5 spans: .*failed",
        lambda: tank(lambda x, u, d: u * x**2 - x),
    ),
)


@pytest.mark.parametrize(("text", "build"), FAULTS, ids=[text for text, _ in FAULTS])
def test_each_fault_is_named(text: str, build: Callable[[], ProcessModel]) -> None:
    with pytest.raises(PlantError, match=text):
        check_plant(build())


def test_all_findings_come_together() -> None:
    broken = tank(kinked, output=lambda x, u, d: ca.vertcat(ca.SX(1.0)), x_nominal=np.full(1, 1.2))
    report = inspect_plant(broken)
    assert not report.passed
    text = " ".join(report.findings)
    for part in ("depends on nothing", "acts on no output", "not at rest", "kink"):
        assert part in text
    assert f"fails: {len(report.findings)} findings" in str(report)


class Dice(ca.Callback):
    """A function that answers otherwise each time."""

    def __init__(self) -> None:
        ca.Callback.__init__(self)
        self.rng = np.random.default_rng(0)
        self.construct("dice", {"enable_fd": True})

    def eval(self, arguments: list[ca.DM]) -> list[ca.DM]:
        return [arguments[0] + self.rng.normal()]


def test_chance_inside_a_model_is_found() -> None:
    dice = Dice()
    x, u, d = ca.MX.sym("x"), ca.MX.sym("u"), ca.MX.sym("d")
    broken = tank(outputs=ca.Function("outputs", [x, u, d], [dice(x)]))
    assert any("not repeatable: output gauge" in text for text in inspect_plant(broken).findings)


class Opaque(ca.Callback):
    """A rate that CasADi cannot look into."""

    def __init__(self) -> None:
        ca.Callback.__init__(self)
        self.construct("opaque", {})

    def eval(self, arguments: list[ca.DM]) -> list[ca.DM]:
        return [-arguments[0]]


def test_rates_that_no_solver_can_take_are_found() -> None:
    opaque = Opaque()
    x, u, d = ca.MX.sym("x"), ca.MX.sym("u"), ca.MX.sym("d")
    broken = tank(rhs=ca.Function("rhs", [x, u, d], [opaque(x) + u + d]))
    assert any("cannot differentiate" in text for text in inspect_plant(broken).findings)


def test_a_report_of_infinite_rates_still_goes_to_json() -> None:
    report = inspect_plant(tank(lambda x, u, d: u / (d * x) + 1.0 / (x - 1.0)))
    assert not report.passed
    json.dumps(report.to_dict(), allow_nan=False)


def test_peculiarities_are_notes_and_no_faults() -> None:
    x, u, d = ca.SX.sym("x", 3), ca.SX.sym("u"), ca.SX.sym("d", 2)
    rates = ca.vertcat(u - 1.0, x[1] / 3600.0, 0.0)
    model = replace(
        tank(),
        x_names=("level", "runaway", "idle"),
        d_names=("leak", "rain"),
        y_names=("gauge", "weather"),
        rhs=ca.Function("rhs", [x, u, d], [rates]),
        outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(x[0] / 900.0, d[1])]),
        x_nominal=np.array([0.0, 0.0, 0.0]),
        x_scale=np.array([900.0, 1.0, 1.0]),
        d_nominal=np.zeros(2),
        d_scale=np.ones(2),
        y_scale=np.ones(2),
    )
    notes = " ".join(check_plant(model).notes)
    for part in (
        "unstable without control: modes that grow: 1; the fastest doubles in 41.6 min",
        "modes that integrate, so that rest is not unique: 2",
        "disturbances that act on no output: leak",
        "outputs that no input moves: weather",
        "dead states, which no output depends on: runaway, idle",
        "dead states, whose rate depends on nothing: idle",
        "states that no step moved by 1e-6 spans: runaway, idle",
    ):
        assert part in notes


class Forgetful:
    """A stepped plant with one input and faults to choose from."""

    spans: Mapping[str, float] = {"inflow": 1.0}

    def __init__(self, fault: str = "") -> None:
        self.fault, self.time_s, self.level, self.steps = fault, 0.0, 1.0, 0
        self.setpoints = {"inflow": 1.0}

    def write(self, name: str, value_si: float) -> None:
        if self.fault == "refuses" and value_si < 1.0:
            raise InputError("inflow may not fall")
        self.setpoints = {name: value_si}

    def advance(self, duration_s: float) -> None:
        self.time_s += duration_s * (0.5 if self.fault == "slow clock" else 1.0)
        self.steps += 1
        if self.fault != "deaf":
            self.level += (1.0 - np.exp(-duration_s / 600.0)) * (
                self.setpoints["inflow"] - self.level
            )
        if self.fault == "counts":
            self.level += 1e-3 * self.steps
        if self.fault == "breaks" and self.setpoints["inflow"] > 1.0:
            self.level = float("nan")

    def truth(self) -> dict[str, float]:
        return {**self.setpoints, "level": self.level}

    def snapshot(self) -> tuple[float, float, dict[str, float]]:
        return self.time_s, self.level, dict(self.setpoints)

    def restore(self, snapshot: tuple[float, float, dict[str, float]]) -> None:
        self.time_s, self.level, self.setpoints = snapshot[0], snapshot[1], dict(snapshot[2])
        if self.fault == "loses the level":
            self.level += 0.1


def test_a_stepped_plant_passes_and_ends_where_it_began() -> None:
    plant = Forgetful()
    report = check_plant(plant)
    assert plant.time_s == 0.0 and plant.truth() == {"inflow": 1.0, "level": 1.0}
    assert [r.output_spans for r in report.responses] == pytest.approx([0.5, -0.5], abs=2e-3)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("counts", "not repeatable: after restore.. the same hour ends with other values of level"),
        ("loses the level", "restore.. does not bring back level"),
        ("slow clock", "time went on by 1800.0 s when 3600.0 s were asked for"),
        ("breaks", "after a step of inflow by .0.5 spans: level not finite"),
        ("refuses", "inflow may not fall"),
    ],
)
def test_faults_of_stepped_plants_are_named(fault: str, text: str) -> None:
    with pytest.raises(PlantError, match=text):
        check_plant(Forgetful(fault))


def test_a_deaf_stepped_plant_is_noted() -> None:
    assert check_plant(Forgetful("deaf")).notes == (
        "inputs that moved nothing within the run: inflow",
    )


def test_bad_arguments_are_refused_with_the_next_step() -> None:
    with pytest.raises(InputError, match="neither a ProcessModel nor a plant"):
        check_plant(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"duration -1.0 must be finite and above zero"):
        check_plant(tank(), duration_s=-1.0)
    with pytest.raises(InputError, match="a model brings its own spans"):
        check_plant(tank(), spans={"inflow": 1.0})
    with pytest.raises(InputError, match="no span is given for input inflow"):
        check_plant(Forgetful(), spans={})
    with pytest.raises(InputError, match="a span is given for 'outflow'"):
        check_plant(Forgetful(), spans={"inflow": 1.0, "outflow": 1.0})
    with pytest.raises(InputError, match=r"span 0.0 of inflow must be above zero"):
        check_plant(Forgetful(), spans={"inflow": 0.0})
