"""One closed loop to run: a published problem, its length, and what upsets it."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.published.control_problem import ControlProblem


@dataclass(frozen=True, slots=True)
class Goal:
    """When a batch is finished.

    Attributes:
        state: that grows.
        value: which it shall reach [unit of the state].
    """

    state: str
    value: float


@dataclass(frozen=True, slots=True)
class Case:
    """A closed loop with its upset; row k of an array holds during sample k.

    Attributes:
        name: by which it is asked for.
        story: the upset in words.
        problem: see there.
        cycles: length of the loop.
        d_plant: true disturbances and parameters, shape (cycles, n_d).
        d_known: what the controller takes them for, shape (cycles, n_d); not known in advance.
        p: parameters of the cost, shape (cycles, n_p); not known in advance.
        noise: standard deviation of the measured states, shape (n_x,).
        robust: whether the controllers plan for all combinations of the uncertain values.
        goal: of a batch; None where there is none.
    """

    name: str
    story: str
    problem: ControlProblem
    cycles: int
    d_plant: FloatArray
    d_known: FloatArray
    p: FloatArray
    noise: FloatArray
    robust: bool = False
    goal: Goal | None = None

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the length or the model."""
        model = self.problem.model
        wanted = {
            "d_plant": (self.cycles, model.n_d),
            "d_known": (self.cycles, model.n_d),
            "p": (self.cycles, len(self.problem.p_names)),
            "noise": (model.n_x,),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise InputError(
                    f"case {self.name}: {name} has shape {getattr(self, name).shape}, not {shape}"
                )
        if self.goal is not None and self.goal.state not in model.x_names:
            raise InputError(f"case {self.name}: no state {self.goal.state} for its goal")

    def finished(self, x: FloatArray) -> int | None:
        """Return the first cycle after which the goal is reached; None where it is not.

        Args:
            x: true states at the samples, shape (n + 1, n_x).
        """
        if self.goal is None:
            return None
        reached = x[1:, self.problem.model.x_names.index(self.goal.state)] >= self.goal.value
        return int(np.argmax(reached)) if bool(np.any(reached)) else None


def calm(name: str, story: str, problem: ControlProblem, cycles: int) -> Case:
    """Return a loop without an upset: the plant is the controller's model."""
    rows = np.tile(problem.model.d_nominal, (cycles, 1))
    return Case(
        name=name,
        story=story,
        problem=problem,
        cycles=cycles,
        d_plant=rows,
        d_known=rows,
        p=np.tile(problem.p_nominal, (cycles, 1)),
        noise=np.zeros(problem.model.n_x),
    )


def stepped(rows: FloatArray, column: int, at: int, value: float) -> FloatArray:
    """Return rows whose column has another value from cycle `at` on."""
    changed = rows.copy()
    changed[at:, column] = value
    return changed
