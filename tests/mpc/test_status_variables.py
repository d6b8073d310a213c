"""Every row of the tables of variables, limits inside limits, and what people may order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.messages import ControllerMode
from operator_agent.mpc.estimation.readings import Verdict
from operator_agent.mpc.status.masking import narrowed, serviced
from operator_agent.mpc.status.nested_limits import NestedLimits
from operator_agent.mpc.status.orders import Order, OrderKind, Standing
from operator_agent.mpc.status.rules import (
    ServiceRules,
    check_request,
    judge_cvs,
    judge_dvs,
    judge_mvs,
    obstacle,
    waiting,
)
from operator_agent.mpc.status.states import (
    CvState,
    DvState,
    MvState,
    ServiceRequest,
    ServiceStatus,
)
from operator_agent.mpc.variables import ControlVariables
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Limits

CYCLE_S = 10.0
SITE = Path(__file__).resolve().parents[2] / "cases/sites/crude_unit.yaml"
RULES = ServiceRules(max_bad=3)


@pytest.fixture
def two() -> ControlVariables:
    """Two MVs, two CVs, one DV; the first MV and CV are critical."""
    pair = np.ones(2)
    return ControlVariables(
        mv_names=("feed", "duty"),
        cv_names=("temp", "purity"),
        dv_names=("ambient",),
        mv_low=0.0 * pair,
        mv_high=100.0 * pair,
        mv_rate=0.1 * pair,
        cv_hard_low=-np.inf * pair,
        cv_hard_high=50.0 * pair,
        cv_soft_low=-np.inf * pair,
        cv_soft_high=np.inf * pair,
        cv_noise=0.0 * pair,
        mv_critical=np.array([True, False]),
        cv_critical=np.array([True, False]),
    )


@pytest.mark.parametrize(
    ("value", "request_", "state", "word"),
    [
        (50.0, ServiceRequest(), MvState.ON, ""),
        (np.nan, ServiceRequest(), MvState.BAD, "no read-back"),
        (50.0, ServiceRequest(out_of_service={"duty": "by Kim"}), MvState.HELD, "Kim"),
        (50.0, ServiceRequest(not_remote={"duty": "AUTO"}), MvState.HELD, "AUTO"),
        (50.0, ServiceRequest(not_remote={"duty": ""}), MvState.HELD, "unknown"),
        (102.0, ServiceRequest(), MvState.OUTSIDE, "102"),
        (-2.0, ServiceRequest(), MvState.OUTSIDE, "-2"),
        (50.0, ServiceRequest(written={"duty": 51.0}), MvState.WOUND_UP, "51 was written"),
        (50.0, ServiceRequest(written={"duty": 50.05}), MvState.ON, ""),
        (100.0, ServiceRequest(), MvState.SATURATED, "high"),
        (0.0, ServiceRequest(), MvState.SATURATED, "low"),
    ],
)
def test_each_row_of_the_mvs(
    two: ControlVariables, value: float, request_: ServiceRequest, state: MvState, word: str
) -> None:
    found = judge_mvs((), np.array([50.0, value]), request_, two, RULES, CYCLE_S)
    assert found[1].state is state and word in found[1].reason
    assert found[0].state is MvState.ON


def test_wound_up_and_saturated_are_told_apart_and_plan_differently(two: ControlVariables) -> None:
    stuck = ServiceRequest(written={"duty": 60.0})
    mvs = judge_mvs((), np.array([50.0, 55.0]), stuck, two, RULES, CYCLE_S)
    room = serviced(two, _status(two, mvs), CYCLE_S)
    assert (mvs[1].stuck, mvs[1].value) == (1, 55.0)
    assert (room.mv_low[1], room.mv_high[1]) == (0.0, 55.0)  # down it may go, up it sticks
    at_top = judge_mvs((), np.array([50.0, 100.0]), ServiceRequest(), two, RULES, CYCLE_S)
    room = serviced(two, _status(two, at_top), CYCLE_S)
    assert (room.mv_low[1], room.mv_high[1]) == (0.0, 100.0)


def test_a_lost_read_back_keeps_the_last_value_and_counts(two: ControlVariables) -> None:
    mvs = judge_mvs((), np.array([50.0, 40.0]), ServiceRequest(), two, RULES, CYCLE_S)
    for count in range(1, 5):
        mvs = judge_mvs(mvs, np.array([50.0, np.nan]), ServiceRequest(), two, RULES, CYCLE_S)
        assert (mvs[1].state, mvs[1].value, mvs[1].lost) == (MvState.BAD, 40.0, count)
        room = serviced(two, _status(two, mvs), CYCLE_S)
        assert room.mv_low[1] == room.mv_high[1] == 40.0
    mvs = judge_mvs(mvs, np.array([50.0, 42.0]), ServiceRequest(), two, RULES, CYCLE_S)
    assert (mvs[1].state, mvs[1].value, mvs[1].lost) == (MvState.ON, 42.0, 0)


@pytest.mark.parametrize(
    ("verdict", "bad", "out", "state"),
    [
        (Verdict.USED, 0, {}, CvState.ON),
        (Verdict.HELD, 0, {}, CvState.ON),
        (Verdict.STEP, 0, {}, CvState.ON),
        (Verdict.SPIKE, 1, {}, CvState.REJECTED),
        (Verdict.BAD, 1, {}, CvState.BAD),
        (Verdict.UNTIMELY, 3, {}, CvState.BAD),
        (Verdict.BAD, 4, {}, CvState.DROPPED),
        (Verdict.USED, 0, {"purity": "by Kim"}, CvState.OFF),
        (Verdict.BAD, 9, {"purity": "by Kim"}, CvState.OFF),
    ],
)
def test_each_row_of_the_cvs(
    two: ControlVariables, verdict: Verdict, bad: int, out: dict[str, str], state: CvState
) -> None:
    request = ServiceRequest(out_of_service=out)
    cvs = judge_cvs((Verdict.USED, verdict), (0, bad), request, two, RULES)
    assert cvs[1].state is state
    mvs = judge_mvs((), np.array([50.0, 50.0]), request, two, RULES, CYCLE_S)
    room = serviced(two, ServiceStatus(mvs, cvs), CYCLE_S)
    dropped = state in (CvState.OFF, CvState.DROPPED)
    assert np.isinf(room.cv_hard_high[1]) == dropped
    assert room.cv_hard_high[0] == 50.0


@pytest.mark.parametrize(
    ("bad", "out", "state"),
    [
        (0, {}, DvState.ON),
        (1, {}, DvState.BAD),
        (4, {}, DvState.LOST),
        (0, {"ambient": "by Kim"}, DvState.OFF),
    ],
)
def test_each_row_of_the_dvs(
    two: ControlVariables, bad: int, out: dict[str, str], state: DvState
) -> None:
    request = ServiceRequest(out_of_service=out)
    assert judge_dvs((bad,), request, two, RULES)[0].state is state


def _status(two: ControlVariables, mvs) -> ServiceStatus:
    cvs = judge_cvs((Verdict.USED,) * 2, (0, 0), ServiceRequest(), two, RULES)
    return ServiceStatus(mvs, cvs)


@pytest.mark.parametrize(
    ("readback", "bad", "request_", "rules", "word"),
    [
        ([50.0, 50.0], (0, 0), ServiceRequest(), RULES, ""),
        ([50.0, 50.0], (0, 9), ServiceRequest(), RULES, ""),
        ([50.0, 50.0], (0, 0), ServiceRequest(not_remote={"feed": "MAN"}), RULES, "critical MV"),
        ([np.nan, 50.0], (0, 0), ServiceRequest(), RULES, ""),
        ([np.nan, 50.0], (0, 0), ServiceRequest(), replace(RULES, max_bad=0), "feed is BAD"),
        ([50.0, 50.0], (9, 0), ServiceRequest(), RULES, "critical CV temp is DROPPED"),
        (
            [50.0, 50.0], (0, 0), ServiceRequest(not_remote={"duty": "MAN"}),
            ServiceRules(min_mvs=2), "1 MVs are in service; control needs 2",
        ),
        (
            [50.0, 50.0], (0, 0), ServiceRequest(out_of_service={"purity": "by Kim"}),
            ServiceRules(min_cvs=2), "1 CVs are in service; control needs 2",
        ),
    ],
)  # fmt: skip
def test_obstacles_are_named(
    two: ControlVariables, readback, bad, request_: ServiceRequest, rules: ServiceRules, word: str
) -> None:
    mvs = judge_mvs((), np.array(readback), request_, two, rules, CYCLE_S)
    verdicts = tuple(Verdict.BAD if n else Verdict.USED for n in bad)
    cvs = judge_cvs(verdicts, bad, request_, two, RULES)
    found = obstacle(mvs, cvs, two, rules)
    assert (word in found) if word else found == ""


def test_a_read_back_that_is_needed_is_waited_for(two: ControlVariables) -> None:
    for values, word in (
        ([50.0, 50.0], ""), ([np.nan, 50.0], "feed"), ([50.0, np.nan], "duty yet"),
    ):  # fmt: skip
        mvs = judge_mvs((), np.array(values), ServiceRequest(), two, RULES, CYCLE_S)
        found = waiting(mvs, two)
        assert (word in found) if word else found == ""
    known = judge_mvs((), np.array([50.0, 50.0]), ServiceRequest(), two, RULES, CYCLE_S)
    lost = judge_mvs(known, np.array([50.0, np.nan]), ServiceRequest(), two, RULES, CYCLE_S)
    assert waiting(lost, two) == ""  # it is not critical, and its last value is known
    lost = judge_mvs(known, np.array([np.nan, 50.0]), ServiceRequest(), two, RULES, CYCLE_S)
    assert "critical MV feed" in waiting(lost, two)


@pytest.mark.parametrize(
    "wrong",
    [
        {"out_of_service": {"nobody": "x"}},
        {"not_remote": {"temp": "MAN"}},
        {"written": {"purity": 1.0}},
        {"optimizer_limits": {"ambient": Limits(0.0, 1.0)}},
    ],
)
def test_unknown_names_are_refused(two: ControlVariables, wrong: dict) -> None:
    with pytest.raises(InputError, match=next(iter(next(iter(wrong.values()))))):
        check_request(ServiceRequest(**wrong), two)


ranges = st.tuples(st.floats(-10, 10), st.floats(-10, 10)).map(lambda p: Limits(min(p), max(p)))


@given(ranges, ranges, ranges)
def test_limits_lie_inside_their_parents_or_are_refused_naming_both(
    engineering: Limits, operator: Limits, optimizer: Limits
) -> None:
    fits = operator.within(engineering) and optimizer.within(operator)
    if fits:
        nested = NestedLimits("TC1", "", engineering, operator, optimizer)
        assert nested.optimizer.within(nested.engineering)
        return
    with pytest.raises(InputError, match=r"TC1: (operator|optimizer) limits .* inside the"):
        NestedLimits("TC1", "", engineering, operator, optimizer)


def test_every_change_of_a_limit_is_checked() -> None:
    nested = NestedLimits("TC1", "", Limits(0, 10), Limits(2, 8), Limits(3, 7))
    with pytest.raises(InputError, match=r"operator .* engineering"):
        nested.with_operator(Limits(2, 11))
    with pytest.raises(InputError, match=r"optimizer .* operator"):
        nested.with_operator(Limits(4, 8))
    with pytest.raises(InputError, match=r"operator .* engineering"):
        nested.with_engineering(Limits(3, 10))
    with pytest.raises(InputError, match=r"optimizer .* operator"):
        nested.with_optimizer(Limits(1, 7))
    follows = NestedLimits("TC1", "", Limits(0, 10), Limits(2, 8), Limits(2, 8))
    assert follows.with_operator(Limits(1, 9)).optimizer == Limits(1, 9)


def test_optimizer_limits_only_narrow(two: ControlVariables) -> None:
    asked = ServiceRequest(
        optimizer_limits={"duty": Limits(-5.0, 60.0), "temp": Limits(10.0, 70.0)}
    )
    narrow = narrowed(two, asked)
    assert (narrow.mv_low[1], narrow.mv_high[1]) == (0.0, 60.0)
    assert (narrow.cv_hard_low[0], narrow.cv_hard_high[0]) == (10.0, 50.0)
    mvs = judge_mvs((), np.array([50.0, 80.0]), asked, two, RULES, CYCLE_S)
    room = serviced(narrow, _status(two, mvs), CYCLE_S)
    assert room.mv_high[1] == 80.0 - 0.1 * CYCLE_S  # it comes back at its rate


def test_orders_of_people_stand_until_they_are_taken_back() -> None:
    site = load_site(SITE)
    free = next(tag for tag in site.mvs if not tag.critical)
    standing = Standing.of(site)
    out = standing.with_order(Order(OrderKind.OUT, free.name, "Kim", "valve under repair"))
    request = out.request(ControllerMode.ON, {free.name: "AUTO"}, {free.name: 1.0})
    assert request.out_of_service == {
        free.variable: "taken out of service by Kim: valve under repair"
    }
    assert (request.not_remote, request.written) == ({free.variable: "AUTO"}, {free.variable: 1.0})
    back = out.with_order(Order(OrderKind.BACK, free.name, "Kim"))
    assert back == standing
    half = Limits(free.operator.low, 0.5 * (free.operator.low + free.operator.high))
    limited = standing.with_order(Order(OrderKind.LIMITS, free.name, "Kim", limits=half))
    assert limited.request(ControllerMode.ON, {}, {}).optimizer_limits == {free.variable: half}


def test_orders_that_cannot_be_followed_are_refused() -> None:
    site = load_site(SITE)
    standing = Standing.of(site)
    critical = next(tag for tag in site.mvs if tag.critical)
    wide = Limits(critical.operator.low - 1.0, critical.operator.high)
    for order, word in (
        (Order(OrderKind.OUT, critical.name, "Kim"), "critical"),
        (Order(OrderKind.OUT, "nothing", "Kim"), "nothing"),
        (Order(OrderKind.LIMITS, critical.name, "Kim", limits=wide), "operator limits"),
        (Order(OrderKind.LIMITS, site.dvs[0].name, "Kim", limits=wide), "only MVs and CVs"),
    ):
        with pytest.raises(InputError, match=word):
            standing.with_order(order)
    with pytest.raises(InputError, match="name of the person"):
        Order(OrderKind.OUT, "FC1001", " ")
    with pytest.raises(InputError, match="limits belong"):
        replace(Order(OrderKind.OUT, "FC1001", "Kim"), kind=OrderKind.LIMITS)
