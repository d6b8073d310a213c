"""The runner's memory: it is bounded, and a key lives as long as its job."""

import asyncio
import math
from typing import Any, cast

import pytest

from operator_agent.api.contract import OptimizationRequest
from operator_agent.api.jobs import JobRunner, JobState
from operator_agent.api.problems import ProblemError
from operator_agent.api.worker import Optimize
from operator_agent.clock import ManualClock

ANY_FUNCTION = cast(Optimize, math.hypot)  # importable by the worker; no job here gets that far
REQUEST = OptimizationRequest()


def test_oldest_finished_jobs_are_forgotten_with_their_keys() -> None:
    async def main() -> Any:
        runner = JobRunner(ANY_FUNCTION, workers=1, clock=ManualClock(), max_kept=2)
        async with runner:
            jobs = []
            for number in range(5):
                jobs.append(runner.submit(REQUEST, "owner", f"key {number}"))
                await runner.cancel(jobs[-1].id)
            assert runner.submit(REQUEST, "owner", "key 4") is jobs[4]
            assert runner.submit(REQUEST, "another owner", "key 4") is not jobs[4]
            assert runner.submit(REQUEST, "owner", "key 0") is not jobs[0]
            with pytest.raises(ProblemError, match="no job"):
                runner.job(jobs[0].id)

    asyncio.run(main())


def test_end_of_the_runner_cancels_what_waits_and_takes_no_more() -> None:
    async def main() -> None:
        runner = JobRunner(ANY_FUNCTION, workers=1, clock=ManualClock(wall_s=7.0))
        with pytest.raises(ProblemError, match="stopping"):
            runner.submit(REQUEST, "owner", None)
        async with runner:
            jobs = [runner.submit(REQUEST, "owner", None) for _ in range(3)]
        assert [job.state for job in jobs] == [JobState.CANCELLED] * 3
        assert {job.finished_s for job in jobs} == {7.0}
        assert not runner.ready

    asyncio.run(main())
