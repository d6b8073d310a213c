"""The HTTP service: it takes requests for plans and shows the controller's status.

It can ask, and nothing else: no route leads to a set point, a limit of the controller or a mode.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request, Security
from fastapi.responses import JSONResponse, Response
from fastapi.security import APIKeyHeader

from operator_agent import __version__
from operator_agent.api.answers import (
    add_problem_handlers,
    documented_problems,
    problem_response,
)
from operator_agent.api.bodies import JobDocument, OptimizationBody
from operator_agent.api.body_limit import BodyLimit
from operator_agent.api.jobs import Job, JobRunner
from operator_agent.api.keys import KEY_HEADER, ApiScope, KeyCheck, api_key_sha256
from operator_agent.api.problems import Problem, ProblemError
from operator_agent.api.worker import Optimize
from operator_agent.clock import Clock, SystemClock
from operator_agent.errors import InputError, OperatorAgentError

MAX_WAIT_S = 60.0  # below the idle time-outs of usual proxies
STATUS_MAX_AGE_S = 120.0  # at least two cycles of a slow controller
STATUS_TIMEOUT_S = 5.0  # reading one small record; more means that its store hangs
CLOCK_TOLERANCE_S = 5.0  # a status from further in the future means that a clock is wrong

ReadStatus = Callable[[], dict[str, Any] | None]
WaitSeconds = Annotated[
    float | None, Query(ge=0.0, le=MAX_WAIT_S, allow_inf_nan=False, description="[s]")
]
_JOB_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": JobDocument},
    **documented_problems("not-found", "input"),
}
_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)


def create_app(
    *,
    optimize: Optimize,
    read_status: ReadStatus,
    api_keys_sha256: Mapping[str, frozenset[ApiScope]],
    workers: int = 1,
    clock: Clock | None = None,
    status_max_age_s: float = STATUS_MAX_AGE_S,
) -> FastAPI:
    """Return the service as an ASGI application; its worker processes live with its lifespan.

    Args:
        optimize: function of a module's top level; takes `OptimizationRequest.payload()` and
            returns `OptimizationReply.payload()`, or raises one of the package's errors. It runs in
            a worker process that may be killed.
        read_status: returns `ControlStatus.payload()` of the control loop, or None before the
            first cycle. It runs in a thread.
        api_keys_sha256: scopes of each API key, by `api_key_sha256` of the key.
        workers: number of worker processes.
        clock: for time stamps and the age of the status; the system's if None.
        status_max_age_s: an older status is refused [s].

    Raises:
        InputError: no worker is asked for.
    """
    if workers < 1:
        raise InputError(f"the service needs at least one worker process; workers is {workers}")
    clock = clock or SystemClock()
    runner = JobRunner(optimize, workers=workers, clock=clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runner:
            yield

    app = FastAPI(
        title="Operator Agent",
        version=__version__,
        description="Asks for plans and shows the controller's status. It cannot write.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    key_header = APIKeyHeader(name=KEY_HEADER, auto_error=False)  # for the schema; see KeyCheck
    app.include_router(_job_routes(runner), dependencies=[Security(key_header)])
    app.include_router(
        _status_route(read_status, clock, status_max_age_s), dependencies=[Security(key_header)]
    )
    app.include_router(_health_routes(runner))
    add_problem_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(KeyCheck, keys_sha256=api_keys_sha256)
    return app


def _job_routes(runner: JobRunner) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.post(
        "/optimize/process",
        status_code=202,
        responses={
            200: {"model": JobDocument, "description": "The job, ended within the wait"},
            202: {"model": JobDocument, "description": "The job, on its way"},
            **documented_problems(
                "input", "bad-request", "idempotency-conflict", "too-large", "busy", "deadline"
            ),
        },
    )
    async def optimize_process(
        request: Request,
        body: OptimizationBody,
        wait_s: WaitSeconds = None,
        prefer: Annotated[str | None, Header(max_length=200)] = None,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> Response:
        """Ask for a plan; wait for it with `wait_s` or `Prefer: wait=SECONDS`."""
        owner = api_key_sha256(request.headers.get(KEY_HEADER, ""))
        job = runner.submit(body.request(), owner, idempotency_key)
        preferred_s = _preferred_wait_s(prefer)
        wait_time_s = wait_s if wait_s is not None else preferred_s
        if wait_time_s is not None and await job.wait(wait_time_s):
            response = _finished(job)
        else:
            response = JSONResponse(job.payload(), 202)
        response.headers["Location"] = f"/jobs/{job.id}"
        if preferred_s is not None and wait_s is None:
            response.headers["Preference-Applied"] = f"wait={preferred_s:.0f}"
        return response

    @router.get("/jobs/{job_id}", responses=_JOB_RESPONSES)
    async def get_job(job_id: str, wait_s: WaitSeconds = None) -> Response:
        """Return a job, after waiting for its end for at most `wait_s`."""
        job = runner.job(job_id)
        if wait_s is not None:
            await job.wait(wait_s)
        return JSONResponse(job.payload())

    @router.delete("/jobs/{job_id}", responses=_JOB_RESPONSES)
    async def cancel_job(job_id: str) -> Response:
        """Cancel a job; its process is killed."""
        return JSONResponse((await runner.cancel(job_id)).payload())

    return router


def _preferred_wait_s(prefer: str | None) -> float | None:
    """Return the wait of a Prefer header (RFC 7240), at most `MAX_WAIT_S`."""
    match = _PREFER_WAIT.search(prefer or "")
    return None if match is None else min(float(match[1]), MAX_WAIT_S)


def _finished(job: Job) -> Response:
    return JSONResponse(job.payload()) if job.problem is None else problem_response(job.problem)


def _status_route(read_status: ReadStatus, clock: Clock, max_age_s: float) -> APIRouter:
    router = APIRouter(tags=["control"])

    @router.get("/control/status", responses=documented_problems("status-unavailable"))
    async def control_status() -> Response:
        """Return the control loop's last status and its age."""
        try:
            async with asyncio.timeout(STATUS_TIMEOUT_S):
                status = await asyncio.to_thread(read_status)
        except TimeoutError:
            detail = f"the control loop's status could not be read within {STATUS_TIMEOUT_S:g} s"
            raise ProblemError(Problem("status-unavailable", detail)) from None
        except OperatorAgentError as error:
            detail = f"the control loop's status cannot be read: {error}"
            raise ProblemError(Problem("status-unavailable", detail)) from error
        return JSONResponse(_checked_status(status, clock.wall_s(), max_age_s))

    return router


def _checked_status(status: dict[str, Any] | None, wall_s: float, max_age_s: float) -> Any:
    if status is None:
        detail = "the control loop has given no status yet; start it, or wait for its first cycle"
        raise ProblemError(Problem("status-unavailable", detail))
    updated_s = status.get("updated_s")
    if not isinstance(updated_s, int | float) or not math.isfinite(updated_s):
        detail = "the control loop's status has no time stamp 'updated_s' and cannot be trusted"
        raise ProblemError(Problem("status-unavailable", detail))
    age_s = wall_s - updated_s
    if age_s > max_age_s:
        detail = (
            f"the control loop's last status is {age_s:.0f} s old, more than {max_age_s:.0f} s; "
            "the loop is stopped or hangs. Look at the plant's own displays and at the loop's log"
        )
        raise ProblemError(Problem("status-unavailable", detail))
    if age_s < -CLOCK_TOLERANCE_S:
        detail = (
            f"the control loop's status is from {-age_s:.0f} s in the future; set the clocks of "
            "the loop's host and of this host"
        )
        raise ProblemError(Problem("status-unavailable", detail))
    return {**status, "age_s": max(age_s, 0.0)}


def _health_routes(runner: JobRunner) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Return that the service answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses=documented_problems("not-ready"))
    async def readyz() -> dict[str, str]:
        """Return whether a plan can be made now."""
        if not runner.ready:
            raise ProblemError(Problem("not-ready", "no worker process runs; see the log"))
        return {"status": "ready"}

    return router
