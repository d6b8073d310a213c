"""Time of a control cycle as C code on the published reactor, beside Python and do-mpc.

Run with `python -m benchmarks.mpc.exported_c [--json FILE]`; one core: OMP_NUM_THREADS=1. Each case
is exported, built with `cc -O3 -march=native`, and run as a program of its own in the closed loop
of `operator-agent bench mpc`; its times are the processor's, taken around each step inside of it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.export.c_code import export_c
from operator_agent.mpc.peers.catalogue import engine_named
from operator_agent.mpc.peers.engine import EngineMove, Reading
from operator_agent.mpc.peers.own_engine import OwnEngine
from operator_agent.mpc.problem import Problem
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.published.closed_loop import run_engine
from operator_agent.mpc.published.control_problem import closed_loop_cost

CASES = ("reactor", "reactor-setpoint", "reactor-feed", "reactor-alpha-high", "reactor-alpha-low",
         "reactor-beta-high", "reactor-beta-low", "reactor-noise", "reactor-limit")  # fmt: skip
LOOPS = 3
BUILD = ("cc", "-O3", "-march=native", "-o", "control")


class Program(AbstractContextManager["Program"]):
    """A built controller that is running."""

    def __init__(self, problem: Problem, folder: Path) -> None:
        """Export, build and start it."""
        files = export_c(problem, "control", folder)
        texts = [file.name for file in files if file.suffix == ".c"]
        subprocess.run([*BUILD, *texts, "-lm"], cwd=folder, check=True)
        self._process = subprocess.Popen(
            [folder / "control", "time"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Let it end."""
        self._process.communicate()

    def step(self, problem: Problem) -> tuple[int, FloatArray, float]:
        """Return result, move and time [us] of one step."""
        p = problem
        parts = (p.x, p.u_held, p.d, p.y_reference, p.u_reference, p.bias)
        line = " ".join(repr(float(v)) for part in parts for v in np.ravel(part))
        assert self._process.stdin is not None and self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        result, *numbers = self._process.stdout.readline().split()
        found = np.array(numbers, dtype=np.float64)
        return int(result), found[:-1], float(found[-1])


class ProgramRun:
    """The program in a closed loop; see `EngineRun`."""

    def __init__(self, case: Case, folder: Path) -> None:
        """Make the case's problem; the program starts with the first reading."""
        self._own, self._folder = OwnEngine("own", "", 3).start(case), folder
        self._program: Program | None = None
        self.times_us: list[float] = []

    def move(self, reading: Reading) -> EngineMove:
        """Return its move."""
        problem = self._own.problem(reading)
        if self._program is None:
            self._program = Program(problem, self._folder)
        result, move, took_us = self._program.step(problem)
        self.times_us.append(took_us)
        if result:
            return EngineMove(reading.u_held, False, 0, f"result {result}")
        return EngineMove(move, True, 0)

    def end(self) -> None:
        """Let the program end."""
        if self._program is not None:
            self._program.__exit__(None, None, None)


@dataclass(slots=True)
class ProgramEngine:
    """The program as an engine; see `Engine`.

    Attributes:
        name, story: see there.
        folder: where it is built.
        run: the last one.
    """

    name: str
    story: str
    folder: Path
    run: ProgramRun | None = None

    def refusal(self, case: Case) -> str:
        """Return nothing: it runs every reactor."""
        return ""

    def start(self, case: Case) -> ProgramRun:
        """Return a run with a program of its own."""
        self.run = ProgramRun(case, self.folder)
        return self.run


def row(case: Case, folder: Path) -> dict[str, Any]:
    """Return times in ms and costs of one case, the engines taking turns."""
    exported = ProgramEngine("C", "", folder)
    others = {name: engine_named(name) for name in ("own", "do_mpc")}
    times: dict[str, list[FloatArray]] = {"C": [], "own": [], "do_mpc": []}
    found: dict[str, Any] = {"case": case.name}
    for _ in range(LOOPS):
        record = run_engine(case, exported, 0)
        assert exported.run is not None
        exported.run.end()
        times["C"].append(np.array(exported.run.times_us) * 1e-3)
        found["C_failed"] = len(record.failures)
        found["C_cost"] = closed_loop_cost(case.problem, record.loop)
        for name, engine in others.items():
            record = run_engine(case, engine, 0)
            times[name].append(record.cpu_ms)
            found[f"{name}_cost"] = closed_loop_cost(case.problem, record.loop)
    for name, loops in times.items():
        median = np.median(np.array(loops), axis=0)[1:]  # without the cold start
        found[f"{name}_median_ms"] = float(np.median(median))
        found[f"{name}_p99_ms"] = float(np.percentile(median, 99.0))
    return found


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    try:
        engine_named("do_mpc").start(published_case(CASES[0], 2))
    except InputError as error:
        parser.error(f"{error}; here the comparison needs it")
    found = []
    print("| case | C p50 / p99 [ms] | Python | do-mpc | C faster than do-mpc | cost off Python |")
    print("|---|---|---|---|---|---|")
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            one = row(published_case(name, None), Path(folder))
        found.append(one)
        cells = [f"{one[f'{e}_median_ms']:.3g} / {one[f'{e}_p99_ms']:.3g}" for e in
                 ("C", "own", "do_mpc")]  # fmt: skip
        ratio = " / ".join(f"{one[f'do_mpc_{q}'] / one[f'C_{q}']:.0f}" for q in
                           ("median_ms", "p99_ms"))  # fmt: skip
        off = one["C_cost"] / one["own_cost"] - 1.0
        print(f"| {name} | {' | '.join(cells)} | {ratio} | {off:+.0e} |", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
