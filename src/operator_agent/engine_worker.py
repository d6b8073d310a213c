"""One worker process of the process engine: it answers item by item, and may die at any of them."""

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from operator_agent.engine_task import TaskResult, attempt, failed, lost

ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
}
"""Set for every worker: more threads are slower, and may change the last digits of a result."""

CLEANED = "ignore:resource_tracker:UserWarning"
"""Locks of a process that was ended at work are cleaned up after it: nothing to warn of."""

END_TIMEOUT_S = 5.0  # an idle worker ends at once when its pipe closes; a stuck one is killed

Packed = tuple[int, bytes]
"""An item on its way: its index, and itself as bytes."""


def packed(value: Any) -> bytes:
    """Return a value as it goes through a pipe.

    Raises:
        Exception: it cannot go, such as a function inside a function or an open file.
    """
    return bytes(ForkingPickler.dumps(value))


class EngineWorker:
    """A process that works on a chunk of items and tells each result at once."""

    def __init__(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="engine", daemon=True)
        with theirs, _environment():
            self._process.start()
        self.pending: list[Packed] = []
        self.ready = False
        self._since_s = math.inf

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def give(self, fn: bytes, chunk: Sequence[Packed]) -> None:
        """Send a function and the items for it; the worker must be idle."""
        self.pending = list(chunk)
        self._since_s = time.monotonic() if self.ready else math.inf
        with contextlib.suppress(OSError):  # a dead process is found out when its answer is read
            self.pipe.send((fn, self.pending))

    def take(self) -> TaskResult[Any] | None:
        """Return the next result, or None when the process has only said that it is ready.

        Raises:
            EOFError: the process has ended.
        """
        try:
            found: TaskResult[Any] | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        self.ready = True
        self._since_s = time.monotonic()
        if found is not None:
            self.pending.pop(0)
        return found

    def remaining_s(self, limit_s: float) -> float:
        """Return how long the present item may still take [s]; starting up does not count."""
        return self._since_s + limit_s - time.monotonic()

    def lost_item(self) -> TaskResult[Any]:
        """Return the result of the item that the process died of, and take it off the pending."""
        self.kill()
        code = self._process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return lost(self.pending.pop(0)[0], f"the worker process ended with {how}")

    def overdue_item(self, limit_s: float) -> TaskResult[Any]:
        """End the process, and return the result of its item, which took too long."""
        self.kill()
        why = f"the worker process was ended after {limit_s:g} s, the limit of an item,"
        return lost(self.pending.pop(0)[0], why)

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        if self._process.pid is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it has not made its group yet, or is gone
                self._process.kill()
        self._process.join()
        self.pipe.close()

    def close(self) -> None:
        """End the process: an idle one by itself, any other by force."""
        self.pipe.close()
        if not self.pending:
            self._process.join(END_TIMEOUT_S)
        self.kill()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Set the environment of a process that starts; it must be set before numpy is loaded."""
    warnings = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), CLEANED)))
    wanted = {**ONE_THREAD, "PYTHONWARNINGS": warnings}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection) -> None:
    os.setpgid(0, 0)  # a group of its own: Ctrl-C stops the caller, a kill takes children along
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the engine has closed its end
        pipe.send(None)
        while True:
            fn, chunk = pipe.recv()
            for index, item in chunk:
                pipe.send_bytes(_answer(index, fn, item))


def _answer(index: int, fn: bytes, item: bytes) -> bytes:
    result = attempt(_unpack_and_call, index, (fn, item))
    try:
        return packed(result)
    except Exception as error:  # noqa: BLE001 - whatever cannot go through a pipe
        return packed(failed(index, error, result.seconds))


def _unpack_and_call(call: tuple[bytes, bytes]) -> Any:
    fn: Callable[[Any], Any] = ForkingPickler.loads(call[0])
    return fn(ForkingPickler.loads(call[1]))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)
