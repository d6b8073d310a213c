"""A deadline gives a TimeoutError, whatever kind of cancellation the work answers with."""

import asyncio

import pytest

from operator_agent.io.deadline import within


class OddCancellation(asyncio.CancelledError):
    """What a library may raise in place of CancelledError."""


async def stubborn() -> None:
    try:
        await asyncio.sleep(60.0)
    except asyncio.CancelledError as error:
        raise OddCancellation from error


async def failing_late() -> None:
    try:
        await asyncio.sleep(60.0)
    except asyncio.CancelledError:
        raise OSError("cut off") from None


async def answer() -> int:
    return 7


async def cancelled_by_its_link() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("work", [stubborn, failing_late])
def test_late_work_is_a_timeout(work: object) -> None:
    with pytest.raises(TimeoutError, match="no answer within"):
        asyncio.run(within(0.01, work()))  # type: ignore[operator]


def test_work_in_time_gives_its_result_or_its_own_error() -> None:
    assert asyncio.run(within(5.0, answer())) == 7
    with pytest.raises(ConnectionError, match="cancelled"):
        asyncio.run(within(5.0, cancelled_by_its_link()))


def test_a_cancelled_caller_cancels_the_work() -> None:
    async def run() -> bool:
        gone = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.sleep(60.0)
            finally:
                gone.set()

        caller = asyncio.create_task(within(60.0, work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.sleep(0)
        return gone.is_set()

    assert asyncio.run(run())
