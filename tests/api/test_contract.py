"""Requests and replies as values: what goes in comes out, and units are converted once."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.api.contract import (
    UNIT_OF_SUFFIX,
    OptimizationReply,
    OptimizationRequest,
    PointWorth,
    ProcessData,
    Side,
    parse_limit,
)
from operator_agent.api.problems import KINDS, Problem, error_of, problem_of
from operator_agent.errors import InputError, LimitsConflictError, OperatorAgentError
from operator_agent.units import from_si

NUMBERS = st.floats(-1e6, 1e6)
VARIABLES = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)


@given(VARIABLES, st.sampled_from(Side), st.sampled_from(sorted(UNIT_OF_SUFFIX)), NUMBERS)
def test_limit_name_is_read_back_whole(
    variable: str, side: Side, suffix: str, value: float
) -> None:
    limit = parse_limit(f"{variable}_{side.value}_{suffix}", value)
    assert limit.side is side
    assert limit.variable == variable
    assert math.isclose(from_si(limit.value, UNIT_OF_SUFFIX[suffix]), value, abs_tol=1e-6)


@given(
    constraints=st.dictionaries(VARIABLES.map(lambda name: f"{name}_max_degc"), NUMBERS),
    objectives=st.lists(VARIABLES, min_size=1, max_size=4, unique=True),
    price_factors=st.dictionaries(VARIABLES, st.floats(0.1, 10.0)),
    deadline_s=st.floats(0.001, 3600.0),
)
def test_request_survives_json(
    constraints: dict[str, float],
    objectives: list[str],
    price_factors: dict[str, float],
    deadline_s: float,
) -> None:
    request = OptimizationRequest(
        process_data=ProcessData("three_crudes", {"maya": 0.25, "b": 0.75}, price_factors),
        constraints=constraints,
        objectives=tuple(objectives),
        rl_policy="crude_unit",
        deadline_s=deadline_s,
    )
    assert OptimizationRequest.from_payload(json.loads(json.dumps(request.payload()))) == request


def test_reply_survives_json() -> None:
    reply = OptimizationReply(
        "a", "converged", PointWorth.FEASIBLE, {"profit_usd_d": 1.0}, active_limits=("x",)
    )
    assert OptimizationReply.from_payload(json.loads(json.dumps(reply.payload()))) == reply


@pytest.mark.parametrize(
    "change",
    [
        {"objective_values": {"profit_usd_d": math.nan}},
        {"point": "excellent"},
        {"surprise": 1},
        {"plan": [1.0]},
    ],
)
def test_wrong_reply_is_refused(change: dict[str, Any]) -> None:
    reply = OptimizationReply("a", "converged", PointWorth.OPTIMAL, {}).payload()
    with pytest.raises(InputError):
        OptimizationReply.from_payload({**reply, **change})


@pytest.mark.parametrize(
    "payload",
    [{"surprise": 1}, {"process_data": {"valve": 1}}, {"process_data": 3}, {"objectives": 3}],
)
def test_wrong_request_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="wrong keys or types"):
        OptimizationRequest.from_payload(payload)


def test_crossed_limits_name_both() -> None:
    limits = {"flow_vol_feed_min_m3_h": 700.0, "flow_vol_feed_max_kbbl_d": 100.0}
    with pytest.raises(LimitsConflictError, match=r"min_m3_h.*max_kbbl_d"):
        OptimizationRequest(constraints=limits)


def subclasses(error: type[OperatorAgentError]) -> set[type[OperatorAgentError]]:
    return {error}.union(*(subclasses(child) for child in error.__subclasses__()))


@pytest.mark.parametrize(
    "error",
    sorted(
        (e for e in subclasses(OperatorAgentError) if e.__module__ == "operator_agent.errors"),
        key=str,
    ),
)
def test_every_error_crosses_the_wire_as_itself(error: type[OperatorAgentError]) -> None:
    back = error_of(problem_of(error("words")).payload())
    assert type(back) is error
    assert str(back) == "words"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_problem_becomes_its_error(kind: str) -> None:
    assert type(error_of(Problem(kind, "words").payload())) is KINDS[kind].error
