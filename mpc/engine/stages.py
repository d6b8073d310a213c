"""The seam between the SQP iteration and the way in which a model advances along the horizon.

Two families stand behind it: stages that are solved together by LAPACK factors (implicit Euler,
large stiff models) and stages that are maps x_next = F(x, u, d), predicted in one call (small
models, sampled ones).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.condense import Condensed
from operator_agent.mpc.engine.condense_maps import CondensedMaps


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, scaled.

    Attributes:
        blocks: MV levels, shape (n_blocks, n_u).
        states: at the stage borders, shape (N + 1, n_x).
        outputs: at the end of the stages, without bias, shape (N, n_y); None until predicted.
        cost: of the nonlinear prediction; NaN until known.
        inner: unknowns inside the stages, shape (N, n_w); None where stages have none.
    """

    blocks: FloatArray
    states: FloatArray
    outputs: FloatArray | None = None
    cost: float = np.nan
    inner: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A plan's linearisation, as the QP needs it, scaled.

    Attributes:
        plan: around which it holds; with outputs where the stages predict at once.
        free: outputs without bias when the blocks stay, shape (N, n_y).
        closing: change of the states that closes the plan's defects, shape (N, n_x); None when
            there are none.
        condensed: responses to the blocks.
    """

    plan: Plan
    free: FloatArray
    closing: FloatArray | None
    condensed: Condensed | CondensedMaps


class Stages(Protocol):
    """A model along a horizon."""

    def first(self, x: FloatArray, inputs: FloatArray, d: FloatArray, blocks: FloatArray
              ) -> Plan | None:  # fmt: skip
        """Return the plan predicted without a guess, or None where the model diverges.

        Args:
            x: scaled state now, shape (n_x,).
            inputs: scaled MV levels of the stages, shape (N, n_u).
            d: measured disturbances, shape (n_d,) or (N, n_d) [SI].
            blocks: of which the inputs are made, shape (n_blocks, n_u).
        """
        ...

    def respond(self, plan: Plan, inputs: FloatArray, d: FloatArray,
                cached: Condensed | CondensedMaps | None) -> Response | None:  # fmt: skip
        """Return the linearisation along a plan, or None where it is not finite.

        Args:
            plan: whose first state is the state now.
            inputs: scaled, shape (N, n_u).
            d: as in `first`.
            cached: responses of an earlier plan to be used again; None for new ones.
        """
        ...

    def predict(self, response: Response, blocks: FloatArray, inputs: FloatArray, d: FloatArray,
                change: FloatArray, old: bool) -> Plan | None:  # fmt: skip
        """Return the plan of other blocks, predicted by the nonlinear model, or None.

        Args:
            response: of the plan from which the step goes.
            blocks: MV levels, shape (n_blocks, n_u).
            inputs: of the stages, shape (N, n_u).
            d: as in `first`.
            change: of the blocks, shape (n_moves,): for a first guess.
            old: whether the response is that of an earlier plan.
        """
        ...

    def defects(self, x: FloatArray, u: FloatArray, d: FloatArray, inner: FloatArray | None
                ) -> FloatArray:  # fmt: skip
        """Return how far a plan is from the model's own equations, scaled, evaluated in SI.

        Args:
            x: at the stage borders, shape (N + 1, n_x) [SI].
            u: of the stages, shape (N, n_u) [SI].
            d: as in `first`.
            inner: unknowns inside the stages, scaled, shape (N, n_w).
        """
        ...
