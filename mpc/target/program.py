"""The linear program of one cycle: the plant's gains at the last target, limits and costs."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.answer import NotRenewed, TargetState
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.limits import LevelBuilder
from operator_agent.mpc.target.ranked import RankedProblem
from operator_agent.mpc.target.steady_model import SteadyModel, SteadyPoint
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Economics, ProfitSlope

SURPRISE = 2.0  # distance of a rest from its prediction, by that of the step that went there
LEAST_SURPRISE = 0.3  # spans: less is the curve of any plant
CLOSER = 0.5  # distance of a rest with other MVs by that of the rest at the MVs as they are


@dataclass(frozen=True, slots=True)
class CycleProgram:
    """The program and where it was taken, scaled.

    Attributes:
        u, x: of the last target, held MVs and integrating states as they are read.
        rows: CVs with bias, then rates, shape (n_y + n_b,).
        x_gain: of the states, shape (n_x, n_u).
        to_limits: change of each MV that brings it to its low and to its high limit, each (n_u,).
        problem: ranked limits and costs.
    """

    u: FloatArray
    x: FloatArray
    rows: FloatArray
    x_gain: FloatArray
    to_limits: tuple[FloatArray, FloatArray]
    problem: RankedProblem


class Profit:
    """What a steady state earns under wishes, and its slope. Holds scratch memory only."""

    def __init__(self, model: SteadyModel, economics: Economics | None) -> None:
        """Build the functions."""
        self._model, self._economics = model, economics
        self._slopes = (
            None if economics is None else ProfitSlope(economics, model.x_scale, model.u_scale)
        )

    def slope(self, point: SteadyPoint, u: FloatArray, inputs: TargetInputs) -> FloatArray:
        """Return d profit/du of the economic function at rest, shape (n_u,) [usd/s per span].

        Raises:
            InputError: the economics need a price that the wishes do not give.
        """
        slope = np.zeros(u.size)
        prices = inputs.wishes.prices
        if self._slopes is not None and self._economics is not None and prices is not None:
            p = self._economics.prices(prices)
            slope_x, slope_u = self._slopes.slopes(point.x, u, inputs.d, p)
            slope += slope_u + point.x_gain.T @ slope_x
        if inputs.modifiers is not None:
            slope += inputs.modifiers.profit_slope * self._model.u_scale
        return slope

    def at(self, x: FloatArray, u: FloatArray, y: FloatArray, inputs: TargetInputs) -> float:
        """Return the profit [usd/s] at scaled x and u, and y in SI; NaN where nothing earns."""
        model, wishes = self._model, inputs.wishes
        if wishes.prices is None and not wishes.variable_prices:
            return np.nan
        real_u, profit = u * model.u_scale, 0.0
        if self._slopes is not None and self._economics is not None and wishes.prices is not None:
            profit += self._slopes.profit(x, u, inputs.d, self._economics.prices(wishes.prices))
        values = dict(zip((*model.u_names, *model.y_names), (*real_u, *y), strict=True))
        profit += sum(p * values.get(name, 0.0) for name, p in wishes.variable_prices.items())
        if inputs.modifiers is not None:
            profit += float(inputs.modifiers.profit_slope @ (real_u - inputs.modifiers.at))
        return float(profit)


class ProgramBuilder:
    """Builds the program of each cycle."""

    def __init__(self, model: SteadyModel, tuning: TargetTuning, profit: Profit) -> None:
        """Take where the plant rests, the tuning, and what earns."""
        tuning.check_names(model.y_names, model.u_names)
        self._model, self._tuning, self._profit = model, tuning, profit
        self._levels = LevelBuilder(model, tuning)
        self._cv_pulls = _pulls(model.y_names, tuning)
        self._mv_pulls = _pulls(model.u_names, tuning)

    def program(self, state: TargetState, inputs: TargetInputs) -> CycleProgram | NotRenewed:
        """Return the program at the last target, or why there is none."""
        model, limits = self._model, inputs.variables
        u, point = self._rest(state, inputs)
        if point is None:
            return NotRenewed(f"model {model.name} has no steady state at the last target")
        if not point.finite():
            return NotRenewed(f"model {model.name} has a gain or a value that is not finite")
        rows, gain = self._rows(point, u, inputs)
        to_low, to_high = limits.mv_low / model.u_scale - u, limits.mv_high / model.u_scale - u
        step = self._tuning.step if inputs.step is None else inputs.step
        ramp = np.where(inputs.free, step, 0.0)
        hessian, gradient = self._cost(u, rows, gain, inputs)
        gradient -= self._profit.slope(point, u, inputs)
        if not bool(np.all(np.isfinite(gradient)) and np.all(np.isfinite(hessian))):
            return NotRenewed("the slope of the profit is not finite")
        problem = RankedProblem(
            gain=gain,
            low=np.clip(to_low, -ramp, ramp),
            high=np.clip(to_high, -ramp, ramp),
            levels=self._levels.levels(inputs, rows),
            hessian=hessian,
            gradient=gradient,
        )
        return CycleProgram(u, point.x, rows, point.x_gain, (to_low, to_high), problem)

    def _rest(
        self, state: TargetState, inputs: TargetInputs
    ) -> tuple[FloatArray, SteadyPoint | None]:
        """Return u and the rest at the last target, or close to it with other MVs.

        Beyond a fold, as that of a reactor which ignites, the rest that was promised is gone at
        those MVs, and another one is far away; and one that is not stable moves far with each
        disturbance. Both are close by at other MVs, if it is not the plant itself that has moved.
        """
        x, u = self._where(state, inputs)
        point = self._model.at(x, u, inputs.d)
        if point is not None and (state.rest is None or _expected(point, x, state.rest)):
            return u, point
        found = self._model.beside(x, u, inputs.d, inputs.free)
        if found is None or (point is not None and not _closer(found, x, u, point)):
            return u, point
        return found

    def _where(self, state: TargetState, inputs: TargetInputs) -> tuple[FloatArray, FloatArray]:
        """Return x and u of the last target, with held MVs and integrating states as read."""
        model, present = self._model, inputs.present
        if present is None:
            return state.x, state.u
        x, u = state.x, np.where(inputs.free, state.u, present.u / model.u_scale)
        if model.held:
            places = np.array(model.held, dtype=np.intp)
            x = x.copy()
            x[places] = present.x[places] / model.x_scale[places]
        return x, u

    def _rows(
        self, point: SteadyPoint, u: FloatArray, inputs: TargetInputs
    ) -> tuple[FloatArray, FloatArray]:
        """Return CVs with bias and rates, and their gains, with what was learned of the plant."""
        model, n_y = self._model, len(self._model.y_names)
        rows, gain = point.rows.copy(), point.row_gain
        rows[:n_y] += np.where(np.isfinite(inputs.bias), inputs.bias, 0.0) / model.y_scale
        if inputs.rate_bias is not None:
            rows[n_y:] += inputs.rate_bias / model.rate_scale
        if inputs.modifiers is not None:
            slope = inputs.modifiers.y_slope * model.u_scale / model.y_scale[:, None]
            gain = gain.copy()
            gain[:n_y] += slope
            rows[:n_y] += slope @ (u - inputs.modifiers.at / model.u_scale)
        return rows, gain

    def _cost(
        self, u: FloatArray, rows: FloatArray, gain: FloatArray, inputs: TargetInputs
    ) -> tuple[FloatArray, FloatArray]:
        """Return hessian and gradient of nearness, pulls to goals and prices of variables."""
        model, wishes = self._model, inputs.wishes
        hessian = 2.0 * self._tuning.proximal * np.eye(u.size)
        gradient = np.zeros(u.size)
        seen = inputs.on & ~model.floating
        for i, name, weight in self._cv_pulls:
            goal = wishes.goals.get(name)
            if goal is not None and seen[i]:
                hessian += 2.0 * weight * np.outer(gain[i], gain[i])
                gradient += 2.0 * weight * (rows[i] - goal / model.y_scale[i]) * gain[i]
        for i, name, weight in self._mv_pulls:
            goal = wishes.goals.get(name)
            if goal is not None:
                hessian[i, i] += 2.0 * weight
                gradient[i] += 2.0 * weight * (u[i] - goal / model.u_scale[i])
        for name, price in wishes.variable_prices.items():
            if name in model.u_names:
                i = model.u_names.index(name)
                gradient[i] -= price * model.u_scale[i]
            elif name in model.y_names:
                i = model.y_names.index(name)
                gradient -= price * model.y_scale[i] * gain[i]
        return hessian, gradient


def _expected(point: SteadyPoint, x: FloatArray, last: FloatArray) -> bool:
    """Return whether a rest lies where the gains at the last one had promised it."""
    return _apart(point.x, x) <= max(SURPRISE * _apart(x, last), LEAST_SURPRISE)


def _closer(
    found: tuple[FloatArray, SteadyPoint], x: FloatArray, u: FloatArray, other: SteadyPoint
) -> bool:
    """Return whether a rest with other MVs lies much closer than another one without."""
    distance = max(_apart(found[1].x, x), _apart(found[0], u))
    return distance < CLOSER * _apart(other.x, x)


def _apart(one: FloatArray, other: FloatArray) -> float:
    return float(np.max(np.abs(one - other), initial=0.0))


def _pulls(names: tuple[str, ...], tuning: TargetTuning) -> list[tuple[int, str, float]]:
    """Return place, name and weight of the variables that goals pull."""
    weights = [tuning.pull.get(name, 0.0) for name in names]
    return [
        (i, name, weight)
        for i, (name, weight) in enumerate(zip(names, weights, strict=True))
        if weight > 0.0
    ]
