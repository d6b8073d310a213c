"""What a solve iterates on: one path into the future, or several with first moves in common."""

from typing import Protocol, TypeVar

from operator_agent.mpc.engine.acceptance import Fault
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.iteration import Iterate, Trace, iterate
from operator_agent.mpc.engine.warm_start import Known, cold_start, warm_start
from operator_agent.mpc.problem import Problem, Warm

K = TypeVar("K")
KnownSoFar = TypeVar("KnownSoFar", covariant=True)


class Iteration(Protocol[KnownSoFar]):
    """The end of one iteration; see `Iterate` for what its numbers mean."""

    @property
    def paths(self) -> tuple[Iterate, ...]:
        """Every path by itself."""
        ...

    @property
    def length(self) -> float:
        """Of the step, as a part of the QP's."""
        ...

    @property
    def cost(self) -> float:
        """Expected, after the step."""
        ...

    @property
    def cost_before(self) -> float:
        """Of staying."""
        ...

    @property
    def size(self) -> float:
        """Largest change of an MV level, scaled."""
        ...

    @property
    def slope(self) -> float:
        """Largest slope of the Lagrangian where it began, relative."""
        ...

    @property
    def mismatch(self) -> float:
        """Between cost promised and predicted, relative."""
        ...

    def known(self) -> KnownSoFar:
        """Return what the next iteration starts from."""
        ...


class Course(Protocol[K]):
    """The paths of one solve."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """One for each path, for the checks."""
        ...

    @property
    def reach(self) -> float:
        """How far one MV may go in one iteration [spans]."""
        ...

    @reach.setter
    def reach(self, value: float) -> None: ...

    def start(self, warm: Warm | None) -> K | None:
        """Return where the first iteration starts, or None where the model diverges."""
        ...

    def has_responses(self, known: K) -> bool:
        """Return whether there are responses that can be used again."""
        ...

    def iterate(self, known: K, quick: bool, trace: Trace) -> Iteration[K] | Fault:
        """Return the end of one iteration, or why there is none; see `iterate`."""
        ...


class SinglePath:
    """One path: the model as it is."""

    def __init__(self, problem: Problem) -> None:
        """Scale a problem."""
        self.problems: tuple[Problem, ...] = (problem,)
        self.scaled = ScaledProblem.of(problem)

    @property
    def reach(self) -> float:
        """How far one MV may go in one iteration [spans]."""
        return self.scaled.reach

    @reach.setter
    def reach(self, value: float) -> None:
        self.scaled.reach = value

    def start(self, warm: Warm | None) -> Known | None:
        """Return the last plan moved on, or the held set points; None where the model diverges."""
        problem = self.problems[0]
        if warm is None:
            return cold_start(problem, self.scaled)
        return warm_start(problem, self.scaled, warm)

    def has_responses(self, known: Known) -> bool:
        """Return whether there are responses that can be used again."""
        return known.condensed is not None

    def iterate(self, known: Known, quick: bool, trace: Trace) -> Iterate | Fault:
        """Return the end of one iteration, or why there is none; see `iterate`."""
        return iterate(self.problems[0].transcription, self.scaled, known, quick, trace)
