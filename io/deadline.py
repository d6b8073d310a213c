"""One deadline for every request to a device.

`asyncio.timeout` is not enough here: below Python 3.12 the OPC UA library waits with a helper that
raises a subclass of CancelledError, which `asyncio.timeout` does not take for its own, so that the
cancellation would run through the whole controller.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")

GRACE_S = 0.5  # for a cancelled request to tidy up


async def within(limit_s: float, work: Awaitable[Result]) -> Result:
    """Return the result of `work`, or cancel it when the time is over.

    Args:
        limit_s: deadline [s].
        work: one request.

    Raises:
        TimeoutError: it did not end in time.
        ConnectionError: the link cancelled it.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that it is not reported as lost
        raise TimeoutError(f"no answer within {limit_s:g} s")
    if task.cancelled():
        raise ConnectionError("the link cancelled the request")
    return task.result()
