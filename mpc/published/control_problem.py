"""A published optimal control problem as a value: model, limits, cost, and how it was solved.

The cost that a controller minimises over its horizon is

    sum over k = 0..N  l(x[k], p)
    + sum over k = 0..N-1  move_weight ((u[k] - u[k-1]) / move_scale)^2 + penalty s[k],

with the slack s[k] of each soft limit at x[k]. The score of a closed loop is the second form, with
l(x[k], p), over the samples that the plant went through; it is computed from the record alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel

StageScore = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class SoftLimit:
    """A limit of one state that may be broken at a linear price.

    Attributes:
        state: its name.
        limit: where it stands [unit of the state].
        penalty: price of one unit outside, per sample.
        sign: 1 for a high limit, -1 for a low one.
    """

    state: str
    limit: float
    penalty: float
    sign: float = 1.0


@dataclass(frozen=True, slots=True)
class Tracked:
    """A term weight (x[state] - p[parameter])^2 of the stage cost.

    Attributes:
        state: name of the state.
        parameter: name of the cost's parameter that is its set point.
        weight: per squared unit of the state, per sample.
    """

    state: str
    parameter: str
    weight: float


@dataclass(frozen=True, slots=True)
class ControlProblem:
    """Model, limits and cost as published; states are measured, y = x.

    Attributes:
        name: of the problem.
        source: where it was published.
        model: with the uncertain and the disturbed quantities in d; y = x.
        sample_time_s: between moves [s].
        x_start: state at the beginning, shape (n_x,).
        u_start: inputs that held before the first move, shape (n_u,).
        n_pred: stages of the horizon.
        elements: of Radau collocation with two points in each stage.
        u_low, u_high: hard, shape (n_u,).
        x_low, x_high: hard, infinite where open, shape (n_x,).
        soft: soft limits.
        stage_cost: CasADi function `(x, p) -> l`, per sample.
        stage_score: the same of the states (n, n_x) and parameters (n, n_p), in NumPy.
        p_names: names of the cost's parameters, such as set points.
        p_nominal: their values, shape (n_p,).
        move_weight: on squared moves, shape (n_u,).
        move_scale: by which moves are divided, shape (n_u,).
        x_divisor: by which the published solution divides the states, shape (n_x,).
        uncertain: values of each uncertain d; the first one is nominal.
        tracked: the terms of the stage cost where it is a sum of squares; empty where it is not.
    """

    name: str
    source: str
    model: ProcessModel
    sample_time_s: float
    x_start: FloatArray
    u_start: FloatArray
    n_pred: int
    elements: int
    u_low: FloatArray
    u_high: FloatArray
    x_low: FloatArray
    x_high: FloatArray
    soft: tuple[SoftLimit, ...]
    stage_cost: ca.Function
    stage_score: StageScore
    p_names: tuple[str, ...]
    p_nominal: FloatArray
    move_weight: FloatArray
    move_scale: FloatArray
    x_divisor: FloatArray
    uncertain: tuple[tuple[str, tuple[float, ...]], ...] = ()
    tracked: tuple[Tracked, ...] = ()

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit the model, and names that it does not know."""
        n_x, n_u = self.model.n_x, self.model.n_u
        for size, names in (
            (n_x, ("x_start", "x_low", "x_high", "x_divisor")),
            (n_u, ("u_start", "u_low", "u_high", "move_weight", "move_scale")),
            (len(self.p_names), ("p_nominal",)),
        ):
            for name in names:
                shape = getattr(self, name).shape
                if shape != (size,):
                    raise InputError(
                        f"problem {self.name}: {name} has shape {shape}, not ({size},)"
                    )
        for limit in self.soft:
            if limit.state not in self.model.x_names:
                raise InputError(f"problem {self.name}: no state {limit.state} for a soft limit")
        for uncertain, _ in self.uncertain:
            if uncertain not in self.model.d_names:
                raise InputError(f"problem {self.name}: no disturbance {uncertain}")


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """What a closed loop did.

    Attributes:
        x: true states at the samples, the first at the start, shape (n + 1, n_x).
        u: inputs of each sample, shape (n, n_u).
        p: parameters of the cost in each sample, shape (n, n_p).
    """

    x: FloatArray
    u: FloatArray
    p: FloatArray


def closed_loop_cost(problem: ControlProblem, loop: ClosedLoop) -> float:
    """Return the published cost of what happened, without the horizon of any controller."""
    x = loop.x[:-1]
    moves = np.diff(loop.u, axis=0, prepend=problem.u_start[None, :]) / problem.move_scale
    total = float(np.sum(problem.stage_score(x, loop.p)) + np.sum(moves**2 @ problem.move_weight))
    for soft in problem.soft:
        column = x[:, problem.model.x_names.index(soft.state)]
        outside = np.maximum(soft.sign * (column - soft.limit), 0.0)
        total += soft.penalty * float(np.sum(outside))
    return total


def softened(problem: ControlProblem, price: float) -> ControlProblem:
    """Return a problem whose hard limits of states are soft ones: it always has a solution.

    Args:
        problem: as published.
        price: of one scale of a state outside, per sample; so high that a limit that can be kept
            is kept.
    """
    model = problem.model
    priced = [
        SoftLimit(name, float(bounds[i]), price / float(model.x_scale[i]), sign)
        for bounds, sign in ((problem.x_low, -1.0), (problem.x_high, 1.0))
        for i, name in enumerate(model.x_names)
        if np.isfinite(bounds[i])
    ]
    open_side = np.full(model.n_x, np.inf)
    return replace(problem, x_low=-open_side, x_high=open_side, soft=(*problem.soft, *priced))


def hard_violation(problem: ControlProblem, loop: ClosedLoop) -> float:
    """Return the largest distance outside a hard limit, in scales of its variable; 0 is inside."""
    outside = [
        np.maximum(problem.x_low - loop.x[1:], loop.x[1:] - problem.x_high) / problem.model.x_scale,
        np.maximum(problem.u_low - loop.u, loop.u - problem.u_high) / problem.model.u_scale,
    ]
    return max(0.0, *(float(np.max(part)) for part in outside))


def soft_violation(problem: ControlProblem, loop: ClosedLoop) -> float:
    """Return the largest distance outside a soft limit, in scales of its state; 0 is inside."""
    names, scale = problem.model.x_names, problem.model.x_scale
    worst = 0.0
    for limit in problem.soft:
        state = names.index(limit.state)
        outside = float(np.max(limit.sign * (loop.x[1:, state] - limit.limit)))
        worst = max(worst, outside / float(scale[state]))
    return worst
