"""One worker process: it runs `optimize`, and can be killed at any moment.

Never a thread: two Pyomo+HiGHS solves in threads of one process hang each other, a thread cannot
be killed, and a solver that takes its process down must not take the service down.
"""

import json
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from operator_agent.api.contract import OptimizationReply
from operator_agent.api.problems import Problem, ProblemError, problem_of
from operator_agent.errors import InputError, OperatorAgentError
from operator_agent.signing import Json, canonical_json

log = logging.getLogger(__name__)

Payload = dict[str, Any]
Optimize = Callable[[Payload], Payload]


class WorkerProcess:
    """A process that answers one request after another.

    `start`, `ask` and `close` block and are for one thread at a time; `kill` may come from another
    thread at any moment, and lasts until `arm`.
    """

    def __init__(self, optimize: Optimize) -> None:
        """Prepare a process for this function; it starts with `start` or the first `ask`."""
        self._optimize = optimize
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._killed = False

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_alive()

    def arm(self) -> None:
        """Forget an earlier `kill`."""
        self._killed = False

    def start(self) -> Connection:
        """Start the process unless it runs, and return the pipe to it."""
        if self.alive and self._pipe is not None:
            return self._pipe
        self._drop_pipe()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(self._optimize, theirs), name="optimizer", daemon=True
        )
        with theirs:
            self._process.start()
        return self._pipe

    def ask(self, payload: Mapping[str, Json]) -> Payload:
        """Return what `optimize` makes of a payload.

        Raises:
            ProblemError: `optimize` raised, gave an invalid reply, or its process ended.
        """
        try:
            pipe = self.start()
            if self._killed:
                self.kill()
            pipe.send_bytes(canonical_json(payload))
            answer = json.loads(pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise ProblemError(self._lost()) from error
        if "problem" in answer:
            raise ProblemError(Problem(**answer["problem"]))
        return cast(Payload, answer["result"])

    def kill(self) -> None:
        """End the process and all its children at once; does not block."""
        self._killed = True
        process = self._process
        if process is None or process.pid is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not made its group yet, or is gone
            process.kill()

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self.kill()
        if self._process is not None and self._process.pid is not None:
            self._process.join()
        self._drop_pipe()

    def _lost(self) -> Problem:
        killed = self._killed
        self.close()
        self._killed = killed
        code = None if self._process is None else self._process.exitcode
        if not killed:
            log.error("the optimizer's process ended with exit code %s", code)
        return Problem(
            "worker-lost",
            f"the optimizer's process ended with exit code {code} before it gave a result; the "
            "service's log holds the cause. The next job gets a new process",
        )

    def _drop_pipe(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _serve(optimize: Optimize, pipe: Connection) -> None:
    os.setpgid(0, 0)  # a group of its own, so that a kill takes the solver's children along
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            payload = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(_answer(optimize, payload))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def _answer(optimize: Optimize, payload: Payload) -> bytes:
    """Return the answer as JSON. Errors that are not the package's own end the process."""
    try:
        reply = optimize(payload)
    except OperatorAgentError as error:
        problem = problem_of(error)
        return canonical_json({"problem": {"kind": problem.kind, "detail": problem.detail}})
    try:
        return canonical_json({"result": OptimizationReply.from_payload(reply).payload()})
    except InputError as error:
        detail = f"the optimizer's reply is not valid: {error}"
        return canonical_json({"problem": {"kind": "internal", "detail": detail}})
