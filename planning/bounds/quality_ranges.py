"""Ranges of qualities from what is mixed: no blend is worse than its worst part, where it flows.

Models leave most qualities between zero and infinity, and then every relaxation lets the product
quality * flow be anything. A quality q of a flow G (G = sum c_k F_k, c_k > 0, F_k >= 0) obeys

    a G <= q G <= b G  with b = max of q G over the cone of the equations without constant, G = 1:

a small linear program over the rows near q, in which parts whose range is known already take part
by l F <= w <= h F.

From a G <= q G <= b G follows a <= q <= b where G > 0. When G can be zero, q may still be kept in
[a, b], provided that q occurs in products only and that G = 0 makes all its partners zero: then q
takes part in nothing, and a plan with q moved into [a, b] is as good and as feasible. (Where G = 0
only makes the products zero, either the partners are zero or q is; then the range must hold zero.)
Each such move touches a column that takes part in nothing, so all of them may be made at once. So
ranges keep at least one plan for each objective that plans have, but not every plan.
"""

import time

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bounds.box import Box
from operator_agent.planning.bounds.lifted_rows import LiftedRows
from operator_agent.planning.bounds.mixing_cone import mixing_cone
from operator_agent.planning.bounds.quality_flows import (
    Occurrences,
    QualityFlow,
    Reach,
    ZeroRows,
)

OPENING = 1e-9  # relative: by which a range is opened, as rows are missed by about as much
WORTH = 1e-2  # of the width: a range that moves by less moves no other


class QualityRanges:
    """The rows of a program, prepared for finding ranges of qualities."""

    def __init__(self, program: BilinearProgram, rows: LiftedRows, box: Box) -> None:
        """Prepare.

        Args:
            program: whose rows and products say where a quality takes part.
            rows: its lifted rows, with more rows that follow from them.
            box: bounds of columns and products.
        """
        self._rows = ZeroRows(rows)
        self._places = Occurrences(program, self._rows)
        self._flows = self._places.quality_flows(program, box.low)
        self._parts: dict[int, frozenset[int]] = {}

    def narrowed(self, box: Box, rounds: int, deadline: float) -> Box:
        """Return the box with narrower qualities.

        Args:
            box: to start from.
            rounds: over all qualities whose parts have changed, at most.
            deadline: on the monotonic clock.
        """
        low, high = box.low.copy(), box.high.copy()
        moved: frozenset[int] | None = None
        for _ in range(rounds):
            now = set()
            for number, flow in enumerate(self._flows):
                parts = self._parts.get(number)
                if moved is not None and parts is not None and not parts & moved:
                    continue
                if time.monotonic() > deadline:
                    return Box(low, high)
                if self._narrow(number, flow, low, high):
                    now.add(flow.quality)
            moved = frozenset(now)
            if not moved:
                break
        return Box(low, high)

    def _narrow(self, number: int, flow: QualityFlow, low: FloatArray, high: FloatArray) -> bool:
        """Narrow the range of one quality in place; return whether it moved by much."""
        least, most = float(low[flow.quality]), float(high[flow.quality])
        reach = self._places.reach(flow, low)
        narrow = np.isfinite(most) and most - least <= WORTH * abs(most)
        if reach is Reach.NOTHING or narrow:
            self._parts[number] = frozenset()
            return False
        cone = mixing_cone(self._rows, flow, low, high)
        self._parts[number] = cone.qualities
        below, above = cone.range()
        if reach is Reach.RANGE_OR_ZERO and least <= 0.0:
            below, above = min(below, 0.0), max(above, 0.0)
        below, above = below - OPENING * abs(below), above + OPENING * abs(above)
        below, above = max(below, least), min(above, most)
        if below > above:
            return False  # the flow is zero in all plans of interest: leave the quality as it is
        low[flow.quality], high[flow.quality] = below, above
        if np.isinf(most):
            return bool(np.isfinite(above) or below > least)
        return bool((most - above) + (below - least) > WORTH * (most - least))
