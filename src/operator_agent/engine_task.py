"""One piece of work of an engine, and what came of it: a value, or the reason why there is none."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from operator_agent.errors import OperatorAgentError, SolveFailedError

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")

LOST = "WorkerLost"
"""Kind of error of an item whose process ended."""


@dataclass(frozen=True, slots=True)
class TaskResult(Generic[ValueT]):
    """What came of one item.

    Attributes:
        index: place of the item among the items.
        outcome: what the function returned; None when it failed.
        error: why there is no value, in one sentence; empty when there is one.
        error_kind: class of the error, such as `LimitsConflictError`, or `WorkerLost`; empty when
            there is a value.
        seconds: that the item took [s]; zero when its process ended.
    """

    index: int
    outcome: ValueT | None
    error: str = ""
    error_kind: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return not self.error_kind

    @property
    def value(self) -> ValueT:
        """What the function returned.

        Raises:
            SolveFailedError: the item failed; the message tells why.
        """
        if not self.ok:
            raise SolveFailedError(f"item {self.index} has no value: {self.error}")
        return self.outcome  # type: ignore[return-value]  # None is a value too


Progress = Callable[[TaskResult[Any]], None]
"""Is told each result as soon as it is known, in the order in which the items finish."""


def attempt(fn: Callable[[ItemT], ValueT], index: int, item: ItemT) -> TaskResult[ValueT]:
    """Return what a function makes of an item; an exception becomes the reason of a failure."""
    begin_s = time.monotonic()
    try:
        outcome = fn(item)
    except Exception as error:  # noqa: BLE001 - an item that fails must not take the others along
        return failed(index, error, time.monotonic() - begin_s)
    return TaskResult(index, outcome, seconds=time.monotonic() - begin_s)


def failed(index: int, error: Exception, seconds: float = 0.0) -> TaskResult[Any]:
    """Return the result of an item that raised; errors of this package already are sentences."""
    kind = type(error).__name__
    text = str(error) if isinstance(error, OperatorAgentError) else f"{kind}: {error}"
    return TaskResult(index, None, text, kind, seconds)


def lost(index: int, why: str) -> TaskResult[Any]:
    """Return the result of an item whose process ended."""
    return TaskResult(index, None, f"{why} while it worked on this item; the others go on", LOST)
