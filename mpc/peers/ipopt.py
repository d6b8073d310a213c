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
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

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

    def __init__(self, grid: Transcription, values: ca.Function, tolerance: float = 1e-6) -> None:
        """Build the NLP.

        Args:
            grid: horizon and limits.
            values: scaled model `(x, u, d) -> (rhs, y)`.
            tolerance: of IPOPT.
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
        rhs, y = mapped(states, ca.horzcat(*stage_u), ca.repmat(p.d, 1, horizon.n_pred))
        y = y + ca.repmat(p.bias, 1, horizon.n_pred)
        before = ca.horzcat(p.x, states[:, :-1])
        lengths = ca.repmat(ca.DM(horizon.lengths_s).T, model.n_x, 1)
        defects = states - before - lengths * rhs
        rows = [ca.vec(defects)]
        for number, side in enumerate(grid.limits.sides):
            for k, index in zip(side.stages, side.slack, strict=True):
                rows.append(side.sign * (y[side.cv, k] - p.limits[number]) - slack[index])
        rows.append(ca.vec(blocks[:, 1:] - blocks[:, :-1]))
        cost = p.cost(blocks, y, slack)
        nlp: Any = {
            "x": ca.vertcat(ca.vec(blocks), ca.vec(states), slack),
            "p": p.vector(),
            "f": cost,
            "g": ca.vertcat(*rows),
        }
        options: Any = {
            "print_time": 0,
            "expand": True,
            "error_on_fail": False,
            "ipopt.print_level": 0,
            "ipopt.sb": "yes",
            "ipopt.tol": tolerance,
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
        blocks, states = guess
        start = np.concatenate([blocks.ravel(), states[1:].ravel(), np.zeros(n_slacks)])
        low, high = np.full(start.size, -np.inf), np.full(start.size, np.inf)
        box_low, box_high = np.tile(scaled.u_low, (blocks.shape[0], 1)), np.tile(
            scaled.u_high, (blocks.shape[0], 1)
        )  # fmt: skip
        box_low[0], box_high[0] = scaled.first_low, scaled.first_high
        low[:n_moves], high[:n_moves] = box_low.ravel(), box_high.ravel()
        low[n_moves + n_states :] = 0.0
        n_rows = n_states + grid.limits.n_rows
        changes = scaled.block_changes.ravel()
        row_low = np.concatenate(
            [np.zeros(n_states), np.full(grid.limits.n_rows, -np.inf), -changes]
        )
        row_high = np.concatenate([np.zeros(n_rows), changes])
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


class _Parameters:
    """Everything of a scaled problem that changes from solve to solve, as one vector."""

    def __init__(self, grid: Transcription) -> None:
        model, n_pred = grid.model, grid.horizon.n_pred
        self._grid = grid
        self.x, self.d = ca.MX.sym("x", model.n_x), ca.MX.sym("d", model.n_d)
        self.bias, self.limits = (
            ca.MX.sym("bias", model.n_y),
            ca.MX.sym("limits", len(grid.limits.sides)),
        )
        self.u_held, self.u_rest = ca.MX.sym("held", model.n_u), ca.MX.sym("rest", model.n_u)
        self.reference = ca.MX.sym("reference", model.n_y, n_pred)
        self.tracking = ca.MX.sym("track", model.n_y, n_pred)
        self.move = ca.MX.sym("move", model.n_u)
        self.resting = ca.MX.sym("resting", model.n_u)
        self.linear = ca.MX.sym("linear", grid.limits.n_slacks)
        self.quadratic = ca.MX.sym("quadratic", grid.limits.n_slacks)

    def _all(self) -> list[ca.MX]:
        return [self.x, self.d, self.bias, self.limits, self.u_held, self.u_rest,
                ca.vec(self.reference), ca.vec(self.tracking), self.move, self.resting,
                self.linear, self.quadratic]  # fmt: skip

    def vector(self) -> ca.MX:
        """Return the symbolic vector."""
        return ca.vertcat(*self._all())

    def values(self, scaled: ScaledProblem) -> FloatArray:
        """Return its numbers for a problem."""
        weights = scaled.weights
        return np.concatenate(
            [scaled.x, scaled.d, scaled.bias, scaled.side_limits, scaled.u_held,
             scaled.u_reference, scaled.y_reference.ravel(), scaled.stage_tracking.ravel(),
             weights.move, weights.resting, scaled.linear, scaled.quadratic]
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
