"""The engine on a Ray cluster: of several machines, or one that it starts on this machine."""

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from operator_agent.engine import ClosedAtExit, check_chunksize, checked_workers
from operator_agent.engine_task import (
    ItemT,
    Progress,
    TaskResult,
    ValueT,
    attempt,
    failed,
    lost,
)
from operator_agent.engine_worker import ONE_THREAD
from operator_agent.errors import InputError, LinkError

CRASH_RETRIES = 1  # of single items: a machine that goes down can look like a crash at first
MOVES = 3  # of items from machines that are lost to others
LOOPBACK = ("127.", "localhost", "[::1]")
REACH_TIMEOUT_S = 5.0  # Ray itself tries for minutes

Chunk = list[tuple[int, Any]]


class RayEngine(ClosedAtExit):
    """Works on the machines of a Ray cluster.

    Items of a machine that is lost run again on another, so functions must have no effects that
    matter twice. Every machine needs this package in the same version.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            address: `host:port` of the cluster's head; None starts one here. When this process is
                connected to a cluster already, that one is used and left running.
            workers: items at work at the same time; as many as the cluster has processors when
                not given.

        Raises:
            InputError: Ray is not installed, the number of workers is not positive, or the address
                is no `host:port`.
            LinkError: the cluster is out of reach.
        """
        self._window = None if workers is None else checked_workers(workers)
        if address is not None:
            _check_reach(address)
        self._ray = _ray_for(address)
        self._owns = not self._ray.is_initialized()
        if self._owns:
            _connect(self._ray, address, self._window)

    def map(
        self,
        fn: Callable[[ItemT], ValueT],
        items: Sequence[ItemT],
        *,
        chunksize: int = 1,
        progress: Progress | None = None,
    ) -> list[TaskResult[ValueT]]:
        """Return the results in the order of the items; see `engine.Engine.map`."""
        check_chunksize(chunksize)
        results: dict[int, TaskResult[Any]] = {}
        numbered = list(enumerate(items))
        starts = range(0, len(numbered), chunksize)
        waiting = deque[Chunk](numbered[start : start + chunksize] for start in starts)
        at_work: dict[Any, Chunk] = {}
        moves: Counter[int] = Counter()
        call = self._call(fn)
        try:
            while waiting or at_work:
                while waiting and (self._window is None or len(at_work) < self._window):
                    chunk = waiting.popleft()
                    at_work[call(chunk)] = chunk
                finished, _ = self._ray.wait(list(at_work))
                taken, again = self._taken(finished[0], at_work.pop(finished[0]), moves)
                waiting.extendleft(reversed(again))
                for result in taken:
                    results[result.index] = result
                    if progress is not None:
                        progress(result)
        except BaseException:
            for reference in at_work:
                self._ray.cancel(reference, force=True)
            raise
        return [results[index] for index in range(len(numbered))]

    def close(self) -> None:
        """Leave the cluster; one that the engine started ends."""
        if self._owns and self._ray.is_initialized():
            self._ray.shutdown()

    def _call(self, fn: Callable[[Any], Any]) -> Callable[[Chunk], Any]:
        """Return what sends a chunk to the cluster."""
        remote = self._ray.remote(num_cpus=1)(_work)
        try:
            function = self._ray.put(fn)
        except Exception as error:
            raise InputError(
                f"function {getattr(fn, '__qualname__', fn)!r} cannot go to a cluster ({error}); "
                "define it at the top level of a module"
            ) from error

        def call(chunk: Chunk) -> Any:
            retries = CRASH_RETRIES if len(chunk) == 1 else 0  # a broken chunk runs item by item
            try:
                return remote.options(max_retries=retries).remote(function, chunk)
            except Exception as error:  # noqa: BLE001 - whatever of the items cannot be sent
                return self._ray.put(error)

        return call

    def _taken(
        self, reference: Any, chunk: Chunk, moves: Counter[int]
    ) -> tuple[list[TaskResult[Any]], list[Chunk]]:
        """Return the results of a chunk, and what of it must run again.

        A chunk whose machine is lost runs again as it is, one that broke runs item by item.
        """
        errors = self._ray.exceptions
        try:
            found = self._ray.get(reference)
        except Exception as error:  # noqa: BLE001 - Ray's own, and those of unreadable results
            found = error
        if not isinstance(found, Exception):
            return list(found), []
        first = chunk[0][0]
        moves[first] += 1
        moved = isinstance(found, errors.NodeDiedError | errors.ObjectLostError)
        if moved and moves[first] <= MOVES:
            return [], [chunk]
        if len(chunk) > 1:
            return [], [[item] for item in chunk]
        if isinstance(found, errors.RayError) and not isinstance(found, errors.RayTaskError):
            return [lost(first, f"the worker process ended ({type(found).__name__})")], []
        return [failed(first, found)], []


def _work(fn: Callable[[Any], Any], chunk: Chunk) -> list[TaskResult[Any]]:
    """Return the results of a chunk; runs on the cluster."""
    return [attempt(fn, index, item) for index, item in chunk]


def _ray_for(address: str | None) -> Any:
    """Return the Ray library, told to stay on the loopback unless the cluster is elsewhere."""
    if address is None or address.startswith(LOOPBACK):
        # Ray reads it once: else it looks for a route to the outside and waits minutes for it.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "engine 'ray' needs Ray: pip install 'operator-agent[cluster]'; or use the engine "
            "'process'"
        ) from error
    return ray


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    # `local` starts a cluster even where a killed program has left the address of its own.
    where: dict[str, Any] = {"address": address}
    if address is None:
        where = {"address": "local", "num_cpus": workers, "_node_ip_address": "127.0.0.1"}
        where["include_dashboard"] = False
    try:
        ray.init(
            **where,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": ONE_THREAD},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address or "this machine", error) from error


def _check_reach(address: str) -> None:
    """Refuse an address at which nothing listens.

    Raises:
        InputError: it is no `host:port`.
        LinkError: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(
            f"the address of a Ray cluster is '{address}'; write host:port, such as 10.0.0.5:6379"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_TIMEOUT_S).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> LinkError:
    return LinkError(
        f"no Ray cluster at {address}: {error}; start one with 'ray start --head', or leave "
        "RAY_ADDRESS unset to start one here"
    )
