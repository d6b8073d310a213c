"""The real client against a real server in a process of its own."""

import asyncio
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from operator_agent.api.bodies import JobDocument
from operator_agent.api.client import Orchestrator
from operator_agent.api.jobs import MAX_UNFINISHED
from operator_agent.errors import (
    InputError,
    LimitsConflictError,
    LinkError,
    OperatorAgentError,
    SignatureError,
    SolveFailedError,
)

SCRIPT = Path(__file__).with_name("service_process.py")
LOCK = "held_while_solving"


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    key: str
    read_key: str
    folder: Path
    process: subprocess.Popen[str]

    def client(self, key: str | None = None) -> Orchestrator:
        """Return a client with the key that may do everything, or with another."""
        return Orchestrator(self.url, key or self.key)

    def http(self) -> httpx2.Client:
        """Return a plain HTTP client with the key."""
        return httpx2.Client(base_url=self.url, headers={"X-API-Key": self.key}, trust_env=False)


@contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    command = [sys.executable, "-W", "error", str(SCRIPT), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield Service(ready["url"], ready["key"], ready["read_key"], folder, process)
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as found:
        yield found


def run(
    service: Service,
    ask: Callable[[Orchestrator], Coroutine[Any, Any, Any]],
    key: str | None = None,
) -> Any:
    async def main() -> Any:
        async with service.client(key) as orchestrator:
            return await ask(orchestrator)

    return asyncio.run(main())


def plan(
    orchestrator: Orchestrator, case: str, **arguments: Any
) -> Coroutine[Any, Any, dict[str, Any]]:
    return orchestrator.invoke_module(
        module="optimization",
        operation="process_optimization",
        process_data={"case": case},
        **arguments,
    )


def wait_for_solver(service: Service, job_id: str) -> None:
    """Return once the hanging optimizer and its child hold the lock."""
    ready = (service.folder / LOCK).with_suffix(".ready")
    with service.http() as http:
        while not ready.exists():
            http.get(f"/jobs/{job_id}", params={"wait_s": 0.05})
    ready.unlink()


def assert_nobody_solves(folder: Path) -> None:
    """The lock is free only after the worker and its child have ended."""
    with (folder / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_plan_comes_back_with_limits_in_si(service: Service) -> None:
    reports: list[dict[str, Any]] = []
    constraints = {"temp_coil_outlet_max_degc": 358.0, "flow_vol_feed_max_m3_h": 720.0}
    result = run(
        service,
        lambda o: plan(o, "quick", constraints=constraints, on_progress=reports.append),
    )
    assert result["plan"]["temp_coil_outlet"] == 631.15
    assert result["plan"]["flow_vol_feed"] == pytest.approx(0.2)
    assert reports[-1]["state"] == "succeeded"


def test_four_plans_at_once_all_come_back(service: Service) -> None:
    async def four(orchestrator: Orchestrator) -> list[dict[str, Any]]:
        return await asyncio.gather(*(plan(orchestrator, "worker_id") for _ in range(4)))

    results = run(service, four)
    assert len(results) == 4
    assert service.process.pid not in {result["plan"]["pid"] for result in results}


@pytest.mark.parametrize(
    ("case", "error", "words"),
    [
        ("infeasible", LimitsConflictError, "sulphur limit conflict"),
        ("nowhere", InputError, "the known are"),
        ("crash", SolveFailedError, "exit code 13"),
        ("bug", SolveFailedError, "exit code 1 "),
        ("not_finite", OperatorAgentError, "reply is not valid"),
    ],
)
def test_failure_is_the_matching_error_and_the_service_stays_up(
    service: Service, case: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(service, lambda o: plan(o, case))
    assert run(service, lambda o: plan(o, "quick"))["point"] == "optimal"


def test_worker_that_died_while_idle_is_replaced(service: Service) -> None:
    worker_id = int(run(service, lambda o: plan(o, "worker_id"))["plan"]["pid"])
    ended = os.pidfd_open(worker_id)
    os.kill(worker_id, signal.SIGKILL)
    select.select([ended], [], [])
    os.close(ended)
    for _ in range(3):
        assert run(service, lambda o: plan(o, "quick"))["point"] == "optimal"


def test_inline_wait_gives_the_result_or_the_problem(service: Service) -> None:
    with service.http() as http:
        waited = http.post("/optimize/process?wait_s=30", json={})
        preferred = http.post("/optimize/process", json={}, headers={"Prefer": "wait=30"})
        failed = http.post(
            "/optimize/process?wait_s=30", json={"process_data": {"case": "infeasible"}}
        )
        job = http.get(failed.headers["location"])
    assert (waited.status_code, waited.json()["state"]) == (200, "succeeded")
    assert preferred.status_code == 200
    assert preferred.headers["preference-applied"] == "wait=30"
    assert failed.status_code == 422
    assert failed.headers["content-type"] == "application/problem+json"
    assert (job.status_code, job.json()["problem"]) == (200, failed.json())


def test_cancel_kills_the_worker_and_its_children(service: Service) -> None:
    with service.http() as http:
        job = http.post("/optimize/process", json={"process_data": {"case": "hang"}})
        assert job.status_code == 202
        wait_for_solver(service, job.json()["id"])
        cancelled = http.delete(job.headers["location"])
        again = http.delete(job.headers["location"])
    assert cancelled.json()["state"] == "cancelled"
    assert again.json() == cancelled.json()
    assert_nobody_solves(service.folder)


def test_cancelled_call_cancels_its_job(service: Service) -> None:
    jobs: list[str] = []

    async def give_up(orchestrator: Orchestrator) -> None:
        def report(job: dict[str, Any]) -> None:
            jobs.append(job["id"])
            call.cancel()

        call = asyncio.create_task(plan(orchestrator, "hang", on_progress=report))
        with pytest.raises(asyncio.CancelledError):
            await call

    run(service, give_up)
    with service.http() as http:
        assert http.get(f"/jobs/{jobs[0]}").json()["state"] == "cancelled"


@pytest.mark.slow
def test_crowd_is_turned_away_until_there_is_room(service: Service) -> None:
    body = {"process_data": {"case": "hang"}}
    with service.http() as http:
        answers = [http.post("/optimize/process", json=body) for _ in range(MAX_UNFINISHED + 1)]
        for answer in reversed(answers[:-1]):
            http.delete(answer.headers["location"])
    assert {answer.status_code for answer in answers[:-1]} == {202}
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"]
    assert run(service, lambda o: plan(o, "quick"))["point"] == "optimal"


def test_job_documents_follow_the_published_schema(service: Service) -> None:
    with service.http() as http:
        for case in ("quick", "infeasible"):
            body = {"process_data": {"case": case}}
            job = http.post("/optimize/process", json=body).headers["location"]
            JobDocument.model_validate(http.get(job, params={"wait_s": 30}).json())


def test_waiting_job_can_be_cancelled(service: Service) -> None:
    body = {"process_data": {"case": "hang"}}
    with service.http() as http:
        jobs = [http.post("/optimize/process", json=body).headers["location"] for _ in range(3)]
        states = [http.delete(job).json()["state"] for job in reversed(jobs)]
        started = http.get(jobs[-1]).json()["started_s"]
    assert states == ["cancelled"] * 3
    assert started is None
    assert run(service, lambda o: plan(o, "quick"))["point"] == "optimal"


def test_deadline_kills_the_job(service: Service) -> None:
    with pytest.raises(SolveFailedError, match=r"deadline_s = 0\.3 s"):
        run(service, lambda o: plan(o, "hang", deadline_s=0.3))
    assert run(service, lambda o: plan(o, "quick"))["point"] == "optimal"


def test_idempotency_key_joins_the_same_job_and_refuses_another_body(service: Service) -> None:
    headers = {"Idempotency-Key": "plan of today"}
    with service.http() as http:
        first, second = (
            http.post("/optimize/process?wait_s=30", json={}, headers=headers) for _ in range(2)
        )
        other = http.post("/optimize/process", json={"deadline_s": 7.0}, headers=headers)
    assert first.json() == second.json()
    assert other.status_code == 409
    assert "another body" in other.json()["detail"]


def test_status_is_refused_until_it_is_fresh(service: Service) -> None:
    status = service.folder / "status.json"

    async def ask(orchestrator: Orchestrator) -> dict[str, Any]:
        return await orchestrator.invoke_module(module="control", operation="status")

    status.unlink(missing_ok=True)
    with pytest.raises(LinkError, match="no status yet"):
        run(service, ask)
    status.write_text('{"mode": "on", "updated_s": 1000.0}')
    with pytest.raises(LinkError, match="s old"):
        run(service, ask)
    status.write_text('{"mode": "on", "updated_s": 1e12}')
    with pytest.raises(LinkError, match="in the future"):
        run(service, ask)
    status.write_text('{"mode": "on", "updated_s": null}')
    with pytest.raises(LinkError, match="no time stamp"):
        run(service, ask)
    status.write_text('{"mode": "on"}')
    answer = run(service, ask, service.read_key)
    assert answer["mode"] == "on"
    assert 0.0 <= answer["age_s"] < 60.0


def test_keys_are_asked_for(service: Service) -> None:
    with pytest.raises(SignatureError, match="scope 'plan'"):
        run(service, lambda o: plan(o, "quick"), service.read_key)
    with pytest.raises(SignatureError, match="known API key"):
        run(service, lambda o: plan(o, "quick"), "guessed")


def test_unreachable_service_is_a_link_error_with_the_next_step() -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> None:
            async with Orchestrator(url, "key") as orchestrator:
                await plan(orchestrator, "quick")

        with pytest.raises(LinkError, match=f"{url} is out of reach.*curl {url}/healthz"):
            asyncio.run(main())


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.slow
def test_end_of_the_service_ends_its_workers(tmp_path: Path, stop: signal.Signals) -> None:
    with running_service(tmp_path) as service:
        with service.http() as http:
            assert http.get("/readyz").status_code == 200
            job = http.post("/optimize/process", json={"process_data": {"case": "hang"}})
        wait_for_solver(service, job.json()["id"])
        service.process.send_signal(stop)
        assert service.process.wait(timeout=20) == -stop
        assert_nobody_solves(tmp_path)
