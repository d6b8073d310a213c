"""Jobs: requests that wait for a worker process, run in it, and end in exactly one way.

Jobs live in memory; a restart of the service forgets them.
"""

import asyncio
import logging
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self

from operator_agent.api.contract import OptimizationRequest
from operator_agent.api.problems import Problem, ProblemError
from operator_agent.api.worker import Optimize, WorkerProcess
from operator_agent.clock import Clock
from operator_agent.signing import Json, sha256_of

log = logging.getLogger(__name__)

MAX_UNFINISHED = 100  # more would wait longer than any deadline that makes sense
MAX_KEPT = 1000  # finished jobs that can still be asked for; about 10 kB each
ID_BYTES = 16  # 128 bits: cannot be guessed


class JobState(Enum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Job:
    """One request on its way. Only the runner changes it.

    Attributes:
        id: random text.
        request: what was asked.
        created_s, started_s, finished_s: wall times [s since 1970 UTC]; None before.
        state: where it stands.
        result: the reply's payload, once it succeeded.
        problem: why there is no result, once it failed or was cancelled.
        done: set when the state is final.
    """

    id: str
    request: OptimizationRequest
    created_s: float
    started_s: float | None = None
    finished_s: float | None = None
    state: JobState = JobState.QUEUED
    result: dict[str, Any] | None = None
    problem: Problem | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def payload(self) -> dict[str, Json]:
        """Return the job as plain values."""
        return {
            "id": self.id,
            "state": self.state.value,
            "created_s": self.created_s,
            "started_s": self.started_s,
            "finished_s": self.finished_s,
            "deadline_s": self.request.deadline_s,
            "result": self.result,
            "problem": None if self.problem is None else self.problem.payload(),
        }

    def finish(self, state: JobState, wall_s: float) -> None:
        """Enter a final state."""
        self.state = state
        self.finished_s = wall_s
        self.done.set()

    async def wait(self, duration_s: float) -> bool:
        """Wait for the end for at most `duration_s` [s], and return whether it has come."""
        try:
            async with asyncio.timeout(duration_s):
                await self.done.wait()
        except TimeoutError:
            return self.done.is_set()
        return True


class JobRunner:
    """Runs jobs in worker processes, first come, first served. Use it as `async with`."""

    def __init__(
        self, optimize: Optimize, *, workers: int, clock: Clock, max_kept: int = MAX_KEPT
    ) -> None:
        """Prepare `workers` processes for `optimize`, a function of a module's top level."""
        self._clock = clock
        self._max_kept = max_kept
        self._workers = tuple(WorkerProcess(optimize) for _ in range(workers))
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="optimizer-pipe")
        self._jobs: dict[str, Job] = {}
        self._by_key: dict[tuple[str, str], tuple[str, str]] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        """Start the worker processes."""
        loop = asyncio.get_running_loop()
        for worker in self._workers:
            await loop.run_in_executor(self._threads, worker.start)
            self._idle.put_nowait(worker)
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel what is unfinished and kill the worker processes."""
        self._open = False
        tasks = [self._cancel(job) for job in self._jobs.values()]
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)
        for worker in self._workers:
            worker.kill()
        await asyncio.to_thread(self._threads.shutdown)
        for worker in self._workers:
            await asyncio.to_thread(worker.close)

    @property
    def ready(self) -> bool:
        """Whether jobs are taken and a worker process runs."""
        return self._open and any(worker.alive for worker in self._workers)

    def submit(self, request: OptimizationRequest, owner: str, idempotency_key: str | None) -> Job:
        """Return a new job, or the earlier one of the same owner, key and body.

        Raises:
            ProblemError: the key belongs to another body, too many jobs wait, or the service
                stops.
        """
        body_sha256 = sha256_of(request.payload())
        if idempotency_key is not None:
            earlier = self._earlier(owner, idempotency_key, body_sha256)
            if earlier is not None:
                return earlier
        self._check_room()
        job = Job(secrets.token_urlsafe(ID_BYTES), request, self._clock.wall_s())
        self._jobs[job.id] = job
        if idempotency_key is not None:
            self._by_key[owner, idempotency_key] = (body_sha256, job.id)
        job.task = asyncio.create_task(self._run(job), name=f"job {job.id}")
        return job

    def job(self, job_id: str) -> Job:
        """Return the job with this id.

        Raises:
            ProblemError: there is none, or it was finished long ago and is forgotten.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            detail = (
                f"there is no job '{job_id}'; a restart and {self._max_kept} later jobs forget one"
            )
            raise ProblemError(Problem("not-found", detail)) from None

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job, killing its process if it runs; one that has ended stays as it is.

        Raises:
            ProblemError: there is no such job.
        """
        job = self.job(job_id)
        self._cancel(job)
        await job.done.wait()
        return job

    def _cancel(self, job: Job) -> asyncio.Task[None] | None:
        if job.task is not None and not job.done.is_set() and not job.task.cancelling():
            job.task.cancel()
            if job.state is JobState.QUEUED:  # its task may never have begun to run
                self._end_cancelled(job)
        return job.task

    def _end_cancelled(self, job: Job) -> None:
        job.problem = Problem("cancelled", f"job '{job.id}' was cancelled before it had a result")
        job.finish(JobState.CANCELLED, self._clock.wall_s())

    def _earlier(self, owner: str, key: str, body_sha256: str) -> Job | None:
        known_sha256, job_id = self._by_key.get((owner, key), ("", ""))
        if not job_id:
            return None
        if known_sha256 != body_sha256:
            detail = f"Idempotency-Key '{key}' was sent with another body; use a new key"
            raise ProblemError(Problem("idempotency-conflict", detail))
        return self._jobs[job_id]

    def _check_room(self) -> None:
        if not self._open:
            raise ProblemError(
                Problem("not-ready", "the service is starting or stopping; try again later")
            )
        finished = [job.id for job in self._jobs.values() if job.done.is_set()]
        if len(self._jobs) - len(finished) >= MAX_UNFINISHED:
            detail = f"{MAX_UNFINISHED} jobs are unfinished; wait for one or cancel one"
            raise ProblemError(Problem("busy", detail))
        forgotten = set(finished[: max(0, len(finished) - self._max_kept)])
        for job_id in forgotten:
            del self._jobs[job_id]
        if forgotten:
            self._by_key = {k: v for k, v in self._by_key.items() if v[1] not in forgotten}

    async def _run(self, job: Job) -> None:
        state = JobState.FAILED
        try:
            async with asyncio.timeout(job.request.deadline_s):
                job.result = await self._solve(job)
            state = JobState.SUCCEEDED
        except TimeoutError:
            job.problem = Problem("deadline", self._deadline_text(job))
        except ProblemError as error:
            job.problem = error.problem
        except asyncio.CancelledError:
            if not job.done.is_set():
                self._end_cancelled(job)
            raise
        job.finish(state, self._clock.wall_s())
        log.info("job %s %s", job.id, state.value)

    def _deadline_text(self, job: Job) -> str:
        where = "waiting for a worker" if job.started_s is None else "in the optimizer"
        return (
            f"no result within deadline_s = {job.request.deadline_s:g} s ({where}); the job was "
            "killed. Give it more time or a smaller case"
        )

    async def _solve(self, job: Job) -> dict[str, Any]:
        worker = await self._idle.get()
        job.state = JobState.RUNNING
        job.started_s = self._clock.wall_s()
        worker.arm()
        answer = self._threads.submit(worker.ask, job.request.payload())
        loop = asyncio.get_running_loop()
        answer.add_done_callback(
            lambda _: loop.call_soon_threadsafe(self._give_back, worker)  # only now is it free
        )
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            worker.kill()
            raise

    def _give_back(self, worker: WorkerProcess) -> None:
        if not self._open:
            return
        started: Future[Any] = self._threads.submit(worker.start)  # warm again after a kill
        loop = asyncio.get_running_loop()
        started.add_done_callback(
            lambda _: loop.call_soon_threadsafe(self._idle.put_nowait, worker)
        )
