"""A published problem as a sparse NLP, stage by stage, for solvers that iterate to convergence.

Variables of stage k, all scaled: x[k], u[k-1], u[k], the collocation points of its elements, the
slacks of the soft limits; at the end x[N], u[N-1]. Rows of stage k: the gap to stage k+1, the
collocation equations, the soft limits; the measured state stands in the rows of the first stage.
This order is what structured interior-point solvers need. Limits stand where the published
solution has them: on all points of the stages but the last one.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.published.control_problem import ControlProblem

POINTS = 2  # Radau points of each element


@dataclass(frozen=True, slots=True)
class CollocationNlp:
    """The NLP of a problem, with its bounds.

    Attributes:
        problem: see there.
        nlp: `x`, `p`, `f`, `g` for `casadi.nlpsol`; p is (x, u held, d, cost parameters), scaled
            like the variables, d and cost parameters in their units.
        low, high: of the variables, shape (n,).
        row_low, row_high: of the rows, shape (m,).
        stage_size: number of variables of a stage.
    """

    problem: ControlProblem
    nlp: dict[str, ca.MX]
    low: FloatArray
    high: FloatArray
    row_low: FloatArray
    row_high: FloatArray
    stage_size: int

    @property
    def equality(self) -> list[bool]:
        """Which rows are equalities."""
        flags: list[bool] = (self.row_low == self.row_high).tolist()
        return flags

    def parameters(self, x: FloatArray, u: FloatArray, d: FloatArray, p: FloatArray) -> FloatArray:
        """Return the vector p of the NLP."""
        problem = self.problem
        return np.concatenate([x / problem.x_divisor, u / problem.move_scale, d, p])

    def first_move(self, point: FloatArray) -> FloatArray:
        """Return u[0] of a point, inside its limits, shape (n_u,)."""
        n_x, n_u = self.problem.model.n_x, self.problem.model.n_u
        u = point[n_x + n_u : n_x + 2 * n_u] * self.problem.move_scale
        return np.clip(u, self.problem.u_low, self.problem.u_high)

    def cold(self, x: FloatArray, u: FloatArray) -> FloatArray:
        """Return a first guess: the state stays, the inputs are held."""
        problem = self.problem
        scaled, held = x / problem.x_divisor, u / problem.move_scale
        points = np.tile(scaled, POINTS * problem.elements)
        stage = np.concatenate([scaled, held, held, points, np.zeros(len(problem.soft))])
        return np.concatenate([np.tile(stage, problem.n_pred), scaled, held])

    def shifted(self, point: FloatArray) -> FloatArray:
        """Return a point one stage later; the last stage is repeated."""
        size, end = self.stage_size, self.stage_size * self.problem.n_pred
        return np.concatenate([point[size:end], point[end - size : end], point[end:]])


def collocation_nlp(problem: ControlProblem) -> CollocationNlp:
    """Return the NLP of a problem."""
    model, n_pred = problem.model, problem.n_pred
    n_x, n_u, n_soft = model.n_x, model.n_u, len(problem.soft)
    stage = _stage_function(problem)
    start = ca.MX.sym("start", n_x)
    held, d = ca.MX.sym("held", n_u), ca.MX.sym("d", model.n_d)
    p = ca.MX.sym("p", len(problem.p_names))
    n_points = POINTS * problem.elements * n_x
    blocks = [ca.MX.sym(f"stage_{k}", n_x + 2 * n_u + n_points + n_soft) for k in range(n_pred)]
    blocks.append(ca.MX.sym("end", n_x + n_u))
    cost: Any = 0.0
    rows: list[ca.MX] = []
    for k in range(n_pred):
        gap, defects, limits, value = stage(blocks[k], d, p)
        rows += [blocks[k + 1][: n_x + n_u] - gap]
        rows += [blocks[0][: n_x + n_u] - ca.vertcat(start, held)] if k == 0 else []
        rows += [defects, limits]
        cost += value
    cost += problem.stage_cost(blocks[-1][:n_x] * ca.DM(problem.x_divisor), p)
    low, high = _bounds(problem, n_points)
    row_low, row_high = _row_bounds(problem, n_points)
    nlp = {
        "x": ca.vertcat(*blocks),
        "p": ca.vertcat(start, held, d, p),
        "f": cost,
        "g": ca.vertcat(*rows),
    }
    return CollocationNlp(problem, nlp, low, high, row_low, row_high, int(blocks[0].numel()))


def _stage_function(problem: ControlProblem) -> ca.Function:
    """Return `(stage, d, p) -> (next x and u, defects, soft rows, cost)`, scaled."""
    model, n_points = problem.model, POINTS * problem.elements
    x, before, u = (
        ca.SX.sym(n, c) for n, c in (("x", model.n_x), ("b", model.n_u), ("u", model.n_u))
    )
    points = [ca.SX.sym(f"c{i}", model.n_x) for i in range(n_points)]
    slack = ca.SX.sym("slack", len(problem.soft))
    d, p = ca.SX.sym("d", model.n_d), ca.SX.sym("p", len(problem.p_names))
    x_scale, u_scale = ca.DM(problem.x_divisor), ca.DM(problem.move_scale)
    slopes, _, _ = ca.collocation_coeff(ca.collocation_points(POINTS, "radau"))
    length = problem.sample_time_s / problem.elements
    defects, start = [], x
    for first in range(0, n_points, POINTS):
        element = points[first : first + POINTS]
        rates = [length * model.rhs(z * x_scale, u * u_scale, d) / x_scale for z in element]
        polynomial = ca.horzcat(start, *element) @ slopes
        defects += [polynomial[:, j] - rates[j] for j in range(POINTS)]
        start = element[-1]
    names = model.x_names
    limits = []
    for i, soft in enumerate(problem.soft):
        state = names.index(soft.state)
        divisor = float(x_scale[state])
        limits.append(soft.sign * (x[state] - soft.limit / divisor) - slack[i] / divisor)
    prices = ca.DM([soft.penalty for soft in problem.soft])
    cost = problem.stage_cost(x * x_scale, p) + ca.DM(problem.move_weight).T @ (u - before) ** 2
    cost += ca.dot(prices, slack) if problem.soft else 0.0
    stage = ca.vertcat(x, before, u, *points, slack)
    rows = ca.vertcat(*limits) if limits else ca.SX(0, 1)
    outputs = [ca.vertcat(start, u), ca.vertcat(*defects), rows, cost]
    return ca.Function("stage", [stage, d, p], outputs)


def _bounds(problem: ControlProblem, n_points: int) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of all variables, scaled."""
    n_u, n_soft = problem.model.n_u, len(problem.soft)
    columns = []
    for x, u, slack in (
        (problem.x_low, problem.u_low, 0.0),
        (problem.x_high, problem.u_high, np.inf),
    ):
        open_side = -np.inf if slack == 0.0 else np.inf
        x, u = x / problem.x_divisor, u / problem.move_scale
        points = np.tile(x, n_points // x.size)
        free_x, free_points = np.full(x.size, open_side), np.full(n_points, open_side)
        free_u, slacks = np.full(n_u, open_side), np.full(n_soft, slack)
        stages = []
        for k in range(problem.n_pred):
            inside = points if k < problem.n_pred - 1 else free_points
            stages += [free_x if k == 0 else x, free_u, u, inside, slacks]
        columns.append(np.concatenate([*stages, free_x, free_u]))
    return columns[0], columns[1]


def _row_bounds(problem: ControlProblem, n_points: int) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of all rows: equalities, but for the soft limits."""
    low: list[float] = []
    for k in range(problem.n_pred):
        equalities = (problem.model.n_x + problem.model.n_u) * (2 if k == 0 else 1) + n_points
        low += [0.0] * equalities + [-np.inf] * len(problem.soft)
    row_low = np.array(low)
    return row_low, np.zeros(row_low.size)
