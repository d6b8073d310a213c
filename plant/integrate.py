"""Integration and steady states of process models."""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.process_model import ProcessModel

_TOLERANCE = 1e-5  # relative, absolute in scaled states; restarted each minute: within 0.006 spans
_SETTLE_S = (1800.0, 7200.0, 28_800.0)  # transients tried before Newton, from short to long
_RESIDUAL = 1e-9  # [1/s] of scaled states: a drift of 3e-5 of a span in ten hours
_N_NEWTON = 12
_LARGEST_STEP = 20.0  # in spans: beyond it Newton left the neighbourhood of the transient


@dataclass(frozen=True, slots=True)
class Integrator:
    """CVODES for one model, with scaled states; holds no state of the plant.

    Attributes:
        model: to integrate.
        function: CasADi integrator over unit time, with the duration as parameter.
    """

    model: ProcessModel
    function: ca.Function

    def step(self, x: FloatArray, u: FloatArray, d: FloatArray, duration_s: float) -> FloatArray:
        """Return the states after a time with constant inputs.

        Args:
            x: states, shape (n_x,) [SI].
            u: MVs, shape (n_u,) [SI].
            d: DVs, shape (n_d,) [SI].
            duration_s: to integrate [s].

        Raises:
            InputError: an argument has the wrong shape or is not finite.
            PlantError: the integration fails or leaves finite numbers.
        """
        model = self.model
        for letter, value, count in (("x", x, model.n_x), ("u", u, model.n_u), ("d", d, model.n_d)):
            _check(model, letter, value, count)
        parameters = np.concatenate((u, d, [duration_s]))
        try:
            result = self._integrated(x / model.x_scale, parameters)
        except RuntimeError as error:
            raise PlantError(
                f"model {model.name}: integration over {duration_s:g} s failed; "
                f"{self._fastest(x, u, d)}"
                "; the inputs ask for more than the plant can do: check the set points and what is "
                f"out of service ({str(error).splitlines()[-1].rpartition(':')[2].strip()[:80]})"
            ) from error
        values = result.full()
        if values is None:  # CasADi swallows an interrupt that comes while it copies
            raise KeyboardInterrupt
        end: FloatArray = values.ravel() * model.x_scale
        if not bool(np.all(np.isfinite(end))):
            name = model.x_names[int(np.argmin(np.isfinite(end)))]
            raise PlantError(f"model {model.name}: state {name} is not finite after {duration_s} s")
        return end

    def _integrated(self, scaled: FloatArray, parameters: FloatArray) -> ca.DM:
        """Return the scaled end states.

        CasADi reports an interrupt from the keyboard as a failed integration. The same call fails
        again when the plant is to blame; when it does not, somebody pressed Ctrl-C.
        """
        try:
            return self.function(x0=scaled, p=parameters)["xf"]
        except RuntimeError as error:
            failure = error
        try:
            self.function(x0=scaled, p=parameters)
        except RuntimeError:
            raise failure from None
        raise KeyboardInterrupt

    def _fastest(self, x: FloatArray, u: FloatArray, d: FloatArray) -> str:
        """Return words on the state that moves fastest, for the reason of a failure."""
        rate = self.model.rhs(x, u, d).full().ravel() / self.model.x_scale
        if not bool(np.all(np.isfinite(rate))):
            name = self.model.x_names[int(np.argmin(np.isfinite(rate)))]
            return f"the rate of {name} was not finite"
        worst = int(np.argmax(np.abs(rate)))
        name, value = self.model.x_names[worst], x[worst]
        return f"{name} was at {value:.4g} and moved by {rate[worst]:.1e} spans/s at the start"


def _check(model: ProcessModel, letter: str, value: FloatArray, count: int) -> None:
    if np.shape(value) != (count,):
        raise InputError(
            f"model {model.name}: {letter} has shape {np.shape(value)}, needs ({count},)"
        )
    if not bool(np.all(np.isfinite(value))):
        names = getattr(model, f"{letter}_names")
        name = names[int(np.argmin(np.isfinite(value)))]
        raise InputError(f"model {model.name}: {name} is not finite; nothing was integrated")


def make_integrator(model: ProcessModel, tolerance: float = _TOLERANCE) -> Integrator:
    """Return an integrator of a model (CVODES, BDF, sparse QR).

    Args:
        model: to integrate.
        tolerance: relative, and absolute in scaled states.
    """
    x, u, d, rate = _scaled_rate(model)
    return _cvodes(model, x, u, d, rate, tolerance)


def _scaled_rate(model: ProcessModel) -> tuple[ca.SX, ca.SX, ca.SX, ca.SX]:
    """Return symbols of scaled states, MVs and DVs, and the rates of the scaled states [1/s]."""
    x, u, d = (
        ca.SX.sym(letter, n) for letter, n in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
    )
    scale = ca.DM(model.x_scale)
    return x, u, d, model.rhs(x * scale, u, d) / scale


def _cvodes(
    model: ProcessModel, x: ca.SX, u: ca.SX, d: ca.SX, rate: ca.SX, tolerance: float = _TOLERANCE
) -> Integrator:
    duration = ca.SX.sym("duration_s")
    problem = {"x": x, "p": ca.vertcat(u, d, duration), "ode": duration * rate}
    options: dict[str, Any] = {
        "linear_solver": "qr",
        "reltol": tolerance,
        "abstol": tolerance,
        "max_num_steps": 20_000,
        "show_eval_warnings": False,
    }
    name = "step_" + "".join(c if c.isalnum() else "_" for c in model.name).strip("_")
    return Integrator(model, ca.integrator(name, "cvodes", problem, 0.0, 1.0, options))


@dataclass(frozen=True, slots=True)
class SteadyStateSolver:
    """Finds states of rest of one model; made once, used for many inputs.

    States that drift for months (`ProcessModel.drifting`) stay where the guess has them.

    Attributes:
        integrator: of the model, without drift.
        jacobian: CasADi function `(scaled x, u, d) -> scaled rate, its Jacobian`, both with the
            identity in place of the states that drift.
    """

    integrator: Integrator
    jacobian: ca.Function

    def solve(self, u: FloatArray, d: FloatArray, x_guess: FloatArray) -> FloatArray:
        """Return the states at which the model rests, near the transient from a guess.

        A transient comes first, because Newton's method alone may end in another, unphysical
        branch; Newton's method then ends with a residual below 1e-9 of a span per second.

        Args:
            u: MVs, shape (n_u,) [SI].
            d: DVs, shape (n_d,) [SI].
            x_guess: states, shape (n_x,) [SI].

        Raises:
            InputError: an argument has the wrong shape or is not finite.
            PlantError: no rest within hours; the message names the state that moves most.
        """
        model = self.integrator.model
        x = np.asarray(x_guess, dtype=np.float64)
        for duration_s in _SETTLE_S:
            x = self.integrator.step(x, u, d, duration_s)
            rest = self.near(u, d, x)
            if rest is not None:
                return rest
        residual = self.jacobian(x / model.x_scale, u, d)[0].full().ravel()
        worst = int(np.argmax(np.abs(residual)))
        raise PlantError(
            f"model {model.name} does not come to rest: after {sum(_SETTLE_S) / 3600:.0f} h state "
            f"{model.x_names[worst]} still moves by {residual[worst]:.1e} spans/s; check that the "
            "draws, duties and the feed fit together"
        )

    def near(self, u: FloatArray, d: FloatArray, x_guess: FloatArray) -> FloatArray | None:
        """Return the rest to which Newton's method leads, stable or not; None where it leaves.

        Args:
            u: MVs, shape (n_u,) [SI].
            d: DVs, shape (n_d,) [SI].
            x_guess: states, shape (n_x,) [SI].
        """
        scale = self.integrator.model.x_scale
        scaled = start = x_guess / scale
        for _ in range(_N_NEWTON):
            rate, slopes = self.jacobian(scaled, u, d)
            residual: FloatArray = rate.full().ravel()
            if float(np.max(np.abs(residual))) < _RESIDUAL:
                rest: FloatArray = scaled * scale
                return rest
            try:
                scaled = scaled - splu(csc_matrix(slopes.sparse())).solve(residual)
            except RuntimeError:  # singular: the transient has not come near enough
                return None
            if not float(np.max(np.abs(scaled - start))) < _LARGEST_STEP:
                return None
        return None


def make_steady_state_solver(model: ProcessModel) -> SteadyStateSolver:
    """Return a solver for states of rest of a model."""
    x, u, d, rate = _scaled_rate(model)
    moving = ca.DM([float(name not in model.drifting) for name in model.x_names])
    rate = moving * rate
    slopes = ca.jacobian(rate, x) + ca.sparsify(ca.diag(1.0 - moving))
    jacobian = ca.Function("scaled_rate", [x, u, d], [rate, slopes])
    return SteadyStateSolver(_cvodes(model, x, u, d, rate), jacobian)


def steady_state(
    model: ProcessModel, u: FloatArray, d: FloatArray, x_guess: FloatArray
) -> FloatArray:
    """Return the states at which the model rests; see `SteadyStateSolver.solve`.

    Args:
        model: of the plant.
        u: MVs, shape (n_u,) [SI].
        d: DVs, shape (n_d,) [SI].
        x_guess: states, shape (n_x,) [SI].

    Raises:
        InputError: an argument has the wrong shape or is not finite.
        PlantError: the model does not come to rest.
    """
    return make_steady_state_solver(model).solve(u, d, x_guess)
