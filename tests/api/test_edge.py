"""What the service refuses at its edge: no job is started, so nothing but ASGI is needed."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.api.client import Orchestrator
from operator_agent.api.keys import ApiScope, api_key_sha256, new_api_key, scopes_of
from operator_agent.api.server import serve
from operator_agent.api.service import create_app
from operator_agent.clock import ManualClock
from operator_agent.errors import InputError, LinkError

KEYS = {
    api_key_sha256("reader"): frozenset({ApiScope.READ}),
    api_key_sha256("planner"): frozenset({ApiScope.PLAN, ApiScope.READ}),
}
STATUS = {"mode": "standby", "updated_s": 90.0}
NEVER_STARTED = "the edge must refuse this before a job starts"


def optimize(payload: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError(NEVER_STARTED)


def app(wall_s: float = 100.0) -> FastAPI:
    return create_app(
        optimize=optimize,
        read_status=lambda: dict(STATUS),
        api_keys_sha256=KEYS,
        clock=ManualClock(wall_s=wall_s),
    )


def send(
    method: str,
    path: str,
    content: str | AsyncIterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    wall_s: float = 100.0,
) -> httpx2.Response:
    async def main() -> httpx2.Response:
        transport = httpx2.ASGITransport(app(wall_s), raise_app_exceptions=False)
        every = {"X-API-Key": "planner", "Content-Type": "application/json"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.request(
                method, path, content=content, headers={**every, **(headers or {})}
            )

    return asyncio.run(main())


def assert_problem(response: httpx2.Response, status: int, *words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:operator-agent:problem:")
    for word in words:
        assert word in response.text


BAD_BODIES = [
    ('{"constrains": {}}', "#/constrains"),
    ('{"process_data": {"case": "a", "valve": 1}}', "#/process_data/valve"),
    ('{"constraints": {"temp_top_max_degc": NaN}}', "finite"),
    ('{"constraints": {"temp_top_max_degc": 1e999}}', "finite"),
    ('{"constraints": {"temp_top_max_degc": -Infinity}}', "finite"),
    ('{"constraints": {"temp_top_max_degc": "120"}}', "#/constraints/temp_top_max_degc"),
    ('{"constraints": {"temp_top_max_degc": true}}', "#/constraints/temp_top_max_degc"),
    ('{"constraints": {"temp_top_max_degc": null}}', "#/constraints/temp_top_max_degc"),
    ('{"constraints": {"temp_top": 120}}', "the units are"),
    ('{"constraints": {"temp_top_max": 120}}', "the units are"),
    ('{"constraints": {"temp_top_max_furlong": 120}}', "the units are"),
    ('{"constraints": {"temp_top_max_degc": 120, "temp_top_max_k": 400}}', "same limit"),
    ('{"constraints": {"temp_top_max_degc": 120, "temp_top_min_degc": 130}}', "no point"),
    ('{"constraints": {"temp_top_max_degc": 120, "temp_top_min_bar": 1}}', "pressure"),
    ('{"constraints": []}', "#/constraints"),
    ('{"objectives": "profit"}', "#/objectives"),
    ('{"objectives": []}', "#/objectives"),
    ('{"objectives": ["profit", "profit"]}', "none twice"),
    ('{"objectives": ["Profit!"]}', "lower case"),
    ('{"objectives": [1]}', "#/objectives/0"),
    ('{"rl_policy": "../../key"}', "lower case"),
    ('{"rl_policy": false}', "#/rl_policy"),
    ('{"deadline_s": 0}', "#/deadline_s"),
    ('{"deadline_s": -1}', "#/deadline_s"),
    ('{"deadline_s": 1e9}', "#/deadline_s"),
    ('{"deadline_s": "10"}', "#/deadline_s"),
    ('{"process_data": {"case": "../../etc/passwd"}}', "cases/refinery"),
    ('{"process_data": {"case": "/etc/passwd"}}', "cases/refinery"),
    ('{"process_data": {"case": ""}}', "#/process_data/case"),
    ('{"process_data": {"slate": {"maya": 0.5}}}', "add up to 1"),
    ('{"process_data": {"slate": {"maya": 1.5, "bonny_light": -0.5}}}', "negative"),
    ('{"process_data": {"price_factors": {"naphtha": 0}}}', "positive"),
    ('{"\\ud800": 1}', "errors"),
    ('{"constraints": {"\\ud800": 1}}', "#/constraints"),
    ('{"rl_policy": "\\ud800"}', "#/rl_policy"),
    ("[]", "#"),
    ("", "#"),
    ("{", "#"),
    ("[" * 100_000, ""),
]


@pytest.mark.parametrize(("body", "word"), BAD_BODIES)
def test_bad_body_is_refused_with_its_place(body: str, word: str) -> None:
    response = send("POST", "/optimize/process", body)
    status = 400 if body.startswith("[[") else 422
    assert_problem(response, status, word)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = ["process_data", "constraints", "objectives", "rl_policy", "deadline_s", "other"]


@settings(max_examples=50, deadline=None)  # the first example builds the schema
@given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES))
def test_any_body_is_either_right_or_a_clear_problem(body: dict[str, Any]) -> None:
    response = send("POST", "/optimize/process", json.dumps(body))
    assert response.status_code in {422, 503}  # 503: right, but no runner is started here
    assert_problem(response, response.status_code)


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/nowhere", 404, "/nowhere"),
        ("GET", "/jobs/unknown", 404, "no job 'unknown'"),
        ("DELETE", "/jobs/unknown", 404, "no job 'unknown'"),
        ("PUT", "/optimize/process", 405, "PUT"),
        ("GET", "/jobs/x?wait_s=nan", 422, "wait_s"),
        ("GET", "/jobs/x?wait_s=1e9", 422, "wait_s"),
        ("GET", "/jobs/x?wait_s=-1", 422, "wait_s"),
        ("GET", "/readyz", 503, "no worker"),
    ],
)
def test_bad_address_is_a_problem_document(method: str, path: str, status: int, word: str) -> None:
    assert_problem(send(method, path), status, word)


def test_large_body_is_refused_with_and_without_declared_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1_000

    for body in ("x" * 300_000, chunks()):
        assert_problem(send("POST", "/optimize/process", body), 413, "262144 bytes")


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("POST", "/optimize/process", "", 401),
        ("POST", "/optimize/process", "wrong", 401),
        ("POST", "/optimize/process", "reader", 403),
        ("DELETE", "/jobs/x", "reader", 403),
        ("GET", "/jobs/x", "", 401),
        ("GET", "/control/status", "", 401),
        ("GET", "/nowhere", "", 401),
    ],
)
def test_key_and_scope_are_checked_before_the_body(
    method: str, path: str, key: str, status: int
) -> None:
    response = send(method, path, "not json", {"X-API-Key": key})
    assert_problem(response, status, "key")


def test_failing_status_reader_is_an_internal_problem_without_its_secret() -> None:
    def broken() -> dict[str, Any]:
        raise RuntimeError("secret")

    async def main() -> httpx2.Response:
        failing = create_app(optimize=optimize, read_status=broken, api_keys_sha256=KEYS)
        transport = httpx2.ASGITransport(failing, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.get("/control/status", headers={"X-API-Key": "reader"})

    response = asyncio.run(main())
    assert_problem(response, 500, "its log")
    assert "secret" not in response.text


def test_status_that_cannot_be_read_is_unavailable() -> None:
    def broken() -> dict[str, Any]:
        raise InputError("status file is cut off")

    async def main() -> httpx2.Response:
        failing = create_app(optimize=optimize, read_status=broken, api_keys_sha256=KEYS)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(failing), base_url="http://test"
        ) as http:
            return await http.get("/control/status", headers={"X-API-Key": "reader"})

    assert_problem(asyncio.run(main()), 503, "status file is cut off")


def test_status_carries_its_age() -> None:
    assert send("GET", "/control/status").json() == {**STATUS, "age_s": 10.0}
    assert_problem(send("GET", "/control/status", wall_s=500.0), 503, "410 s old")


def test_health_needs_no_key() -> None:
    assert send("GET", "/healthz", headers={"X-API-Key": ""}).json() == {"status": "ok"}


def test_schema_names_problems_and_the_key() -> None:
    schema = send("GET", "/openapi.json").json()
    post = schema["paths"]["/optimize/process"]["post"]
    assert set(post["responses"]["422"]["content"]) == {"application/problem+json"}
    assert post["security"] == [{"APIKeyHeader": []}]
    assert "HTTPValidationError" not in json.dumps(schema)


def test_no_route_but_the_known() -> None:
    routes = {(method, path) for path, item in app().openapi()["paths"].items() for method in item}
    assert routes == {
        ("post", "/optimize/process"),
        ("get", "/jobs/{job_id}"),
        ("delete", "/jobs/{job_id}"),
        ("get", "/control/status"),
        ("get", "/healthz"),
        ("get", "/readyz"),
    }


def test_new_keys_differ_and_only_their_hash_is_needed() -> None:
    (key, digest), (other, _) = new_api_key(), new_api_key()
    known = {digest: frozenset({ApiScope.READ})}
    assert scopes_of(key, known) == {ApiScope.READ}
    assert scopes_of(other, known) == frozenset()
    assert key not in str(known)


def test_unknown_operation_names_the_known() -> None:
    async def main() -> None:
        transport = httpx2.ASGITransport(app())
        async with Orchestrator("http://test", "planner", transport=transport) as orchestrator:
            await orchestrator.invoke_module(module="valve", operation="open")

    with pytest.raises(InputError, match="optimization/process_optimization and control/status"):
        asyncio.run(main())


@pytest.mark.parametrize("key", ["", "ключ", "two\nlines"])
def test_key_that_cannot_be_sent_is_an_input_error(key: str) -> None:
    with pytest.raises(InputError, match="printable ASCII"):
        Orchestrator("http://test", key)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "refinery.example"])
def test_only_the_loopback_is_served(host: str) -> None:
    with pytest.raises(InputError, match="loopback"):
        serve(app(), host, 0)


def test_taken_port_is_a_link_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LinkError, match="another port"):
            serve(app(), "127.0.0.1", taken.getsockname()[1])


def test_at_least_one_worker_is_needed() -> None:
    with pytest.raises(InputError, match="at least one worker"):
        create_app(optimize=optimize, read_status=lambda: None, api_keys_sha256={}, workers=0)
