"""Moving horizon estimation: the states of the last while that explain its readings best.

    min  |z_0 - prior|^2 / P  +  sum |z_k+1 - step(z_k)|^2 / Q  +  sum |y - g(z_k)|^2 / R

over the states with their disturbances at the last scans, inside their limits, by IPOPT. A sample
counts at the scan that is nearest to its time, so that late samples change the past that they
belong to. What leaves the window is kept as a prior, moved on as in a Kalman filter (filtering
update of the arrival cost: Rao, Rawlings and Mayne, IEEE Trans. Autom. Control 48 (2003) 246). For
small models: a cycle costs tens of milliseconds with ten states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import casadi as ca
import numpy as np
from scipy.linalg import cholesky, solve_triangular

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.augmented import Augmented
from operator_agent.mpc.estimation.bias_observer import NO_REST
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, Model
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.estimation.noise import NoiseTuning
from operator_agent.mpc.estimation.readings import IntArray, ReadingRules, Screened
from operator_agent.mpc.scan import BoolArray, Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights

TOLERANCE = 1e-8  # of IPOPT, in scaled variables
# Where rounding keeps the gradient above it, the solution counts when two iterations gain nothing.
# Both are in squared standard deviations, the gradient per span: a step is then below 1e-4 spans.
NO_GAIN, STALLED = 1e-6, 1e-3
MOST_ITERATIONS = 60  # a warm window takes five to ten


@dataclass(frozen=True, slots=True)
class HorizonTuning:
    """What may be chosen.

    Attributes:
        noise: trust in model and readings.
        cycles: length of the window; no sample that is older is used.
        gate_spans: a reading farther from the prediction is a spike [spans].
        limits: low and high end of states and inner disturbances, by name [SI].
    """

    noise: NoiseTuning = field(default_factory=NoiseTuning)
    cycles: int = 10
    gate_spans: float = 3.0
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the limits and refuse what makes no window."""
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))
        if self.cycles < 1 or not self.gate_spans > 0.0:
            raise InputError(
                f"window of {self.cycles} cycles with a gate of {self.gate_spans} spans: give at "
                "least one cycle and a gate above zero"
            )
        for name, (low, high) in self.limits.items():
            if not low < high:
                raise InputError(f"limits of {name}: {low} to {high} is empty")


@dataclass(frozen=True, slots=True)
class Window:
    """The last scans, oldest first, scaled; n is the number of cycles.

    Attributes:
        times_s: of the scans, shape (n + 1,) [s].
        z: estimates at the scans, shape (n + 1, n_z).
        u: inputs that held until each scan, shape (n + 1, n_u).
        d: measured disturbances of each scan, shape (n + 1, n_d) [SI].
        y: readings at the scan nearest to their samples, NaN without, shape (n + 1, n_y).
        prior: expected state at the oldest scan, shape (n_z,).
        covariance: of the prior, shape (n_z, n_z).
    """

    times_s: FloatArray
    z: FloatArray
    u: FloatArray
    d: FloatArray
    y: FloatArray
    prior: FloatArray
    covariance: FloatArray


class HorizonEstimator:
    """Least squares over a moving window. Holds no state between calls."""

    def __init__(
        self,
        scaled: ScaledModel,
        variables: ControlVariables,
        weights: Weights,
        cycle_s: float,
        disturbances: DisturbanceModel,
        tuning: HorizonTuning,
    ) -> None:
        """Build the problem of a window; arguments as for the Kalman filter.

        Raises:
            InputError: the disturbances cannot be estimated, or a name is not known.
        """
        # One stage: the problem of the window is written in implicit Euler steps.
        self._parts = Augmented(scaled, disturbances, variables, tuning.noise, cycle_s, stages=1)
        self._advance, self._noise, self._tuning = self._parts.advance, self._parts.noise, tuning
        self._model = scaled.model
        self._low, self._high = _limits(self._parts.whole, tuning.limits)
        self._solver = _window_solver(self._parts.scaled, tuning.cycles, cycle_s)
        self._rules = ReadingRules(
            variables,
            cycle_s,
            np.full(scaled.model.n_y, tuning.cycles * cycle_s),
            weights.spike_readings,
            weights.max_bad_readings,
        )

    def start(self, scan: Scan) -> EstimatorState | Rejected:
        """Return the steady state at the scan's inputs, with the biases that explain the scan.

        A plant that does not settle starts at the model's nominal state and the first readings.
        """
        first = self._rules.first(scan)
        if isinstance(first, Rejected):
            return first
        memory, time_s = first
        found = self._parts.first(scan)
        if found is None:
            return Rejected(NO_REST, True)
        z, explained = found
        n, u = self._tuning.cycles, scan.u_readback / self._model.u_scale
        y = np.full((n + 1, self._model.n_y), np.nan)
        y[-1] = np.where(explained, np.nan, scan.y / self._model.y_scale)
        window = Window(
            times_s=time_s - self._rules.cycle_s * np.arange(n, -1.0, -1.0),
            z=np.tile(z, (n + 1, 1)),
            u=np.tile(u, (n + 1, 1)),
            d=np.tile(scan.d, (n + 1, 1)),
            y=y,
            prior=z,
            covariance=np.diag(self._noise.first),
        )
        solved = window if bool(np.all(explained)) else self._solved(window)
        if isinstance(solved, Rejected):
            return solved
        blank = self._parts.blank(scan, time_s, memory)
        return self._shown(blank, solved) or Rejected(NO_REST, True)

    def update(self, state: EstimatorState, scan: Scan) -> EstimatorState | Rejected:
        """Return the state at a scan, or why this scan cannot be used."""
        time_s = self._rules.time_of(scan, state.time_s)
        screened = self._rules.screen(state.memory, scan, time_s, state.d[: self._parts.n_d])
        if isinstance(screened, Rejected):
            return screened
        assert isinstance(state.carried, Window)
        window = self._with_scan(state.carried, scan, screened, time_s)
        if window is None:
            return Rejected("the estimate cannot be carried on: not finite or no root", True)
        model = self._model
        places = np.argmin(np.abs(window.times_s[:, None] - screened.sampled_s), axis=0)
        expected = np.array(
            [self._advance.outputs(window.z[k], window.u[k], window.d[k])[i]
             for i, k in enumerate(places)]
        )  # fmt: skip
        error = (scan.y / model.y_scale - expected) * model.y_scale
        gate = self._tuning.gate_spans * model.y_scale
        believed, memory = self._rules.settle(state.memory, scan, screened, error, gate)
        solved = self._solved(_with_readings(window, scan.y / model.y_scale, places, believed))
        if isinstance(solved, Rejected):
            return solved
        innovation = np.where(believed, error, np.nan)
        after = replace(state, innovation=innovation, time_s=time_s, memory=memory)
        return self._shown(after, solved) or Rejected("the estimate is not finite", True)

    def _with_scan(
        self, window: Window, scan: Scan, screened: Screened, time_s: float
    ) -> Window | None:
        """Return the window one scan later, predicted, with what left it in the prior."""
        u = scan.u_readback / self._model.u_scale
        moved = self._prior_moved(window)
        step = self._advance.step(window.z[-1], u, screened.d, time_s - window.times_s[-1])
        if moved is None or step is None:
            return None
        return Window(
            times_s=np.append(window.times_s[1:], time_s),
            z=np.vstack([window.z[1:], step.x]),
            u=np.vstack([window.u[1:], u]),
            d=np.vstack([window.d[1:], screened.d]),
            y=np.vstack([window.y[1:], np.full(self._model.n_y, np.nan)]),
            prior=moved[0],
            covariance=moved[1],
        )

    def _prior_moved(self, window: Window) -> tuple[FloatArray, FloatArray] | None:
        """Return prior and covariance of the second scan, with the first one's readings in them."""
        here = self._advance.point.linearise(window.z[0], window.u[0], window.d[0])
        seen = np.isfinite(window.y[0])
        rows, covariance = here.outputs_x[0][seen], window.covariance
        offset = window.prior - window.z[0]
        if bool(np.any(seen)):
            spread = rows @ covariance @ rows.T + np.diag(self._noise.readings[seen])
            gain = np.linalg.solve(spread, rows @ covariance).T
            offset = offset + gain @ (window.y[0][seen] - here.outputs[0][seen] - rows @ offset)
            covariance = covariance - gain @ rows @ covariance
        gap_s = float(window.times_s[1] - window.times_s[0])
        u, d = window.u[1], window.d[1]
        step = self._advance.step(window.z[0], u, d, gap_s)
        if step is None:
            return None
        transition = self._advance.transition(step.linear, gap_s)
        covariance = transition(transition(covariance).T)
        np.einsum("ii->i", covariance)[:] += self._noise.walk * gap_s
        prior = step.x + transition(offset[:, None])[:, 0]
        return prior, 0.5 * (covariance + covariance.T)

    def _solved(self, window: Window) -> Window | Rejected:
        """Return the window with the states that explain its readings best."""
        try:
            root = solve_triangular(
                cholesky(window.covariance, lower=True), np.eye(window.prior.size), lower=True
            )
        except np.linalg.LinAlgError:
            return Rejected("the covariance of the estimate is not positive any more", True)
        gaps_s = np.diff(window.times_s)
        trust = np.where(np.isfinite(window.y), 1.0 / np.sqrt(self._noise.readings), 0.0)
        walk = 1.0 / np.sqrt(self._noise.walk * gaps_s[:, None])
        parameters = (
            window.prior, root, window.u, window.d, np.nan_to_num(window.y), trust, gaps_s, walk
        )  # fmt: skip
        n = self._tuning.cycles + 1
        found = self._solver(
            x0=np.clip(window.z, self._low, self._high).ravel(),
            p=np.concatenate([np.ravel(part, order="C") for part in parameters]),
            lbx=np.tile(self._low, n),
            ubx=np.tile(self._high, n),
        )
        z = found["x"].full().reshape(n, -1)
        if not self._solver.stats()["success"] or not bool(np.all(np.isfinite(z))):
            status = self._solver.stats()["return_status"]
            return Rejected(f"the moving horizon found no estimate: {status}", True)
        return replace(window, z=z)

    def _shown(self, state: EstimatorState, window: Window) -> EstimatorState | None:
        """Return the state as others see it, in SI; None when it is not finite."""
        shown = self._parts.shown(state, window.z[-1], window.u[-1], window.d[-1])
        return (
            None if shown is None else replace(shown, carried=window, covariance=window.covariance)
        )


def _with_readings(window: Window, y: FloatArray, places: IntArray, believed: BoolArray) -> Window:
    """Return the window with the believed readings at the scans nearest to their samples."""
    readings = window.y.copy()
    for i in np.flatnonzero(believed):
        readings[places[i], i] = y[i]
    return replace(window, y=readings)


def _limits(
    whole: Model, limits: Mapping[str, tuple[float, float]]
) -> tuple[FloatArray, FloatArray]:
    low, high = np.full(whole.n_x, -np.inf), np.full(whole.n_x, np.inf)
    for name, (least, most) in limits.items():
        if name not in whole.x_names:
            raise InputError(
                f"limits of '{name}': it is not estimated; known are {', '.join(whole.x_names)}"
            )
        place = whole.x_names.index(name)
        low[place], high[place] = least / whole.x_scale[place], most / whole.x_scale[place]
    return low, high


def _window_solver(scaled: ScaledModel, cycles: int, cycle_s: float) -> ca.Function:
    """Return IPOPT for the window; parameters as in `HorizonEstimator._solved`."""
    model, n = scaled.model, cycles + 1
    z = ca.SX.sym("z", model.n_x, n)
    shapes = {
        "prior": (model.n_x, 1), "root": (model.n_x, model.n_x), "u": (model.n_u, n),
        "d": (model.n_d, n), "y": (model.n_y, n), "trust": (model.n_y, n), "gaps": (1, cycles),
        "walk": (model.n_x, cycles),
    }  # fmt: skip
    p = {name: ca.SX.sym(name, *shape) for name, shape in shapes.items()}
    residuals = [p["root"].T @ (z[:, 0] - p["prior"])]  # filled row by row: stands transposed
    for k in range(n):
        _, y = scaled.values(z[:, k], p["u"][:, k], p["d"][:, k])
        residuals.append(p["trust"][:, k] * (p["y"][:, k] - y))
        if k == 0:
            continue
        inputs = (p["u"][:, k], p["d"][:, k])
        if isinstance(model, SampledModel):
            after = z[:, k - 1]
            for _ in range(max(1, round(cycle_s / model.sample_time_s))):
                after = scaled.values(after, *inputs)[0]
            miss = z[:, k] - after
        else:
            rates = scaled.values(z[:, k], *inputs)[0]
            miss = z[:, k] - z[:, k - 1] - p["gaps"][k - 1] * rates
        residuals.append(p["walk"][:, k - 1] * miss)
    cost = 0.5 * ca.sumsqr(ca.vertcat(*residuals))
    problem = {"x": ca.vec(z), "p": ca.vertcat(*(ca.vec(s) for s in p.values())), "f": cost}
    options: dict[str, Any] = {
        "print_time": False,
        "error_on_fail": False,
        "ipopt": {
            "print_level": 0, "sb": "yes", "tol": TOLERANCE, "max_iter": MOST_ITERATIONS,
            "mu_init": 1e-4, "acceptable_tol": STALLED, "acceptable_iter": 2,
            "acceptable_obj_change_tol": NO_GAIN,
        },
    }  # fmt: skip
    return ca.nlpsol("window", "ipopt", problem, options)
