"""The steady state that pays best under ranked limits, followed cycle by cycle.

At the last target (x, u) the steady-state gains of the model give a small QP in the change of the
MVs. Limits rank before money: when they cannot all be kept, the hard ones are broken as little as
possible, then the soft ones, then the economics decide within what is left:

    max  profit + pull to planning's targets - proximal |du|^2

The proximal term and the largest step per cycle keep the target from jumping between corners; the
target walks to the optimum of the nonlinear model, and x follows by Newton.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.engine.dense_qp import DenseQp, QpSolution
from operator_agent.mpc.engine.linearise import BufferedFunction, Lineariser, ScaledModel
from operator_agent.mpc.engine.steady_state import steady_gains, steady_state
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

ECONOMIC_STREAMS = ("feed", "naphtha", "kerosene", "lgo", "hgo", "residue")
ECONOMIC_OUTPUTS = (*ECONOMIC_STREAMS, "duty_furnace", "steam")
RELAXATION = 1e-6  # spans added to limits that are broken as little as possible
STEP_COST = 1e-6  # curvature on moves while violations are minimised: makes the QP definite
PRICE_TOLERANCE = 1e-7  # usd/s per span: smaller multipliers are rounding
THROUGHPUT = "flow_vol_feed"


@dataclass(frozen=True, slots=True)
class TargetState:
    """The target that is being followed, scaled: x (n_x,) and u (n_u,)."""

    x: FloatArray
    u: FloatArray


@dataclass(frozen=True, slots=True)
class SteadyTarget:
    """A steady state to go to, in SI.

    Attributes:
        u: shape (n_u,).
        y: with bias, shape (n_y,).
        active: limits that hold it, `name side`.
        prices: of those limits [usd/s per SI unit]: what one unit of room is worth.
        profit: at the target by the model [usd/s]; NaN without economics.
        violation: largest distance outside a hard or soft limit that could not be avoided [spans].
        reason: why it was not renewed; empty when it was.
    """

    u: FloatArray
    y: FloatArray
    active: tuple[str, ...]
    prices: tuple[float, ...]
    profit: float
    violation: float
    reason: str = ""


def price_vector(targets: EconomicTargets) -> FloatArray:
    """Return the price of each economic output, shape (8,) [usd per SI unit].

    Raises:
        InputError: a stream has no price.
    """
    missing = [name for name in ECONOMIC_STREAMS if name not in targets.stream_prices]
    if missing:
        raise InputError(f"case '{targets.case}' gives no price for {', '.join(missing)}")
    streams = [targets.stream_prices[name] for name in ECONOMIC_STREAMS]
    streams[0] = -streams[0]
    return np.array([*streams, -targets.energy_price, -targets.steam_price])


class _Economics:
    """Profit flows and their gradients, scaled inputs, SI outputs."""

    def __init__(self, scaled: ScaledModel, economics: ca.Function) -> None:
        model = scaled.model
        x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
        d, price = ca.SX.sym("d", model.n_d), ca.SX.sym("price", len(ECONOMIC_OUTPUTS))
        flows = economics(x * ca.DM(model.x_scale.tolist()), u * ca.DM(model.u_scale.tolist()), d)
        profit = ca.dot(price, flows)
        slopes = [ca.densify(ca.gradient(profit, v)) for v in (x, u)]
        self._function = BufferedFunction(
            ca.Function("profit", [x, u, d, price], [profit, *slopes])
        )

    def __call__(
        self, x: FloatArray, u: FloatArray, d: FloatArray, price: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        for array, value in zip(self._function.inputs, (x, u, d, price), strict=True):
            array[:] = value
        self._function.call()
        profit, slope_x, slope_u = self._function.outputs
        return float(profit[0]), slope_x.copy(), slope_u.copy()


class TargetOptimizer:
    """Renews the steady-state target. Holds scratch memory, no state between calls."""

    def __init__(
        self, scaled: ScaledModel, weights: Weights, economics: ca.Function | None
    ) -> None:
        """Take the model, the tuning and, where money counts, the economic flows.

        Args:
            scaled: model.
            weights: pulls, proximal weight, largest step, margin.
            economics: `(x, u, d) -> ECONOMIC_OUTPUTS` in SI; None pulls to targets only.
        """
        model = scaled.model
        self._model = model
        self._weights = weights
        self._point = Lineariser(scaled, 1)
        self._economics = None if economics is None else _Economics(scaled, economics)
        self._pull = _pulls(weights, model.y_names)
        self._feed = model.u_names.index(THROUGHPUT) if THROUGHPUT in model.u_names else None
        self._violation = DenseQp(model.n_u + model.n_y, 3 * model.n_y)
        self._violation.low[model.n_u :] = 0.0
        np.einsum("ii->i", self._violation.hessian)[:] = [STEP_COST] * model.n_u + [1.0] * model.n_y
        eye = np.eye(model.n_y)
        self._violation.rows[: model.n_y, model.n_u :] = -eye
        self._violation.rows[model.n_y : 2 * model.n_y, model.n_u :] = eye
        self._money = DenseQp(model.n_u, model.n_y)

    def start(self, x: FloatArray, u: FloatArray) -> TargetState:
        """Return the state from which targets walk: x (n_x,), u (n_u,) in SI."""
        return TargetState(x / self._model.x_scale, u / self._model.u_scale)

    def renew(
        self,
        state: TargetState,
        d: FloatArray,
        bias: FloatArray,
        variables: ControlVariables,
        targets: EconomicTargets | None,
        target_biases: FloatArray,
    ) -> tuple[SteadyTarget | None, TargetState]:
        """Return the target of this cycle; None when the model has no steady state here.

        Args:
            state: of the last cycle.
            d: measured disturbances, shape (n_d,) [SI].
            bias: of the outputs, shape (n_y,) [SI].
            variables: limits with back-offs.
            targets: from planning, or None: limits only.
            target_biases: added to planning's targets, shape (n_y,) [SI].
        """
        model = self._model
        found = steady_state(self._point, state.u, d, state.x)
        gains = None if found is None else steady_gains(self._point, found[1])
        if found is None or gains is None:
            return None, state
        x, linear = found
        y = linear.outputs[0] + bias / model.y_scale
        low, high = self._step_bounds(variables, state.u)
        rows_low, rows_high, violation = self._ranked(variables, y, gains[1], low, high)
        slope, profit = self._slope(x, state.u, d, gains[0], targets)
        solution = self._best(slope, y, gains[1], targets, target_biases, state.u,
                              (low, high, rows_low, rows_high))  # fmt: skip
        if solution is None:
            return None, state
        step = np.clip(solution.x, low, high)
        new = TargetState(x + gains[0] @ step, state.u + step)
        active, prices = self._active(solution, variables, new.u)
        target = SteadyTarget(
            u=np.clip(new.u * model.u_scale, variables.mv_low, variables.mv_high),
            y=(y + gains[1] @ step) * model.y_scale,
            active=active,
            prices=prices,
            profit=profit,
            violation=violation,
        )
        return target, new

    def _step_bounds(
        self, variables: ControlVariables, u: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        scale, step = self._model.u_scale, self._weights.target_step
        low = np.clip(variables.mv_low / scale - u, -step, step)
        high = np.clip(variables.mv_high / scale - u, -step, step)
        return low, high

    def _ranked(
        self,
        variables: ControlVariables,
        y: FloatArray,
        gain: FloatArray,
        low: FloatArray,
        high: FloatArray,
    ) -> tuple[FloatArray, FloatArray, float]:
        """Return rows for gain @ du, relaxed rank by rank where they cannot be kept."""
        scale, margin = self._model.y_scale, self._weights.target_margin
        hard_low, hard_high, soft_low, soft_high = (
            limit / scale - y
            for limit in (
                variables.cv_hard_low,
                variables.cv_hard_high,
                variables.cv_soft_low,
                variables.cv_soft_high,
            )
        )
        kept = np.clip(0.5 * (soft_high - soft_low), 0.0, margin)
        tight_low, tight_high = soft_low + kept, soft_high - kept
        open_rows = np.full(y.size, np.inf)
        over = self._smallest_violation(gain, low, high, hard_low, hard_high, -open_rows, open_rows)
        wide_low, wide_high = hard_low - over - RELAXATION, hard_high + over + RELAXATION
        past = self._smallest_violation(gain, low, high, tight_low, tight_high, wide_low, wide_high)
        rows_low = np.maximum(tight_low - past - RELAXATION, wide_low)
        rows_high = np.minimum(tight_high + past + RELAXATION, wide_high)
        return rows_low, rows_high, float(np.max(np.concatenate([over, past])))

    def _smallest_violation(
        self,
        gain: FloatArray,
        low: FloatArray,
        high: FloatArray,
        rank_low: FloatArray,
        rank_high: FloatArray,
        fixed_low: FloatArray,
        fixed_high: FloatArray,
    ) -> FloatArray:
        """Return the violations of one rank, shape (n_y,), least in squares."""
        inside = bool(np.all(rank_low <= 0.0) and np.all(rank_high >= 0.0))
        if inside:
            return np.zeros(gain.shape[0])
        qp, n_u, n_y = self._violation, gain.shape[1], gain.shape[0]
        for block in range(3):
            qp.rows[block * n_y : (block + 1) * n_y, :n_u] = gain
        qp.low[:n_u], qp.high[:n_u] = low, high
        qp.row_high[:n_y], qp.row_low[n_y : 2 * n_y] = rank_high, rank_low
        qp.row_low[2 * n_y :], qp.row_high[2 * n_y :] = fixed_low, fixed_high
        solution = qp.solve()
        if solution.success and qp.kkt_residual(solution) < RELAXATION:
            return np.maximum(solution.x[n_u:], 0.0)
        standing: FloatArray = np.maximum(np.maximum(rank_low, -rank_high), 0.0)
        return standing

    def _slope(
        self,
        x: FloatArray,
        u: FloatArray,
        d: FloatArray,
        states_gain: FloatArray,
        targets: EconomicTargets | None,
    ) -> tuple[FloatArray, float]:
        """Return d profit / du in the steady state, shape (n_u,), and profit [usd/s]."""
        if self._economics is None or targets is None:
            return np.zeros(u.size), np.nan
        profit, slope_x, slope_u = self._economics(x, u, d, price_vector(targets))
        return slope_u + states_gain.T @ slope_x, profit

    def _best(
        self,
        slope: FloatArray,
        y: FloatArray,
        gain: FloatArray,
        targets: EconomicTargets | None,
        target_biases: FloatArray,
        u: FloatArray,
        bounds: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    ) -> QpSolution | None:
        """Return the step that pays best inside the rows, or None."""
        model, qp = self._model, self._money
        qp.hessian[:] = 2.0 * self._weights.target_proximal * np.eye(model.n_u)
        qp.gradient[:] = -slope
        wanted = {} if targets is None else targets.targets
        for i, name in enumerate(model.y_names):
            if name in wanted and self._pull[i] > 0.0:
                goal = (wanted[name] + target_biases[i]) / model.y_scale[i]
                qp.hessian[:] += 2.0 * self._pull[i] * np.outer(gain[i], gain[i])
                qp.gradient[:] += 2.0 * self._pull[i] * (y[i] - goal) * gain[i]
        pull = self._weights.target_pull.get(THROUGHPUT, 0.0)
        if self._feed is not None and targets is not None and pull > 0.0:
            feed = targets.flow_vol_feed / model.u_scale[self._feed]
            qp.hessian[self._feed, self._feed] += 2.0 * pull
            qp.gradient[self._feed] += 2.0 * pull * (u[self._feed] - feed)
        qp.low[:], qp.high[:], qp.row_low[:], qp.row_high[:] = bounds
        qp.rows[:] = gain
        solution = qp.solve()
        usable = solution.success and qp.kkt_residual(solution) < 1e-4
        return solution if usable else None

    def _active(
        self, solution: QpSolution, variables: ControlVariables, u: FloatArray
    ) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Return names and prices; the largest step per cycle is not a limit of the plant."""
        scale_u = self._model.u_scale
        edge = np.where(solution.bound_prices > 0.0, variables.mv_high, variables.mv_low) / scale_u
        at_limit = np.where(np.abs(u - edge) < RELAXATION, solution.bound_prices, 0.0)
        names, prices = [], []
        for all_names, values, scale in (
            (variables.cv_names, solution.row_prices, self._model.y_scale),
            (variables.mv_names, at_limit, scale_u),
        ):
            for i in np.flatnonzero(np.abs(values) > PRICE_TOLERANCE):
                names.append(f"{all_names[i]} {'high' if values[i] > 0.0 else 'low'}")
                prices.append(float(abs(values[i]) / scale[i]))
        return tuple(names), tuple(prices)


def _pulls(weights: Weights, y_names: tuple[str, ...]) -> FloatArray:
    unknown = [n for n in weights.target_pull if n not in y_names and n != THROUGHPUT]
    if unknown:
        raise InputError(f"target_pull of {', '.join(unknown)}: neither a CV nor {THROUGHPUT}")
    return np.array([weights.target_pull.get(name, 0.0) for name in y_names])
