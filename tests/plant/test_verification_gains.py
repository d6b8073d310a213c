"""The verification of gains: what is stepped, what physics asks, and that the gains are exact."""

import casadi as ca
import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.variables import CV_NAMES, HANDLES, MV_NAMES, STATUS
from operator_agent.plant.verification.gain_expectations import (
    FALLS,
    RISES,
    STAYS,
    Expectation,
    expectations,
)
from operator_agent.plant.verification.gain_ranges import (
    GainRange,
    gain_ranges,
    outputs_of,
    sources_of,
)
from operator_agent.plant.verification.gains import judged_expectations, judged_row, still_row
from operator_agent.plant.verification.status_expectations import (
    span_of,
    status_expectations,
    watched,
)
from operator_agent.plant.verification.subject import Subject, moved

LOSS = 0.05  # of an equipment, as the table says


@pytest.fixture(scope="module")
def subject(case: CrudeUnitCase) -> Subject:
    return Subject(case, "small")


@pytest.fixture(scope="module")
def ranges(subject: Subject) -> dict[str, GainRange]:
    return {found.source: found for found in gain_ranges(subject)}


def test_every_set_point_and_disturbance_is_judged(subject: Subject) -> None:
    inputs = {*MV_NAMES, *HANDLES, *sources_of(subject.case)}
    judged = judged_expectations(subject)
    steps = {e.source for e in judged}
    assert steps <= inputs
    pairs = [(e.source, e.output) for e in judged]
    assert len(set(pairs)) == len(pairs)
    # Whatever is not judged is the share of a crude whose boiling curve is that of the slate.
    assert all(name.startswith("fraction_") for name in inputs - steps)


def test_expectations_name_what_the_unit_tells(subject: Subject) -> None:
    assert {e.output for e in expectations()} <= set(CV_NAMES)
    assert set(watched()) <= set(subject.unit.information_names)
    of_status = list(status_expectations(subject.told, subject.case))
    assert {e.source for e in of_status} == set(STATUS)
    assert {e.output for e in of_status} <= {*CV_NAMES, *watched()}


def test_quantities_count_in_the_span_of_their_kind(case: CrudeUnitCase) -> None:
    assert span_of("pressure_top", case, 1.8e5) == case.spans["pressure_top"]
    assert span_of("temp_drum", case, 318.0) == case.spans["temp_preheat"]
    actual = span_of("duty_pumparound_top_actual", case, 12e6)
    assert actual == case.spans["duty_pumparound_top"]
    assert span_of("opening_valve_feed", case, 0.8) == 0.8


def exact_gains(unit: CrudeUnit, names: tuple[str, ...]) -> FloatArray:
    """Return -C A^-1 B + D at the nominal point, drifting states held, shape (n, n_u + n_d).

    Args:
        unit: whose controlled variables and information are differentiated.
        names: of these.
    """
    model = unit.model
    x, u, d = (ca.SX.sym(s, n) for s, n in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    w = ca.vertcat(u, d)
    told = (*model.y_names, *unit.information_names)
    outputs = ca.vertcat(model.outputs(x, u, d), unit.information(x, u, d))
    values = (model.rhs(x, u, d), outputs[[told.index(name) for name in names]])
    slopes = [ca.jacobian(value, by) for value in values for by in (x, w)]
    at = (model.x_nominal, model.u_nominal, model.d_nominal)
    a, b, c, through = (m.full() for m in ca.Function("slopes", [x, u, d], slopes)(*at))
    moving = np.array([name not in model.drifting for name in model.x_names])
    rest = np.linalg.solve(a[np.ix_(moving, moving)], b[moving])
    return np.asarray(through - c[:, moving] @ rest)


@pytest.mark.slow
def test_gains_agree_with_the_linearised_plant(
    subject: Subject, ranges: dict[str, GainRange]
) -> None:
    """Gains of finite steps beside those of exact Jacobians.

    Within 0.02 spans per span and a twentieth of the gain: what is left is curvature. Equipment
    goes to one side only, so its two slopes are drawn on to no loss at all.
    """
    model = subject.unit.model
    names, scale = outputs_of(subject)
    exact = exact_gains(subject.unit, names)
    judged, compared = judged_expectations(subject), 0
    for found in ranges.values():
        u, d = moved(model, found.source, 1.0)
        step = np.concatenate((u - model.u_nominal, d - model.d_nominal))
        slopes = exact @ step / scale
        for output in (e.output for e in judged if e.source == found.source):
            at = found.outputs.index(output)
            gain, allowed = found.nominal[at], 0.02 + 0.05 * abs(slopes[at])
            if found.source in STATUS:
                gain = 2.0 * gain - 0.5 * (found.low[at] + found.high[at])
            assert gain == pytest.approx(slopes[at], abs=allowed), (found.source, output)
            compared += 1
    assert compared == len(judged)


@pytest.mark.slow
def test_equipment_is_only_taken_out_of_service(ranges: dict[str, GainRange]) -> None:
    for name, found in ranges.items():
        assert (
            found.reach == pytest.approx((-LOSS, 0.0)) if name in STATUS else found.reach[1] > 0.0
        )


@pytest.mark.slow
def test_slower_circulation_follows_the_affinity_laws(
    case: CrudeUnitCase, ranges: dict[str, GainRange]
) -> None:
    """Without a valve flow rises with the speed w, power with w^3; w settles where its rates do."""
    practice, share = case.practice, 1.0 - 0.5 * LOSS
    up, down = share / practice.time_start_s, (1.0 - share) / practice.time_stop_s
    speed = up / (up + down)
    for place in ("top", "mid", "bottom"):
        found = ranges[f"status_pump_pumparound_{place}"]
        gain = found.nominal[found.outputs.index(f"power_pump_pumparound_{place}")]
        assert gain == pytest.approx((1.0 - speed**3) / (0.5 * LOSS), rel=0.01)


@pytest.mark.slow
def test_trim_coolers_take_what_an_exchanger_leaves(
    subject: Subject, ranges: dict[str, GainRange]
) -> None:
    """A pumparound's duty is held: what the exchanger loses, and no more, the trim cooler takes."""
    for place, number in (("mid", 2), ("bottom", 3)):
        found = ranges[f"status_exchanger_{number}"]
        trim = found.nominal[found.outputs.index(f"duty_trim_pumparound_{place}")]
        lost = subject.told[f"duty_exchanger_{number}"] / subject.case.spans["duty_furnace"]
        assert trim == pytest.approx(-lost, rel=0.01)


def found_of(gain: float, low: float, high: float) -> GainRange:
    """Return a gain on the T95 of naphtha, and none on the condenser."""
    gains = [np.array([value, 0.0]) for value in (gain, low, high)]
    outputs = ("temp_tbp95_naphtha", "duty_condenser")
    return GainRange("temp_top", outputs, gains[0], gains[1], gains[2], (-1.5, 1.5))


@pytest.mark.parametrize(
    ("sign", "gain", "low", "high", "met"),
    [
        (RISES, 0.5, 0.2, 0.9, True),
        (RISES, 0.02, 0.01, 0.04, False),  # counts as none
        (FALLS, -0.02, -0.03, -0.01, False),
        (FALLS, -0.5, -0.9, 0.02, True),
        (FALLS, -0.5, -0.9, 0.04, False),  # the sign turns within the range
        (RISES, -0.5, -0.9, -0.2, False),
    ],
)
def test_gains_that_count_as_none_do_not_meet_a_sign(
    sign: int, gain: float, low: float, high: float, met: bool
) -> None:
    expected = Expectation("temp_top", "temp_tbp95_naphtha", sign, "a reason")
    assert judged_row(found_of(gain, low, high), expected).met is met


@pytest.mark.parametrize(
    ("gain", "low", "high", "met"),
    [
        (-0.5, -0.6, -0.4, True),
        (-0.5, -0.8, -0.4, False),  # more than the balance says
        (-0.5, -0.6, -0.2, False),  # less
        (0.5, 0.4, 0.6, False),  # the right size, the wrong sign
    ],
)
def test_a_balance_bounds_the_whole_range(gain: float, low: float, high: float, met: bool) -> None:
    expected = Expectation("temp_top", "temp_tbp95_naphtha", FALLS, "a reason", (0.3, 0.7))
    row = judged_row(found_of(gain, low, high), expected)
    assert row.met is met
    assert row.cells[2] == "falls by 0.30 to 0.70"


def test_what_does_not_stay_is_named() -> None:
    outputs = CV_NAMES
    still = [Expectation("temp_top", output, STAYS, "a reason") for output in outputs]
    none, some = np.zeros(len(outputs)), np.zeros(len(outputs))
    some[outputs.index("duty_furnace")] = -0.04
    stays = still_row(GainRange("temp_top", outputs, none, none, none, (-1.5, 1.5)), still)
    assert (stays.cells[1], stays.met) == ("all of them", True)
    found = GainRange("temp_top", outputs, none, some, none, (-1.5, 1.5))
    moves = still_row(found, still)
    assert (moves.cells[1], moves.met) == ("all of them, `duty_furnace` most", False)
    assert still_row(found, still[:1]).cells[1] == f"`{outputs[0]}`"
    assert still_row(found, still[:2]).met is True


def test_crude_share_grows_at_the_expense_of_the_others(small: CrudeUnit) -> None:
    model = small.model
    _, d = moved(model, "fraction_maya", 1.0)
    shares = d[: sum(name.startswith("fraction_") for name in model.d_names)]
    assert shares.sum() == pytest.approx(1.0)
    assert d[model.d_names.index("fraction_maya")] == pytest.approx(0.25)
