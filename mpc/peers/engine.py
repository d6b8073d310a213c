"""The small protocol behind which every engine stands in a comparison."""

from dataclasses import dataclass
from typing import Protocol

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.case import Case


@dataclass(frozen=True, slots=True)
class Reading:
    """What an engine is told at the beginning of a cycle.

    Attributes:
        cycle: number, from 0.
        x: measured states, shape (n_x,).
        u_held: inputs that hold now, shape (n_u,).
        d: disturbances and parameters as known, shape (n_d,).
        p: parameters of the cost, shape (n_p,).
    """

    cycle: int
    x: FloatArray
    u_held: FloatArray
    d: FloatArray
    p: FloatArray


@dataclass(frozen=True, slots=True)
class EngineMove:
    """What an engine answered.

    Attributes:
        u: inputs to apply, shape (n_u,).
        success: whether the engine itself says that it solved the problem.
        iterations: of its solver.
        reason: why not, in its own words; empty on success.
    """

    u: FloatArray
    success: bool
    iterations: int
    reason: str = ""


class EngineRun(Protocol):
    """One engine in one closed loop; keeps its warm start."""

    def move(self, reading: Reading) -> EngineMove:
        """Return the inputs for this cycle; the harness takes the time around this call."""
        ...


class Engine(Protocol):
    """A way to solve the problem of a case."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def story(self) -> str:
        """What it is, in words."""
        ...

    def refusal(self, case: Case) -> str:
        """Return why this engine cannot run a case, in words; empty when it can."""
        ...

    def start(self, case: Case) -> EngineRun:
        """Return a new run: everything is built, nothing is solved yet."""
        ...
