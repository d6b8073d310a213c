"""Engines against each other on the published cases, paired in one run.

Loops alternate: each engine runs the whole case, then all of them again, so that every engine sees
the same minutes of the machine. The first cycle of a loop is cold and is told apart. Times are CPU
time around the whole call, on one thread what the wall shows when the machine is idle; the wall's
are given beside them. The loops of one engine are the same cycle by cycle, so the time of a cycle
is its median over the loops: what the machine did to one of them is not the engine's. The 99th
percentile of all loops' cycles pooled is told too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.peers.catalogue import DO_MPC_TIGHT, REFERENCE
from operator_agent.mpc.peers.engine import Engine
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.closed_loop import LoopRecord, run_engine
from operator_agent.mpc.published.control_problem import (
    closed_loop_cost,
    hard_violation,
    soft_violation,
)

SHOWN_FAILURES = 3
REPEATS = 3

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One engine on one case.

    Attributes:
        case: the case.
        engine: name of the engine.
        records: of its loops; empty when it could not run.
        reference: loop of the converged solution; None when that could not run.
        reason: why it did not run; empty when it did.
    """

    case: Case
    engine: str
    records: tuple[LoopRecord, ...]
    reference: LoopRecord | None
    reason: str = ""

    def payload(self) -> dict[str, Any]:
        """Return the row as plain values; times in ms, violations in scales of the variables."""
        found: dict[str, Any] = {"case": self.case.name, "engine": self.engine}
        empty = ("median_ms", "p99_ms", "cost", "reference_cost", "hard_violation", "failed_cycles")
        if not self.records:
            return {**found, **dict.fromkeys(empty), "reason": self.reason}
        problem, first = self.case.problem, self.records[0]
        cpu, wall = (_by_cycle(self.records, name) for name in ("cpu_ms", "wall_ms"))
        reference = self.reference
        return {
            **found,
            "median_ms": _quantile(np.median(cpu, axis=0), 50.0),
            "p99_ms": _quantile(np.median(cpu, axis=0), 99.0),
            "cost": closed_loop_cost(problem, first.loop),
            "reference_cost": closed_loop_cost(problem, reference.loop) if reference else None,
            "hard_violation": hard_violation(problem, first.loop),
            "failed_cycles": len(first.failures),
            "clock": "cpu",
            "pooled_p99_ms": _quantile(cpu.ravel(), 99.0),
            "wall_median_ms": _quantile(np.median(wall, axis=0), 50.0),
            "wall_p99_ms": _quantile(np.median(wall, axis=0), 99.0),
            "cold_start_ms": float(np.min([record.cpu_ms[0] for record in self.records])),
            "iterations": _quantile(first.iterations[1:], 50.0),
            "soft_violation": soft_violation(problem, first.loop),
            "reference_hard_violation": (
                hard_violation(problem, reference.loop) if reference else None
            ),
            "reference_failed_cycles": len(reference.failures) if reference else None,
            "finished_cycle": self.case.finished(first.loop.x),
            "cycles": int(first.loop.u.shape[0]),
            "repeats": len(self.records),
            "failures": list(first.failures[:SHOWN_FAILURES]),
            "ended": first.ended,
            "story": self.case.story,
            "reason": "",
        }


def bench_case(
    case: Case, engines: Sequence[Engine], seed: int, repeats: int, progress: Progress
) -> list[BenchRow]:
    """Return the rows of all engines on one case.

    Args:
        case: to run.
        engines: to compare.
        seed: of the noise.
        repeats: loops of each engine; costs are the same each time, times are the medians.
        progress: is told what runs now.
    """
    chosen = DO_MPC_TIGHT if case.robust else REFERENCE
    records: dict[str, list[LoopRecord]] = {}
    reasons: dict[str, str] = {}
    for repeat in range(repeats):
        for engine in _with_reference(engines, chosen, repeat):
            if engine.name in reasons:
                continue
            progress(f"{case.name}: {engine.name} ({repeat + 1} of {repeats})")
            reason = engine.refusal(case)
            try:
                found = None if reason else run_engine(case, engine, seed)
            except InputError as error:
                found, reason = None, str(error)
            if found is None:
                reasons[engine.name] = reason
            else:
                records.setdefault(engine.name, []).append(found)
    converged = records.get(chosen.name, [None])[0]
    return [
        BenchRow(
            case,
            engine.name,
            tuple(records.get(engine.name, ())),
            converged,
            reasons.get(engine.name, ""),
        )
        for engine in engines
    ]


def _with_reference(engines: Sequence[Engine], chosen: Engine, repeat: int) -> list[Engine]:
    """Return the engines of one round, with the reference once; the order turns each round."""
    names = [engine.name for engine in engines]
    more = [chosen] if chosen.name not in names and repeat == 0 else []
    turn = repeat % max(len(engines), 1)
    return [*engines[turn:], *engines[:turn], *more]


def _by_cycle(records: Sequence[LoopRecord], name: str) -> FloatArray:
    """Return the times of warm cycles, shape (n_loops, n_cycles) [ms]."""
    n_cycles = min(len(record.cpu_ms) for record in records)
    return np.stack([getattr(record, name)[1:n_cycles] for record in records])


def _quantile(values: Any, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None
