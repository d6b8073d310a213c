"""What is told of a target: limits that hold it with their prices, limits given up, freedom."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.conflicts import TOLD, GivenUp, RowWords, opponents
from operator_agent.mpc.target.hysteresis import Hold
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.limits import Side, limit_name
from operator_agent.mpc.target.program import CycleProgram
from operator_agent.mpc.target.ranked import RELAXATION, RankedPoint
from operator_agent.mpc.target.steady_model import SteadyModel

PRICE_TOLERANCE = 1e-7  # usd/s per span: smaller multipliers are rounding

Sides = tuple[tuple[str, str], ...]


class Teller:
    """Says in a model's names what a point means."""

    def __init__(self, model: SteadyModel) -> None:
        """Take names and spans."""
        self._model = model
        self._rows: Sides = tuple(_sides(name) for name in model.y_names)
        self._rows += tuple((f"balance of {name}",) * 2 for name in model.balances)
        self._limits: Sides = tuple(_sides(name) for name in model.u_names)
        self._row_scale = np.concatenate([model.y_scale, model.rate_scale])

    def holding(self, point: RankedPoint, program: CycleProgram, inputs: TargetInputs) -> Hold:
        """Return limits with a price; the largest step per cycle is not a limit of the plant."""
        rows = np.where(np.abs(point.row_prices) > PRICE_TOLERANCE, np.sign(point.row_prices), 0.0)
        edge = np.where(point.bound_prices > 0.0, program.to_limits[1], program.to_limits[0])
        at_limit = inputs.free & (np.abs(point.change - edge) < RELAXATION)
        priced = at_limit & (np.abs(point.bound_prices) > PRICE_TOLERANCE)
        return Hold(rows, np.where(priced, np.sign(point.bound_prices), 0.0))

    def names(self, hold: Hold) -> tuple[str, ...]:
        """Return the limits of a hold, `name side`, rows first."""
        return tuple(
            words[i][int(sides[i] > 0.0)]
            for words, sides in ((self._rows, hold.rows), (self._limits, hold.bounds))
            for i in np.flatnonzero(sides)
        )

    def prices(self, hold: Hold, point: RankedPoint) -> tuple[float, ...]:
        """Return the price of each limit of a hold; zero where hysteresis alone holds it."""
        return tuple(
            max(float(prices[i] * sides[i] / scale[i]), 0.0)
            for sides, prices, scale in (
                (hold.rows, point.row_prices, self._row_scale),
                (hold.bounds, point.bound_prices, self._model.u_scale),
            )
            for i in np.flatnonzero(sides)
        )

    def given_up(
        self, program: CycleProgram, point: RankedPoint, inputs: TargetInputs
    ) -> tuple[GivenUp, ...]:
        """Return the limits that the point does not keep, by rising rank."""
        if not point.conflicts:
            return ()
        problem, found = program.problem, []
        rows = problem.gain @ point.change
        conflicts = {conflict.level: conflict for conflict in point.conflicts}
        words: RowWords | None = None
        for index, level in enumerate(problem.levels):
            outside = level.outside(rows)
            places = np.flatnonzero(np.abs(outside) > TOLD)
            if not places.size:
                continue
            words = words or RowWords(self._rows, self._bounds(program, inputs))
            everyone: tuple[str, ...] = ()
            against: dict[str, tuple[str, ...]] = {}
            if index in conflicts:
                everyone, against = opponents(conflicts[index], problem.gain, words)
            for i in places:
                name = self._rows[i][int(outside[i] > 0.0)]
                because = against.get(name, tuple(n for n in everyone if n != name))
                spans = float(abs(outside[i]))
                by = spans * float(self._row_scale[i])
                found.append(GivenUp(name, level.rank, by, spans, because))
        return tuple(found)

    def _bounds(self, program: CycleProgram, inputs: TargetInputs) -> Sides:
        """Return what each bound on a change is: a limit of the MV, the ramp, a held MV."""
        low, high = program.problem.low, program.problem.high
        found = []
        for i, name in enumerate(self._model.u_names):
            if not inputs.free[i]:
                found.append((f"{name} held",) * 2)
                continue
            ramps = (low[i] > program.to_limits[0][i], high[i] < program.to_limits[1][i])
            ends = zip(ramps, self._limits[i], strict=True)
            at_low, at_high = (f"{name} ramp" if ramp else limit for ramp, limit in ends)
            found.append((at_low, at_high))
        return tuple(found)

    def freedom(
        self,
        program: CycleProgram,
        inputs: TargetInputs,
        hold: Hold,
        given_up: tuple[GivenUp, ...],
    ) -> int:
        """Return free MVs less independent limits that hold or were given up."""
        lost = {given.limit for given in given_up}
        names = self._rows
        rows = [int(i) for i in np.flatnonzero(hold.rows)]
        if lost:
            rows = [i for i in range(len(names)) if hold.rows[i] or lost.intersection(names[i])]
        bounds = np.flatnonzero(hold.bounds)
        taken = bounds.size
        if rows:  # what limits of MVs leave to the rows
            others = inputs.free & (hold.bounds == 0.0)
            taken += _independent(program.problem.gain[rows][:, others])
        return int(np.sum(inputs.free)) - taken


def _independent(normals: FloatArray) -> int:
    """Return the number of independent rows."""
    if normals.shape[0] == 1:  # the usual case, without a decomposition
        return int(np.any(normals))
    return int(np.linalg.matrix_rank(normals))


def _sides(name: str) -> tuple[str, str]:
    return limit_name(name, Side.LOW), limit_name(name, Side.HIGH)
