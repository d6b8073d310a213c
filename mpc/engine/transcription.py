"""The horizon's grid: stages, blocks, and the shape of the QP.

Variables of the QP, all scaled: the change of each block's MV levels, then slacks of soft limits,
then slacks of hard ones. By default the stages of a soft limit are grouped 1, 2, 4, 8, ...: each
group pays for its worst stage, so a violation that cannot be avoided now does not make later ones
free.
"""

from typing import Any, Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_cost import CostKernels, GridShape, cost_kernels
from operator_agent.mpc.engine.compiled_curvature import reduced_hessian
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.dense_qp import DenseQp
from operator_agent.mpc.engine.euler_stages import EulerStages
from operator_agent.mpc.engine.formulation import CLOSE, QUICK, Curvature, Formulation
from operator_agent.mpc.engine.kept import Kept
from operator_agent.mpc.engine.limit_rows import IndexArray, LimitRows, LimitShape
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.map_stages import MapStages
from operator_agent.mpc.engine.running_cost import RunningCost
from operator_agent.mpc.engine.schemes import Scheme, choose_scheme
from operator_agent.mpc.engine.stages import Plan, Stages
from operator_agent.mpc.engine.tied_qp import TiedQp, Ties
from operator_agent.mpc.linear.affine_stages import AffineStages, affine_maps

__all__ = ["LimitShape", "Transcription"]


class ConvergedSolver(Protocol):
    """A solver that iterates a problem of one transcription to convergence."""

    def converge(self, problem: Any, plan: Plan) -> FloatArray | None:
        """Return block levels, shape (n_blocks, n_u), or None where it fails."""
        ...


class Transcription:
    """Functions and QP arrays for one horizon and one set of limits. Scratch memory inside."""

    def __init__(
        self,
        scaled: ScaledModel,
        horizon: Horizon,
        shape: LimitShape,
        formulation: Formulation | None = None,
    ) -> None:
        """Make the stages, the QP and its constant parts.

        Args:
            scaled: the model.
            horizon: lengths of stages and blocks.
            shape: which limits there are.
            formulation: further choices; None for the defaults.

        Raises:
            InputError: the scheme does not fit the model or the horizon.
        """
        self.model = scaled.model
        self.scaled = scaled
        self.converged: ConvergedSolver | None = None  # made by the first cold start that stalls
        self.horizon = horizon
        self.formulation = formulation or Formulation()
        self.lengths_s: FloatArray = np.array(horizon.lengths_s)
        cost, curvature = self.formulation.stage_cost, self.formulation.curvature
        self.exact = curvature is Curvature.EXACT or (curvature is None and cost is not None)
        self.scheme = self.formulation.scheme or choose_scheme(scaled, max(horizon.lengths_s))
        self.stages = _stages(scaled, horizon, self.scheme, self.formulation.substeps, self.exact)
        self.affine = isinstance(self.stages, AffineStages)  # one iteration solves it
        self.accuracy = QUICK if self.scheme is Scheme.IMPLICIT_EULER else CLOSE
        self.shape = shape
        self.limits = LimitRows.of(shape, horizon.n_pred, self.formulation)
        n_u = self.model.n_u
        self.n_moves = horizon.n_blocks * n_u
        moving = np.array(shape.rates) if shape.rates else np.ones(n_u, dtype=np.bool_)
        self.still = np.array(horizon.still) if horizon.still else None
        if self.still is not None:
            moving |= self.still.any(axis=0)
        rated = np.flatnonzero(moving)
        self.rated = rated
        before = np.arange(horizon.n_blocks - 1)[:, None] * n_u + rated
        self.rate_rows = before.ravel()
        longest = float(np.max(self.lengths_s))
        self.stage_shares: FloatArray = self.lengths_s / longest
        self.block_shares: FloatArray = horizon.block_lengths_s[:, None] / longest
        counts = np.where(np.arange(horizon.n_blocks) < horizon.n_blocks - 1, 2.0, 1.0)
        self.move_counts: FloatArray = counts[:, None]  # moves that touch each block
        self.block_of_stage = np.array(horizon.block_of_stage, dtype=np.intp)
        n_rows = self.limits.n_rows + self.rate_rows.size
        n_variables = self.n_moves + self.limits.n_slacks
        self.ties = None if self.still is None else Ties(self.still)
        self.qp = DenseQp(n_variables, n_rows)
        if self.ties is not None and self.still is not None:
            tie_rows = self.limits.n_rows + np.flatnonzero(self.still[:, rated].ravel())
            self.qp = TiedQp(self.ties, n_variables, n_rows, tie_rows)
        every = np.arange(self.limits.n_rows)
        self.qp.rows[every, self.n_moves + self.limits.slack] = -1.0
        every = self.limits.n_rows + np.arange(self.rate_rows.size)
        self.qp.rows[every, self.rate_rows] = -1.0
        self.qp.rows[every, self.rate_rows + n_u] = 1.0
        self.qp.low[self.n_moves :] = 0.0

        self.kept = Kept()
        self.kernels = self._kernels()
        self.next_constraint = self._next_constraints()
        self.columns: FloatArray = np.zeros((horizon.n_pred, self.n_moves, n_u))
        for k, block in enumerate(horizon.block_of_stage):
            self.columns[k, block * n_u : (block + 1) * n_u] = np.eye(n_u)
        sizes = (horizon.n_pred, self.model.n_x, n_u, self.n_moves)
        mapped = self.exact and isinstance(self.stages, MapStages)
        self.bends = reduced_hessian(self.block_of_stage.tolist(), sizes) if mapped else None
        self.running = (
            RunningCost(scaled, cost, horizon) if self.exact or cost is not None else None
        )

    def stage_inputs(self, blocks: FloatArray) -> FloatArray:
        """Return the MV levels of the stages, shape (N, n_u), from blocks (n_blocks, n_u)."""
        inputs: FloatArray = blocks[self.block_of_stage]
        return inputs

    def _kernels(self) -> CostKernels | None:
        """Return the kernels that write the QP and cost plans, where there are some."""
        horizon, n_u = self.horizon, self.model.n_u
        shape = GridShape(
            n_pred=horizon.n_pred,
            n_blocks=horizon.n_blocks,
            n_u=n_u,
            n_y=self.model.n_y,
            first=self.block_of_stage * n_u,
            rated=self.rated,
            shares=self.block_shares.ravel(),
            counts=self.move_counts.ravel(),
        )
        return cost_kernels(shape, self.limits, self.qp.arrays)

    def _next_constraints(self) -> IndexArray:
        """Return, for each bound and row of the QP, the one that takes its place a stage later."""
        n_u, rows, n_moves = self.model.n_u, self.limits, self.n_moves
        moves = np.minimum(np.arange(n_moves) + n_u, n_moves - n_u + np.arange(n_moves) % n_u)
        slacks = np.arange(rows.n_slacks)
        slacks[rows.slack] = rows.slack[rows.next_row]
        rates = np.arange(self.rate_rows.size)
        late = rates + self.rated.size < rates.size
        rates[late] += self.rated.size
        n_variables = n_moves + rows.n_slacks
        return np.concatenate(
            [moves, n_moves + slacks, n_variables + rows.next_row,
             n_variables + rows.n_rows + rates]
        )  # fmt: skip


def _stages(
    scaled: ScaledModel, horizon: Horizon, scheme: Scheme, substeps: int, curved: bool
) -> Stages:
    """Return the stages of a scheme; a sampled model that is linear is condensed once."""
    if scheme is Scheme.IMPLICIT_EULER:
        return EulerStages(scaled, horizon)
    maps = affine_maps(scaled) if scheme is Scheme.SAMPLED else None
    if maps is not None:
        return AffineStages(scaled, horizon, maps)
    return MapStages(scaled, horizon, scheme, substeps, curved)
