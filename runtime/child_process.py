"""Processes that this package starts, and stops again by their own handle."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from operator_agent.errors import LinkError, PlantError, SolveFailedError

STOP_TIMEOUT_S = 10.0
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def ask_once(module: str, question: Any) -> dict[str, Any]:
    """Return the answer of one of this package's modules, run once in a process of its own.

    Unlike a worker of `multiprocessing`, the process imports nothing of the caller's program.

    Args:
        module: reads JSON on standard input and writes one line of JSON.
        question: plain values.

    Raises:
        SolveFailedError: the process ended without an answer.
    """
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        env={**ONE_THREAD, **os.environ},  # more threads are slower for these small matrices
        check=False,
    )
    said = done.stdout.splitlines()
    if done.returncode != 0 or not said:
        why = " ".join(done.stderr.strip().splitlines()[-1:])
        raise SolveFailedError(
            f"the process of {module} ended with code {done.returncode} and no answer: {why}"
        )
    return dict(json.loads(said[-1]))


class ChildProcess:
    """One `operator-agent` command in a process of its own, with its log in a file."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        """Start the command."""
        self._name = " ".join(arguments[:2])
        self._log_path = log
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "operator_agent.runtime.cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def tell(self, payload: dict[str, object]) -> None:
        """Send one line of JSON.

        Raises:
            LinkError: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(payload) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def answer(self) -> None:
        """Wait for one line of JSON that says ok.

        Raises:
            LinkError: the process has ended.
            PlantError: it answered that the plant stopped, with the reason.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        reply = json.loads(line)
        if not reply["ok"]:
            raise PlantError(str(reply["error"]))

    def _ended(self) -> LinkError:
        self._process.wait(STOP_TIMEOUT_S)
        tail = self._log_path.read_text().strip().splitlines()[-3:]
        return LinkError(
            f"the process '{self._name}' ended with code {self._process.returncode}: "
            f"{' '.join(tail) or 'it said nothing'} (log: {self._log_path})"
        )

    def __enter__(self) -> "ChildProcess":
        """Return the running process."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: politely, then firmly."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()
