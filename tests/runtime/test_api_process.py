"""The orchestrator's service as a user runs it: `operator-agent api serve`, asked by the client."""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.runtime.conftest import ROOT, SITE, Cli

from operator_agent.api.client import Orchestrator
from operator_agent.errors import InputError, LimitsConflictError, LinkError, OperatorAgentError
from operator_agent.messages import ControllerMode, ControlStatus
from operator_agent.runtime.demo import site_with_free_ports
from operator_agent.runtime.optimize import name_with_unit
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.state_folder import StateFolder, write_status
from operator_agent.site import Site
from operator_agent.units import from_si

DEADLINE_S = 240.0  # of one plan, on a machine that is busy with other work
END_TIMEOUT_S = 30.0
# About what the simulated plant shows above the controller's model at the nominal point [SI].
BIASES = {
    "temp_tbp95_kerosene": -14.0, "temp_tbp95_lgo": -3.0, "temp_tbp05_kerosene": 6.5,
    "fraction_overflash": 0.024, "fraction_flooding": 0.085,
}  # fmt: skip
TIGHTER = {"temp_coil_outlet_max_degc": 352.0, "flow_vol_feed_max_m3_h": 620.0}


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    key: str
    site: Site
    state: StateFolder
    process: subprocess.Popen[str]

    def http(self) -> httpx2.Client:
        """Return a plain HTTP client with the key."""
        headers = {"X-API-Key": self.key}
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60.0)

    def ask(self, *requests: dict[str, Any]) -> list[Any]:
        """Return answers or errors of requests that are made at once."""

        async def main() -> list[Any]:
            async with Orchestrator(self.url, self.key) as orchestrator:
                calls = (orchestrator.invoke_module(**request) for request in requests)
                return await asyncio.gather(*calls, return_exceptions=True)

        return asyncio.run(main())


def plan(**arguments: Any) -> dict[str, Any]:
    arguments = {"objectives": ["profit"], "rl_policy": None, "process_data": {}, **arguments}
    names = {"module": "optimization", "operation": "process_optimization"}
    return {**names, "deadline_s": DEADLINE_S, **arguments}


@contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    site_file = site_with_free_ports(SITE, folder)
    state = StateFolder(folder / "state")
    process = subprocess.Popen(
        [sys.executable, "-m", "operator_agent.runtime.cli", "api", "serve", str(site_file),
         "--state", str(state.path), "--new-key"],
        stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said = ""
        while "listening on" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        key = re.search(r"shown once: (\S+)", said)
        url = re.search(r"listening on (\S+)", said)
        assert key is not None and url is not None, said
        yield Service(url[1], key[1], load_site(site_file), state, process)
    finally:
        process.terminate()
        process.wait(END_TIMEOUT_S)
        process.stderr.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as found:
        yield found


def status_now(**changes: Any) -> ControlStatus:
    status = ControlStatus(
        mode=ControllerMode.ON, cycle=7, plant_time_s=0.0, updated_s=time.time(), reason="",
        solve_ms=12.0, gate="written", active_limits=("duty_condenser high",), case="three_crudes",
        biases=BIASES,
    )  # fmt: skip
    return replace(status, **changes)


@pytest.mark.slow
def test_two_plans_at_once_keep_all_limits_and_tighter_ones_never_pay_more(
    service: Service,
) -> None:
    write_status(service.state, status_now())
    free, tight = service.ask(plan(), plan(constraints=TIGHTER))
    for answer in (free, tight):
        assert not isinstance(answer, Exception), answer
        assert answer["case"] == "three_crudes"
        for tag in (*service.site.mvs, *service.site.cvs):
            value = answer["plan"][name_with_unit(tag)]
            low, high = (from_si(v, tag.unit) for v in (tag.operator.low, tag.operator.high))
            assert low - 0.01 <= value <= high + 0.01, (tag.name, value)
        assert not [note for note in answer["notes"] if "no control loop" in note]
    assert tight["plan"]["temp_coil_outlet_degc"] <= 352.0 + 1e-6
    assert tight["plan"]["flow_vol_feed_m3_h"] <= 620.0 + 1e-6
    profits = [a["objective_values"]["crude_unit_profit_usd_h"] for a in (free, tight)]
    assert profits[1] < profits[0]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_four_plans_at_once_all_end_and_each_is_its_own(service: Service) -> None:
    """Solvers in threads of one process hang each other; the service must never come to that."""
    write_status(service.state, status_now())
    feed_limits = (600.0, 610.0, 620.0, 630.0)
    answers = service.ask(
        *(plan(constraints={"flow_vol_feed_max_m3_h": limit}) for limit in feed_limits)
    )
    for limit, answer in zip(feed_limits, answers, strict=True):
        assert not isinstance(answer, Exception), answer
        assert answer["plan"]["flow_vol_feed_m3_h"] <= limit + 1e-6
    profits = [answer["objective_values"]["crude_unit_profit_usd_h"] for answer in answers]
    assert profits == sorted(profits)


def test_status_without_a_loop_is_503_and_says_what_to_do(service: Service) -> None:
    service.state.status.unlink(missing_ok=True)
    with service.http() as http:
        none = http.get("/control/status")
        write_status(service.state, status_now(updated_s=time.time() - 3600.0))
        stale = http.get("/control/status")
    assert (none.status_code, stale.status_code) == (503, 503)
    assert "no status yet; start it" in none.json()["detail"]
    assert "s old, more than 180 s" in stale.json()["detail"]
    (error,) = service.ask({"module": "control", "operation": "status"})
    assert isinstance(error, LinkError)


def test_status_of_a_running_loop_is_shown_as_it_wrote_it(service: Service) -> None:
    written = status_now(reason="AC1101 is bad")
    write_status(service.state, written)
    (shown,) = service.ask({"module": "control", "operation": "status"})
    assert not isinstance(shown, Exception), shown
    assert 0.0 <= shown.pop("age_s") < 180.0
    assert shown == written.payload()


WRONG = [
    (plan(objectives=["cheer"]), InputError, ["'cheer'", "profit, energy"]),
    (plan(rl_policy="nobody"), InputError, ["'nobody' is not known", "policies holds"]),
    (plan(process_data={"case": "nowhere"}), InputError, ["'nowhere'", "three_crudes"]),
    (plan(process_data={"case": "../sites/crude_unit"}), InputError, ["../sites/crude_unit"]),
    (plan(process_data={"slate": {"brent": 1.0}}), InputError, ["'brent'", "arabian_light"]),
    (plan(process_data={"price_factors": {"gold": 2.0}}), InputError, ["'gold'", "diesel"]),
    (plan(constraints={"temp_moon_max_degc": 9.0}), InputError, ["'temp_moon'", "temp_top"]),
    (plan(constraints={"temp_top_max_mw": 9.0}), InputError, ["is a power", "TC1010 is in degC"]),
    (plan(constraints={"temp_top": 9.0}), InputError, ["temp_top", "_max_"]),
    (plan(constraints={"temp_coil_outlet_max_degc": 300.0}), LimitsConflictError,
     ["temp_coil_outlet_max_degc", "TC1002", "342 to 360 degC"]),
    (plan(constraints={"temp_top_min_degc": 130.0, "temp_top_max_degc": 120.0}),
     LimitsConflictError, ["temp_top_min_degc", "temp_top_max_degc"]),
]  # fmt: skip
WRONG_IDS = [
    "objective", "policy", "case", "path", "crude", "product", "variable", "dimension", "grammar",
    "operator limits", "crossed",
]  # fmt: skip


@pytest.mark.parametrize(("request_", "error", "words"), WRONG, ids=WRONG_IDS)
def test_a_wrong_request_is_one_sentence_of_the_right_class(
    service: Service, request_: dict[str, Any], error: type[OperatorAgentError], words: list[str]
) -> None:
    (caught,) = service.ask(request_)
    assert type(caught) is error, caught
    sentence = str(caught)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence
    body = {k: v for k, v in request_.items() if k not in ("module", "operation")}
    with service.http() as http:
        answer = http.post("/optimize/process", params={"wait_s": 60}, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"] == sentence


@pytest.mark.slow
def test_limits_that_only_the_unit_shows_to_conflict_give_no_plan(service: Service) -> None:
    (caught,) = service.ask(plan(constraints={"duty_furnace_max_mw": 20.0}))
    assert type(caught) is LimitsConflictError, caught
    assert "QC1120 at" in str(caught)
    assert "at most 20 MW" in str(caught)


def descendants(pid: int) -> list[int]:
    """Return the processes below a process."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    children = [int(child) for text in texts for child in text.split()]
    return [found for child in children for found in (child, *descendants(child))]


@pytest.mark.slow
def test_sigterm_ends_the_service_and_all_its_processes(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        with service.http() as http:
            assert http.get("/readyz").status_code == 200
            assert http.post("/optimize/process", json={}).status_code == 202  # a solve runs
        below = [os.pidfd_open(pid) for pid in descendants(service.process.pid)]
        assert below
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(END_TIMEOUT_S) == -signal.SIGTERM
        for ended in below:
            assert select.select([ended], [], [], END_TIMEOUT_S)[0]
            os.close(ended)


@pytest.mark.slow
def test_a_service_that_cannot_start_says_why(
    cli: Cli, site_file: Path, tmp_path: Path, service: Service
) -> None:
    state = tmp_path / "state"
    refused = cli("api", "serve", site_file, "--state", state)
    assert refused.returncode == 2
    assert "--new-key" in refused.stderr
    StateFolder(state).api_keys.write_text("{")
    refused = cli("api", "serve", site_file, "--state", state, "--new-key")
    assert refused.returncode == 2
    assert "api_keys.json cannot be read" in " ".join(refused.stderr.split())
    StateFolder(state).api_keys.unlink()
    taken = site_file.read_text().replace(
        load_site(site_file).endpoints.api_endpoint, service.site.endpoints.api_endpoint
    )
    site_file.write_text(taken)
    refused = cli("api", "serve", site_file, "--state", state, "--new-key")
    assert refused.returncode == 5
    assert "choose another port" in refused.stderr
    assert "Traceback" not in refused.stderr
