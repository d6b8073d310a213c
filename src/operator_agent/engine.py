"""Engines: one function over many items, in this process, in others, or on a cluster.

All engines give the same results in the order of the items. What fails loses only its own item:
its result tells why, the rest complete. Random numbers stay the same on every engine because items
carry their own seeds.

Solvers that may not share a process with another solve (see `planning.solve`) get what they need:
every item runs in the main thread of a process, never in a thread beside another.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Protocol, Self

from operator_agent.engine_task import (
    ItemT,
    Progress,
    TaskResult,
    ValueT,
    attempt,
    failed,
)
from operator_agent.engine_worker import EngineWorker, Packed, packed
from operator_agent.errors import InputError, SolveFailedError

__all__ = ["Engine", "ProcessEngine", "Progress", "SerialEngine", "TaskResult", "engine_from"]

ENGINES = ("serial", "process", "ray")


class Engine(Protocol):
    """Where many items are worked on. Use as a context manager."""

    def map(
        self,
        fn: Callable[[ItemT], ValueT],
        items: Sequence[ItemT],
        *,
        chunksize: int = 1,
        progress: Progress | None = None,
    ) -> list[TaskResult[ValueT]]:
        """Return the results of a function over items, in the order of the items.

        Args:
            fn: at the top level of a module, or a `functools.partial` of such a function.
            items: values that can go to another process.
            chunksize: items that go to a process at once; more than one pays for short items only.
            progress: is told each result as soon as it is known, in this process.

        Raises:
            InputError: the chunk size is not positive, or the function cannot go to a process.
        """
        ...

    def close(self) -> None:
        """End what the engine has started."""
        ...

    def __enter__(self) -> Self:
        """Return the engine."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the engine."""
        ...


class ClosedAtExit:
    """Closes an engine at the end of its `with` block."""

    def close(self) -> None:
        """End what the engine has started."""

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the engine."""
        self.close()


class SerialEngine(ClosedAtExit):
    """Works on one item after another in this process, which an item that dies takes along."""

    def map(
        self,
        fn: Callable[[ItemT], ValueT],
        items: Sequence[ItemT],
        *,
        chunksize: int = 1,
        progress: Progress | None = None,
    ) -> list[TaskResult[ValueT]]:
        """Return the results in the order of the items; see `Engine.map`."""
        check_chunksize(chunksize)
        results = []
        for index, item in enumerate(items):
            results.append(attempt(fn, index, item))
            if progress is not None:
                progress(results[-1])
        return results


class ProcessEngine(ClosedAtExit):
    """Works in processes of this machine, each with one thread for linear algebra.

    A process that dies loses the item that it was on; a new process goes on with the rest.
    """

    def __init__(self, workers: int | None = None, item_limit_s: float | None = None) -> None:
        """Prepare the processes; they start with the first map and stay until `close`.

        Args:
            workers: number of processes; as many as there are processors when not given.
            item_limit_s: time after which an item is given up [s]; none when not given.

        Raises:
            InputError: the number or the time is not positive.
        """
        self._n_workers = checked_workers(workers)
        if item_limit_s is not None and not item_limit_s > 0.0:
            raise InputError(f"the time limit of an item is {item_limit_s} s; give more than 0")
        self._limit_s = item_limit_s
        self._workers: list[EngineWorker] = []

    def map(
        self,
        fn: Callable[[ItemT], ValueT],
        items: Sequence[ItemT],
        *,
        chunksize: int = 1,
        progress: Progress | None = None,
    ) -> list[TaskResult[ValueT]]:
        """Return the results in the order of the items; see `Engine.map`.

        Raises:
            SolveFailedError: the processes cannot start.
        """
        check_chunksize(chunksize)
        results: dict[int, TaskResult[Any]] = {}

        def note(result: TaskResult[Any]) -> None:
            results[result.index] = result
            if progress is not None:
                progress(result)

        code, waiting = _packed_call(fn), deque[Packed]()
        for index, item in enumerate(items):
            try:
                waiting.append((index, packed(item)))
            except Exception as error:  # noqa: BLE001 - whatever cannot go through a pipe
                note(failed(index, error))
        try:
            self._run(code, waiting, chunksize, note)
        except BaseException:
            self.close()  # busy processes would answer into the next map
            raise
        return [results[index] for index in range(len(items))]

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()

    def _run(self, code: bytes, waiting: deque[Packed], chunksize: int, note: Progress) -> None:
        self._workers = [worker for worker in self._workers if worker.alive]
        while len(self._workers) < min(self._n_workers, len(waiting)):
            self._workers.append(EngineWorker())
        for worker in self._workers:
            _feed(worker, code, waiting, chunksize)
        while busy := {worker.pipe: worker for worker in self._workers if worker.pending}:
            for pipe in wait(list(busy), self._patience_s(list(busy.values()))):
                worker = busy[pipe]  # type: ignore[index]  # only these pipes are waited for
                try:
                    result = worker.take()
                except EOFError:
                    note(_item_of_the_dead(worker))
                    worker = self._replace(worker, waiting)
                else:
                    if result is not None:
                        note(result)
                if not worker.pending:
                    _feed(worker, code, waiting, chunksize)
            for worker in self._overdue():
                note(worker.overdue_item(self._limit_s or 0.0))
                _feed(self._replace(worker, waiting), code, waiting, chunksize)

    def _patience_s(self, busy: Sequence[EngineWorker]) -> float | None:
        """Return how long to wait for an answer until the first item is overdue [s]."""
        if self._limit_s is None:
            return None
        least = max(min(worker.remaining_s(self._limit_s) for worker in busy), 0.0)
        return least if math.isfinite(least) else None

    def _overdue(self) -> list[EngineWorker]:
        limit_s = self._limit_s
        if limit_s is None:
            return []
        return [w for w in self._workers if w.pending and w.remaining_s(limit_s) <= 0.0]

    def _replace(self, dead: EngineWorker, waiting: deque[Packed]) -> EngineWorker:
        """Return a new worker in place of a dead one, whose other items wait again."""
        waiting.extendleft(reversed(dead.pending))
        fresh = EngineWorker()
        self._workers[self._workers.index(dead)] = fresh
        return fresh


def _feed(worker: EngineWorker, code: bytes, waiting: deque[Packed], chunksize: int) -> None:
    chunk = [waiting.popleft() for _ in range(min(chunksize, len(waiting)))]
    if chunk:
        worker.give(code, chunk)


def _item_of_the_dead(worker: EngineWorker) -> TaskResult[Any]:
    result = worker.lost_item()
    if not worker.ready:
        raise SolveFailedError(
            f"the worker processes cannot start ({result.error.split(' while ')[0]}); a script "
            "that uses the engine must do so under: if __name__ == '__main__':"
        )
    return result


def _packed_call(fn: Callable[[Any], Any]) -> bytes:
    try:
        return packed(fn)
    except Exception as error:
        raise InputError(
            f"function {getattr(fn, '__qualname__', fn)!r} cannot go to another process ({error}); "
            "define it at the top level of a module"
        ) from error


def check_chunksize(chunksize: int) -> None:
    """Refuse a chunk size below one.

    Raises:
        InputError: it is.
    """
    if chunksize < 1:
        raise InputError(f"chunksize is {chunksize}; give 1 or more")


def checked_workers(workers: int | None) -> int:
    """Return the number of workers; the number of processors when not given.

    Raises:
        InputError: it is not positive.
    """
    found = workers if workers is not None else os.cpu_count() or 1
    if found < 1:
        raise InputError(f"workers is {found}; give 1 or more")
    return found


def engine_from(name: str, workers: int | None = None, item_limit_s: float | None = None) -> Engine:
    """Return the engine with this name.

    Args:
        name: `serial`, `process` or `ray`.
        workers: processes to work in; as many as there are processors when not given. `ray` uses
            a cluster at the address in the environment variable RAY_ADDRESS when there is one.
        item_limit_s: time after which `process` gives an item up [s]; none when not given.

    Raises:
        InputError: no such engine, a number that is not positive, a time limit for an engine that
            cannot keep it, or Ray is not installed.
    """
    if item_limit_s is not None and name != "process":
        raise InputError(f"engine '{name}' cannot keep a time limit; use the engine 'process'")
    if name == "serial":
        checked_workers(workers)
        return SerialEngine()
    if name == "process":
        return ProcessEngine(workers, item_limit_s)
    if name == "ray":
        from operator_agent.ray_engine import RayEngine

        return RayEngine(os.environ.get("RAY_ADDRESS"), workers)
    raise InputError(f"engine '{name}' is not known; use one of {', '.join(ENGINES)}")
