"""A tree of scenarios on a horizon: each path is an ordinary transcription; first moves are shared.

A move is decided before the values of its stage are seen: paths that have seen the same so far
move alike. Source: Lucia, Finkler, Engell, "Multi-stage nonlinear model predictive control applied
to a semi-batch polymerization reactor under uncertainty", J. Process Control 23 (2013) 1306.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Formulation
from operator_agent.mpc.engine.limit_rows import IndexArray, LimitShape
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.robust.tree_qp import SharedMoves, TreeQp
from operator_agent.mpc.robust.uncertainty import SlackPrice, Uncertainty


@dataclass(frozen=True, slots=True)
class ScenarioTree:
    """The paths of a tree. Scratch memory inside.

    Attributes:
        uncertainty: of which it is made.
        grids: of the paths; the first one is that of the first values.
        probabilities: of the paths, shape (n,).
        columns: places of the uncertain quantities in d, shape (n_uncertain,).
        values: of the uncertain quantities along each path, shape (n, N, n_uncertain) [SI].
        nodes: node of each shared block of each path, shape (n, n_shared_blocks).
        qp: solves the paths together.
    """

    uncertainty: Uncertainty
    grids: tuple[Transcription, ...]
    probabilities: FloatArray
    columns: IndexArray
    values: FloatArray
    nodes: IndexArray
    qp: TreeQp

    @classmethod
    def of(
        cls,
        scaled: ScaledModel,
        horizon: Horizon,
        shape: LimitShape,
        formulation: Formulation | None,
        uncertainty: Uncertainty,
    ) -> "ScenarioTree":
        """Return the tree; arguments as for a transcription.

        Raises:
            InputError: an uncertain quantity is no disturbance of the model.
        """
        model, n_pred = scaled.model, horizon.n_pred
        unknown = [one.name for one in uncertainty.parameters if one.name not in model.d_names]
        if unknown:
            raise InputError(
                f"model {model.name} has no disturbance {unknown[0]} to be uncertain; it has "
                f"{', '.join(model.d_names)}"
            )
        columns = [model.d_names.index(one.name) for one in uncertainty.parameters]
        combined, weights = uncertainty.combinations()
        paths = np.array(uncertainty.histories(), dtype=np.intp)
        stage = np.minimum(np.arange(n_pred), uncertainty.n_robust - 1)
        grids = tuple(Transcription(scaled, horizon, shape, formulation) for _ in paths)
        nodes = _nodes(paths, [k for k in horizon.starts if k < uncertainty.n_robust])
        shared = SharedMoves.of(nodes, model.n_u, grids[0])
        probabilities: FloatArray = np.prod(weights[paths], axis=1)
        return cls(
            uncertainty=uncertainty,
            grids=grids,
            probabilities=probabilities,
            columns=np.array(columns, dtype=np.intp),
            values=combined[paths[:, stage]],
            nodes=nodes,
            qp=TreeQp([grid.qp for grid in grids], shared, probabilities),
        )

    @property
    def slack_factors(self) -> FloatArray:
        """What the price of a limit is multiplied with in each path, shape (n,)."""
        full = self.uncertainty.slack_price is SlackPrice.FULL
        return 1.0 / self.probabilities if full else np.ones(self.probabilities.size)

    def expected(self, costs: Sequence[float]) -> float:
        """Return the mean of the paths' costs by their probabilities."""
        return float(self.probabilities @ np.array(costs))

    def disturbances(self, d: FloatArray) -> FloatArray:
        """Return d along each path, shape (n, N, n_d) [SI], from (n_d,) or (N, n_d)."""
        n, n_pred, _ = self.values.shape
        rows = np.broadcast_to(d, (n, n_pred, d.shape[-1])).copy()
        rows[:, :, self.columns] = self.values
        return rows

    def merged(self, blocks: list[FloatArray]) -> list[FloatArray]:
        """Return plans (n_blocks, n_u) whose shared blocks are their mean at each node."""
        first = np.array([plan[: self.nodes.shape[1]] for plan in blocks])
        weights = np.bincount(
            self.nodes.ravel(), np.repeat(self.probabilities, self.nodes.shape[1])
        )
        total = np.zeros((weights.size, first.shape[2]))
        np.add.at(total, self.nodes, self.probabilities[:, None, None] * first)
        mean = total / weights[:, None]
        merged = []
        for plan, nodes in zip(blocks, self.nodes, strict=True):
            whole = plan.copy()
            whole[: nodes.size] = mean[nodes]
            merged.append(whole)
        return merged


def _nodes(paths: IndexArray, starts: list[int]) -> IndexArray:
    """Return the node of the blocks that start at these stages, shape (n, n_starts)."""
    numbers: dict[tuple[int, ...], int] = {}
    found = [
        [numbers.setdefault((k, *path[:k]), len(numbers)) for k in starts]
        for path in paths.tolist()
    ]
    return np.array(found, dtype=np.intp)
