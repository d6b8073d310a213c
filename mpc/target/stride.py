"""How far the target of an MV may go in one step, from whether it turned round.

The program of one cycle is linear, so an optimum between the limits is overshot by the whole step,
forth and back. The step of an MV that turns round is halved and that of one that goes on grows
again (Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the
RPROP algorithm", IEEE Int. Conf. Neural Networks (1993) 586).
"""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray

RESTING = 1e-9  # scaled: an MV held at a limit neither turns round nor goes on
SHRINK = 0.5  # of the last change, where an MV turns round


@dataclass(frozen=True, slots=True)
class Stride:
    """Largest and last changes of the MVs, scaled, shape (n_u,) each.

    Attributes:
        step: largest change in the next step.
        change: the last one that was not zero.
    """

    step: FloatArray
    change: FloatArray

    def after(
        self, change: FloatArray, grow: float, least: float, most: float, bound: float = 0.0
    ) -> "Stride":
        """Return the stride after a step.

        Args:
            change: of the MVs in this step.
            grow: factor where an MV goes on.
            least, most: bounds of a step.
            bound: part of its step that an MV must have gone for its turn to count: a target that
                moves less follows something else than its own overshoot.
        """
        shorter = np.maximum(SHRINK * np.abs(change), least)
        longer = np.minimum(grow * self.step, most)
        turned = (self.change * change < 0.0) & (np.abs(change) >= bound * self.step)
        step = np.where(turned, shorter, longer)
        moved = np.abs(change) > RESTING
        return Stride(np.where(moved, step, self.step), np.where(moved, change, self.change))
