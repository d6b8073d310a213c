"""The bench of published planning problems: solve each file and say what the answer is worth."""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import OperatorAgentError, SolveFailedError
from operator_agent.planning.bilinear.guards import density_guards, guarded
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.search import search
from operator_agent.planning.bounds.bound import BoundStatus, objective_bound
from operator_agent.planning.linear import compile_linear, solve_linear
from operator_agent.planning.outcome import PointWorth, SolverStop
from operator_agent.planning.published.emrps_physics import unphysical
from operator_agent.planning.published.instances import Instance, read_instance

REACHED = 1e-6  # relative: a start this near to the best known objective, or better, reached it
SMALL_COLUMNS = 300  # a bound costs less than the search up to here
SMALL_BOUND_SECONDS = 2.0  # what a small instance gets when the caller does not say
NO_BOUND = "not computed"
GUARDED = "the bound holds for densities that are no smaller than the given ones, as the plan's are"


@dataclass(frozen=True, slots=True)
class InstanceResult:
    """What the bench found for one file.

    Attributes:
        instance: name of the file, without its ending.
        status: `optimal` (proven), `local optimum`, `feasible`, or `error: ` and a sentence.
        objective: in the sense and the unit of the file, None after an error.
        best_known: published objective, None when there is none.
        gap: relative to the best known; positive is worse than it, negative better.
        bound: no plan is better, None when none was asked for or found.
        bound_status: what the bound is worth.
        seconds: reading, building and all starts; the bound apart.
        violation: largest miss of a row or bound, relative to its largest term, recomputed.
        hits: starts that reached the best known objective (the best found, when none is known),
            and starts that were made.
        notes: sentences for the reader.
    """

    instance: str
    status: str
    objective: float | None = None
    best_known: float | None = None
    gap: float | None = None
    bound: float | None = None
    bound_status: str = NO_BOUND
    seconds: float = 0.0
    violation: float | None = None
    hits: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the file gave no plan."""
        return self.objective is None

    def payload(self) -> dict[str, Any]:
        """Return the result as JSON can hold it; hits as {"reached": .., "of": ..}."""
        names = ("instance", "status", "objective", "best_known", "gap", "bound", "bound_status")
        payload: dict[str, Any] = {name: getattr(self, name) for name in names}
        payload |= {"seconds": round(self.seconds, 3), "violation": self.violation}
        payload["hits"] = {"reached": self.hits[0], "of": self.hits[1]}
        return payload | {"notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class _Answer:
    """A point and what it is worth."""

    x: FloatArray
    status: str
    objectives: tuple[float, ...]
    starts: int


def solve_instance(
    path: Path, *, starts: int | None = None, seed: int = 0, bound_seconds: float | None = None
) -> InstanceResult:
    """Return what the bench finds for a file; an error becomes a status, never an exception.

    Args:
        path: of the file.
        starts: how many; as many as the layout needs when not given.
        seed: of the first start.
        bound_seconds: for a proven bound; 0 for none. Small instances get two when not given.
    """
    began = time.perf_counter()
    try:
        instance = read_instance(path)
        answer = _answer(instance, starts or instance.starts, seed)
        result = _result(instance, answer, time.perf_counter() - began)
        return _with_bound(result, instance, answer.x, bound_seconds)
    except OperatorAgentError as error:
        seconds = time.perf_counter() - began
        return InstanceResult(path.stem, f"error: {error}", seconds=seconds)


def _answer(instance: Instance, starts: int, seed: int) -> _Answer:
    if instance.model is not None:
        return _linear_answer(instance)
    guards = None if instance.network is None else ()  # a text case bounds its densities itself
    patience = _Patience(instance.patience_s)
    found = search(
        instance.program,
        seed=seed,
        starts=starts,
        progress=patience.note,
        stop=patience.over,
        guards=guards,
    )
    if found.worth is PointWorth.NONE:
        raise SolveFailedError(found.reason)
    status = {
        PointWorth.LOCAL_OPTIMUM: "local optimum",
        PointWorth.LINEAR_OPTIMUM: "optimal",
    }.get(found.worth, "feasible")
    objectives = tuple(attempt.objective for attempt in found.attempts if attempt.is_plan)
    return _Answer(found.x, status, objectives, len(found.attempts))


class _Patience:
    """Ends a search after a time, once it has a plan."""

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self._end = time.perf_counter() + seconds
        self._has_plan = False

    def note(self, _done: int, _total: int, best: float) -> None:
        """Take notice of a start that has ended."""
        self._has_plan = not math.isnan(best)

    def over(self) -> bool:
        """Return whether the search should end with what it has."""
        return self._has_plan and time.perf_counter() > self._end


def _linear_answer(instance: Instance) -> _Answer:
    """Return the optimum of a linear instance, as proven by its marginals."""
    linear = compile_linear(instance.model)
    solution = solve_linear(linear)
    if solution.stop is not SolverStop.CONVERGED:
        raise SolveFailedError(f"{instance.name}: {solution.stop.value}; correct its limits")
    values = {var.name: x for var, x in zip(linear.variables, solution.x, strict=True)}
    x = np.array([values.get(name, 0.0) for name in instance.program.columns])
    return _Answer(x, "optimal", (instance.program.objective(x),), 1)


def _result(instance: Instance, answer: _Answer, seconds: float) -> InstanceResult:
    program, best = instance.program, instance.best_known
    objective = program.objective(answer.x)
    goal = objective if best is None else best
    reached = sum(_worse_by(program, value, goal) <= REACHED for value in answer.objectives)
    notes = instance.notes
    if instance.network is not None:
        notes += unphysical(instance.network, program, answer.x)
    return InstanceResult(
        instance=instance.name,
        status=answer.status,
        objective=objective,
        best_known=best,
        gap=None if best is None else _worse_by(program, objective, best),
        seconds=seconds,
        violation=program.violation(answer.x),
        hits=(reached, answer.starts),
        notes=notes,
    )


def _worse_by(program: BilinearProgram, objective: float, best: float) -> float:
    """Return how much worse an objective is than the best, relative to it."""
    short = best - objective if program.maximise else objective - best
    return short / max(1.0, abs(best))


def _with_bound(
    result: InstanceResult, instance: Instance, x: FloatArray, bound_seconds: float | None
) -> InstanceResult:
    if result.status == "optimal":
        return replace(result, bound=result.objective, bound_status=BoundStatus.PROVEN.name.lower())
    small = len(instance.program.columns) <= SMALL_COLUMNS
    seconds = bound_seconds if bound_seconds is not None else SMALL_BOUND_SECONDS * small
    if seconds <= 0.0:
        return result
    guards = density_guards(instance.program) if instance.network is None else ()
    if guards:
        result = replace(result, notes=(*result.notes, GUARDED))
    found = objective_bound(guarded(instance.program, guards), seconds=seconds, known=x)
    status = found.status.name.lower()
    if not math.isfinite(found.bound):
        return replace(result, bound_status=status)
    proven = found.status is BoundStatus.PROVEN
    return replace(
        result,
        bound=found.bound,
        bound_status=status,
        status="optimal" if proven else result.status,
    )
