"""The same problem solved to convergence by IPOPT: the yardstick for audits and benchmarks.

All stages and slacks are variables of one sparse NLP; nothing of the condensing, the QP or the
step search is shared with `solve`. Too slow and too silent about failure for the control loop.
"""

import time
from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.cost import ScaledProblem
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.schemes import Scheme, StageMap, stage_map
from operator_agent.mpc.engine.stages import Plan
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

LONGEST_S = 60.0  # of one solve, where nothing else is said
MUMPS_AMD_ORDERING = 0  # three to seven times faster here than the default ordering


@dataclass(frozen=True, slots=True)
class ReferencePlan:
    """A converged plan.

    Attributes:
        blocks: MV levels, scaled, shape (n_blocks, n_u).
        states: at the stage borders, scaled, shape (N + 1, n_x).
        cost: at the optimum.
        success: what IPOPT claims.
        iterations: of IPOPT.
        solve_ms: wall time [ms].
    """

    blocks: FloatArray
    states: FloatArray
    cost: float
    success: bool
    iterations: int
    solve_ms: float


class Reference:
    """IPOPT for the problems of one transcription."""

    def __init__(
        self,
        grid: Transcription,
        values: ca.Function,
        tolerance: float = 1e-6,
        time_limit_s: float = LONGEST_S,
    ) -> None:
        """Build the NLP.

        Args:
            grid: horizon and limits.
            values: scaled model `(x, u, d) -> (rhs, y)`.
            tolerance: of IPOPT.
            time_limit_s: wall time of one solve [s].
        """
        self._grid = grid
        model, horizon = grid.model, grid.horizon
        n_slacks = grid.limits.n_slacks
        self._parameters = _Parameters(grid)
        blocks = ca.MX.sym("blocks", model.n_u, horizon.n_blocks)
        states = ca.MX.sym("states", model.n_x, horizon.n_pred)
        slack = ca.MX.sym("slack", n_slacks)
        p = self._parameters
        stage_u = [blocks[:, b] for b in horizon.block_of_stage]
        mapped = values.map(horizon.n_pred)
        inputs = ca.horzcat(*stage_u)
        rhs, y = mapped(states, inputs, p.d)
        y = y + ca.repmat(p.bias, 1, horizon.n_pred)
        before = ca.horzcat(p.x, states[:, :-1])
        inner = ca.MX.sym("inner", _inner_size(grid), horizon.n_pred)
        maps = _maps(grid)
        if maps:
            defects = _map_defects(grid, maps, before, states, inputs, p.d, inner)
        else:
            lengths = ca.repmat(ca.DM(horizon.lengths_s).T, model.n_x, 1)
            defects = states - before - lengths * rhs
        self._n_defects = defects.numel()
        rows = [ca.vec(defects)]
        for side in grid.limits.sides:
            for k, index in zip(side.stages, side.slack, strict=True):
                rows.append(side.sign * y[side.cv, k] - slack[index])
        rows.append(ca.vec(blocks[:, 1:] - blocks[:, :-1]))
        cost = p.cost(blocks, y, slack) + _stage_costs(grid, states, inputs, p)
        nlp: Any = {
            "x": ca.vertcat(ca.vec(blocks), ca.vec(states), ca.vec(inner), slack),
            "p": p.vector(),
            "f": cost,
            "g": ca.vertcat(*rows),
        }
        options: Any = {
            "print_time": 0,
            "expand": True,
            "error_on_fail": False,
            "show_eval_warnings": False,  # a trial point that is not finite is shortened
            "ipopt.print_level": 0,
            "ipopt.sb": "yes",
            "ipopt.tol": tolerance,
            "ipopt.max_wall_time": time_limit_s,
            "ipopt.mumps_pivot_order": MUMPS_AMD_ORDERING,
        }
        self._solver = ca.nlpsol("reference", "ipopt", nlp, options)

    def solve(self, problem: Problem, guess: tuple[FloatArray, FloatArray]) -> ReferencePlan:
        """Return the converged plan of a problem of this transcription.

        Args:
            problem: see there.
            guess: blocks (n_blocks, n_u) and states (N + 1, n_x), scaled.
        """
        scaled, grid = ScaledProblem.of(problem), self._grid
        n_moves, n_slacks = grid.n_moves, grid.limits.n_slacks
        n_states = grid.horizon.n_pred * grid.model.n_x
        n_inner = grid.horizon.n_pred * _inner_size(grid)
        blocks, states = guess
        start = np.concatenate([blocks.ravel(), states[1:].ravel(), np.zeros(n_inner + n_slacks)])
        low, high = np.full(start.size, -np.inf), np.full(start.size, np.inf)
        box_low, box_high = scaled.u_low.copy(), scaled.u_high.copy()
        box_low[0], box_high[0] = scaled.first_low, scaled.first_high
        low[:n_moves], high[:n_moves] = box_low.ravel(), box_high.ravel()
        low[n_moves + n_states + n_inner :] = 0.0
        changes, nothing = scaled.block_changes.ravel(), np.zeros(self._n_defects)
        limits = grid.limits.sign * scaled.row_limits
        row_low = np.concatenate([nothing, np.full(limits.size, -np.inf), -changes])
        row_high = np.concatenate([nothing, limits, changes])
        began = time.perf_counter()
        result = self._solver(
            x0=start,
            p=self._parameters.values(scaled),
            lbx=low,
            ubx=high,
            lbg=row_low,
            ubg=row_high,
        )
        solve_ms = 1e3 * (time.perf_counter() - began)
        x = np.asarray(result["x"]).ravel()
        stats = self._solver.stats()
        found = x[n_moves : n_moves + n_states].reshape(grid.horizon.n_pred, -1)
        return ReferencePlan(
            blocks=x[:n_moves].reshape(blocks.shape),
            states=np.vstack([scaled.x[None, :], found]),
            cost=float(result["f"]),
            success=bool(stats["success"]),
            iterations=int(stats["iter_count"]),
            solve_ms=solve_ms,
        )

    def converge(self, problem: Problem, plan: Plan) -> FloatArray | None:
        """Return the converged block levels, shape (n_blocks, n_u), or None without success.

        Args:
            problem: see there.
            plan: from which the solver starts.
        """
        found = self.solve(problem, (plan.blocks, plan.states))
        good = found.success and bool(np.isfinite(found.blocks).all())
        return found.blocks if good else None


def _maps(grid: Transcription) -> tuple[StageMap, ...]:
    """Return the stages that are maps; none where they are steps of implicit Euler."""
    if isinstance(grid.stages, MapStages):
        return grid.stages.maps
    if grid.scheme is Scheme.SAMPLED:  # linear ones, which the engine has as matrices
        return tuple(stage_map(grid.scaled, grid.scheme, h, 1) for h in grid.horizon.lengths_s)
    return ()


def _inner_size(grid: Transcription) -> int:
    return grid.stages.maps[0].n_w if isinstance(grid.stages, MapStages) else 0


def _map_defects(
    grid: Transcription,
    maps: tuple[StageMap, ...],
    before: ca.MX,
    after: ca.MX,
    inputs: ca.MX,
    d: ca.MX,
    inner: ca.MX,
) -> ca.MX:
    """Return the equations of stages that are maps, by the functions that audit a plan."""
    x_scale, u_scale = ca.DM(grid.model.x_scale.tolist()), ca.DM(grid.model.u_scale.tolist())
    rows = [
        stage.audit(before[:, k] * x_scale, after[:, k] * x_scale, inputs[:, k] * u_scale,
                    d[:, k], inner[:, k])
        for k, stage in enumerate(maps)
    ]  # fmt: skip
    return ca.horzcat(*rows)


def _stage_costs(grid: Transcription, states: ca.MX, inputs: ca.MX, p: "_Parameters") -> ca.MX:
    """Return the sum of the stage cost and its final part."""
    cost, total = grid.formulation.stage_cost, ca.MX(0.0)
    if cost is None:
        return total
    x_scale, u_scale = ca.DM(grid.model.x_scale.tolist()), ca.DM(grid.model.u_scale.tolist())
    for k, length in enumerate(grid.horizon.lengths_s):
        total += length * cost.rate(states[:, k] * x_scale, inputs[:, k] * u_scale, p.d[:, k],
                                    p.prices)  # fmt: skip
    if cost.final is not None:
        total += cost.final(states[:, -1] * x_scale, p.prices)
    return total


class _Parameters:
    """Everything of a scaled problem that changes from solve to solve, as one vector."""

    def __init__(self, grid: Transcription) -> None:
        model, n_pred = grid.model, grid.horizon.n_pred
        self._grid = grid
        self.x, self.d = ca.MX.sym("x", model.n_x), ca.MX.sym("d", model.n_d, n_pred)
        self.bias = ca.MX.sym("bias", model.n_y)
        self.u_held, self.u_rest = ca.MX.sym("held", model.n_u), ca.MX.sym("rest", model.n_u)
        self.reference = ca.MX.sym("reference", model.n_y, n_pred)
        self.tracking = ca.MX.sym("track", model.n_y, n_pred)
        self.move = ca.MX.sym("move", model.n_u)
        self.resting = ca.MX.sym("resting", model.n_u)
        self.linear = ca.MX.sym("linear", grid.limits.n_slacks)
        self.quadratic = ca.MX.sym("quadratic", grid.limits.n_slacks)
        stage_cost = grid.formulation.stage_cost
        self.prices = ca.MX.sym("prices", 0 if stage_cost is None else stage_cost.n_p)

    def _all(self) -> list[ca.MX]:
        return [self.x, ca.vec(self.d), self.bias, self.u_held, self.u_rest,
                ca.vec(self.reference), ca.vec(self.tracking), self.move, self.resting,
                self.linear, self.quadratic, self.prices]  # fmt: skip

    def vector(self) -> ca.MX:
        """Return the symbolic vector."""
        return ca.vertcat(*self._all())

    def values(self, scaled: ScaledProblem) -> FloatArray:
        """Return its numbers for a problem."""
        weights, prices = scaled.weights, np.zeros(0) if scaled.prices is None else scaled.prices
        d = np.broadcast_to(scaled.d, (self._grid.horizon.n_pred, self._grid.model.n_d))
        return np.concatenate(
            [scaled.x, d.ravel(), scaled.bias, scaled.u_held,
             scaled.u_reference, scaled.y_reference.ravel(), scaled.stage_tracking.ravel(),
             weights.move, weights.resting, scaled.linear, scaled.quadratic, prices]
        )  # fmt: skip

    def cost(self, blocks: ca.MX, y: ca.MX, slack: ca.MX) -> ca.MX:
        """Return the cost of blocks (n_u, n_blocks) and outputs (n_y, N)."""
        horizon = self._grid.horizon
        longest = max(horizon.lengths_s)
        block_shares = ca.DM((horizon.block_lengths_s / longest).tolist())
        tracking = ca.dot(self.tracking, (y - self.reference) ** 2)
        moves = blocks - ca.horzcat(self.u_held, blocks[:, :-1])
        rest = (blocks - ca.repmat(self.u_rest, 1, horizon.n_blocks)) ** 2
        return (
            tracking
            + ca.sum1(self.move.T @ (moves**2) @ ca.DM.ones(horizon.n_blocks))
            + self.resting.T @ rest @ block_shares
            + self.linear.T @ slack
            + self.quadratic.T @ slack**2
        )
