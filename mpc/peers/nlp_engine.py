"""Interior-point solvers of CasADi on the sparse NLP of a published problem."""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.peers.collocation import CollocationNlp, collocation_nlp
from operator_agent.mpc.peers.engine import EngineMove, EngineRun, Reading
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.control_problem import ControlProblem, softened

QUIET: dict[str, Any] = {"print_time": 0, "expand": True, "error_on_fail": False}


@dataclass(frozen=True, slots=True)
class NlpEngine:
    """A solver that iterates to convergence each cycle, started from the last plan.

    Attributes:
        name: see `Engine`.
        story: see `Engine`.
        solver: plugin of `casadi.nlpsol`: `ipopt` or `fatrop`.
        tolerance: of the solver.
        recovery: price of a hard limit in the problem that is solved where the published one has
            no solution; None for no second try.
        fails_on: names of published problems that it does not solve; they are not tried.
    """

    name: str
    story: str
    solver: str
    tolerance: float
    recovery: float | None = None
    fails_on: tuple[str, ...] = ()

    def refusal(self, case: Case) -> str:
        """Return why a case cannot be run: only nominal ones can, and what it converges on."""
        if case.problem.name in self.fails_on:
            return f"it does not converge on problem {case.problem.name}"
        return "it plans for one scenario only" if case.robust else ""

    def start(self, case: Case) -> EngineRun:
        """Return a run; see `Engine`."""
        strict = self._solver(case.problem)
        if self.recovery is None:
            return strict
        return _Recovering(strict, self._solver(softened(case.problem, self.recovery)))

    def _solver(self, problem: ControlProblem) -> "_NlpRun":
        built = collocation_nlp(problem)
        options = dict(QUIET)
        if self.solver == "ipopt":
            options |= {"ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": self.tolerance}
            options |= {"ipopt.bound_relax_factor": 0.0}  # a limit is where it is
        else:
            options |= {"structure_detection": "auto", "equality": built.equality}
            options |= {"fatrop.tol": self.tolerance, "fatrop.print_level": 0}
        nlp: Any = built.nlp
        return _NlpRun(built, ca.nlpsol(self.solver, self.solver, nlp, options))


class _Recovering:
    """A solver with a second one for problems that have no solution."""

    def __init__(self, strict: "_NlpRun", soft: "_NlpRun") -> None:
        self._strict, self._soft = strict, soft

    def move(self, reading: Reading) -> EngineMove:
        """Return the move of the first solver that converged; see `EngineRun`."""
        found = self._strict.move(reading)
        return found if found.success else self._soft.move(reading)


class _NlpRun:
    """One solver with its last plan."""

    def __init__(self, built: CollocationNlp, solver: ca.Function) -> None:
        self._built, self._solver = built, solver
        self._plan: FloatArray | None = None

    def move(self, reading: Reading) -> EngineMove:
        """Return the first move of the plan; see `EngineRun`."""
        built = self._built
        plan = self._plan
        guess = built.cold(reading.x, reading.u_held) if plan is None else built.shifted(plan)
        result = self._solver(
            x0=np.clip(guess, built.low, built.high),
            p=built.parameters(reading.x, reading.u_held, reading.d, reading.p),
            lbx=built.low,
            ubx=built.high,
            lbg=built.row_low,
            ubg=built.row_high,
        )
        point = np.asarray(result["x"]).ravel()
        stats = self._solver.stats()
        success = bool(stats["success"]) and bool(np.all(np.isfinite(point)))
        self._plan = point if success else None
        iterations = int(stats.get("iter_count", 0))
        reason = "" if success else str(stats.get("return_status", "failed"))
        return EngineMove(built.first_move(point), success, iterations, reason)
