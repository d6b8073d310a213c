"""Which numbers of a scan can be true at all, judged before any model is asked.

| a finite number | what becomes of it |
|---|---|
| beyond the valid range, and as far from the last value | never believed |
| of a DV, or of an MV outside its limits: a jump | believed once so many readings agree |
| else | goes on to the estimator, whose own test finds the smaller spikes of CVs |

The valid range reaches `FAR_SPANS` beyond nominal value and limits, of an MV between two limits
`FAR_RANGES` if that is less. Where nothing but the name of a
variable was said (nominal 0, span 1) it keeps out only what no unit of measurement explains. What
is not believed counts as no reading: the last good value or the prediction stands in, for as long
as the tuning allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.readings import IntArray
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import BoolArray, ControlVariables
from operator_agent.plant.process_model import ProcessModel

FAR_SPANS = 50.0  # no upset of a unit under control moves a variable by so many typical spans
FAR_RANGES = 4.0  # between its limits: nobody sets an MV further outside, even by hand
JUMP_SPANS = 15.0  # in one cycle: a change of feed stays below, a failing transmitter does not
UNSAID_SPAN = 1e9  # in place of a span of 1 that nobody gave: watts and pascals reach far
SAME_SPANS = 1.0  # readings after a jump agree when they are no further apart


@dataclass(frozen=True, slots=True)
class ValidityMemory:
    """What is remembered of jumps; CVs, MVs and DVs in one row.

    Attributes:
        seen: number that was doubted last, NaN for none, shape (n,) [SI]; empty in the first cycle.
        repeats: cycles in a row in which it was seen, shape (n,).
    """

    seen: FloatArray = field(default_factory=lambda: np.zeros(0))
    repeats: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


NOTHING_SEEN = ValidityMemory()


@dataclass(frozen=True, slots=True)
class Validity:
    """Valid ranges of CVs, MVs and DVs, in one row, shape (n,) each [SI].

    Attributes:
        names: of all variables.
        nominal: values of the model.
        room: by which it reaches beyond nominal value and limits.
        low, high: valid range.
        scale: typical spans, or `UNSAID_SPAN`.
        jump: largest change in one cycle that needs no second reading; infinite for CVs.
        inner_low, inner_high: inside no change is a jump: the limits of MVs; empty for others.
        readings: so many that agree make a jump believed.
    """

    names: tuple[str, ...]
    nominal: FloatArray
    room: FloatArray
    low: FloatArray
    high: FloatArray
    scale: FloatArray
    jump: FloatArray
    inner_low: FloatArray
    inner_high: FloatArray
    readings: int

    @classmethod
    def of(
        cls, model: ProcessModel | SampledModel, variables: ControlVariables, readings: int
    ) -> "Validity":
        """Return the valid ranges of a model's variables.

        Args:
            model: with nominal values and spans.
            variables: limits, in the model's order; its DVs are the measured ones.
            readings: that agree after a jump.
        """
        n_y, n_u, n_d = model.n_y, model.n_u, len(variables.dv_names)
        y = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
        usual = np.concatenate([y, model.u_nominal, model.d_nominal[:n_d]])
        scale = np.concatenate([model.y_scale, model.u_scale, model.d_scale[:n_d]])
        none = np.full(n_d, np.nan)
        edges = np.array(
            [
                usual,
                np.concatenate([variables.cv_hard_low, variables.mv_low, none]),
                np.concatenate([variables.cv_hard_high, variables.mv_high, none]),
                np.concatenate([variables.cv_soft_low, np.full(n_u + n_d, np.nan)]),
                np.concatenate([variables.cv_soft_high, np.full(n_u + n_d, np.nan)]),
            ]
        )
        reach = np.where((usual == 0.0) & (scale == 1.0), UNSAID_SPAN, scale)
        room = FAR_SPANS * reach
        room[n_y : n_y + n_u] = _beside(variables, room[n_y : n_y + n_u])
        known = np.isfinite(edges)
        closed = np.any(known, axis=0)
        lowest = np.min(np.where(known, edges, np.inf), axis=0)
        highest = np.max(np.where(known, edges, -np.inf), axis=0)
        outside = np.full(n_y, np.inf), np.full(n_d, np.inf)
        return cls(
            names=(*variables.cv_names, *variables.mv_names, *variables.dv_names),
            nominal=usual,
            room=room,
            low=np.where(closed, lowest, -np.inf) - room,
            high=np.where(closed, highest, np.inf) + room,
            scale=reach,
            jump=np.concatenate([outside[0], JUMP_SPANS * reach[n_y:]]),
            inner_low=np.concatenate([outside[0], variables.mv_low, outside[1]]),
            inner_high=np.concatenate([-outside[0], variables.mv_high, -outside[1]]),
            readings=readings,
        )

    def believed(
        self,
        memory: ValidityMemory,
        scan: Scan,
        last: tuple[FloatArray, FloatArray, FloatArray],
    ) -> tuple[Scan, ValidityMemory, Mapping[str, str]]:
        """Return the scan with NaN for what cannot be true, the memory, and why, by name.

        Args:
            memory: of the cycle before.
            scan: of this cycle.
            last: CVs, MVs and DVs that are known of the cycle before [SI], NaN where not.
        """
        given = np.concatenate([scan.y, scan.u_readback, scan.d])
        before = np.concatenate(last)
        gap = np.abs(given - before)
        calm = (given >= self.low) & (given <= self.high) & ~(gap > self.jump)
        if calm.all():  # as in nearly every cycle
            return scan, NOTHING_SEEN, {}
        far = self._far(given, gap)
        leap = (gap > self.jump) & ~((given >= self.inner_low) & (given <= self.inner_high)) & ~far
        doubted = (far | leap) & np.isfinite(given)
        if not doubted.any():
            return scan, NOTHING_SEEN, {}
        repeats = np.ones(given.size, dtype=np.int64)
        if memory.seen.size:
            same = np.abs(given - memory.seen) <= SAME_SPANS * self.scale
            repeats = np.where(same, memory.repeats + 1, 1)
        doubted &= far | (repeats < self.readings)
        reasons = {
            self.names[i]: self._reason(int(i), given[i], before[i], bool(far[i]))
            for i in np.flatnonzero(doubted)
        }
        cleaned = np.where(doubted, np.nan, given)
        n_y, n_u = scan.y.size, scan.u_readback.size
        y, u, d = np.split(cleaned, [n_y, n_y + n_u])
        seen = np.where(doubted, given, np.nan)
        return replace(scan, y=y, u_readback=u, d=d), ValidityMemory(seen, repeats), reasons

    def outside(self, i: int, value: float, now: float) -> str:
        """Return why a wish for a variable cannot be meant, or an empty text.

        Args:
            i: number of the CV or MV among `names`.
            value: wanted [SI].
            now: where it stands [SI].
        """
        low, high = self.low[i], self.high[i]
        if low <= value <= high or abs(value - now) <= self.room[i]:
            return ""
        return f"{value:.6g} is outside of the valid {low:.6g} to {high:.6g} [SI]"

    def _far(self, given: FloatArray, gap: FloatArray) -> BoolArray:
        outside = (given < self.low) | (given > self.high)
        found: BoolArray = outside & ~(gap <= self.room)
        return found

    def _reason(self, i: int, value: float, before: float, far: bool) -> str:
        if far:
            return f"reads {value:.6g}, valid is {self.low[i]:.6g} to {self.high[i]:.6g} [SI]"
        return (
            f"jumped from {before:.6g} to {value:.6g} [SI], believed when {self.readings} readings "
            "agree"
        )


def _beside(variables: ControlVariables, room: FloatArray) -> FloatArray:
    """Return by how much read-backs may lie outside, shape (n_u,) [SI], from that of any variable.

    Args:
        variables: with the limits of the MVs.
        room: of `FAR_SPANS`.
    """
    width = np.maximum(variables.mv_high - variables.mv_low, 0.0)
    by_range = np.maximum(FAR_RANGES * width, room * JUMP_SPANS / FAR_SPANS)
    found: FloatArray = np.minimum(room, by_range)
    return found
