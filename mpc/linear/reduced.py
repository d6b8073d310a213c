"""A large model at one operating point as a small linear one: fast enough for learners.

The model is linearised at a rest, balanced, and its weak states are taken as always at rest, which
keeps the steady gains exact (Liu and Anderson, "Singular perturbation approximation of balanced
systems", Int. J. Control 50 (1989) 1379). Balancing by square roots: Laub, Heath, Paige and Ward,
"Computation of system balancing transformations", IEEE Trans. Automat. Control 32 (1987) 115.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.linear.steps import LinearSteps, sampled_model
from operator_agent.plant.generic.linear_plant import held_input_matrices
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel

ORDER = 25
LEAST_SIZE = 1e-12  # of the largest Hankel singular value: smaller ones are rounding


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A rest of a process model, in SI.

    Attributes:
        x, u, d: shapes (n_x,), (n_u,), (n_d,).
    """

    x: FloatArray
    u: FloatArray
    d: FloatArray


@dataclass(frozen=True, slots=True)
class StateMaps:
    """Between the states of a process model, from a rest and scaled, and the reduced ones.

    Attributes:
        into: reduced states of the whole ones, shape (order, n_x).
        back: whole states of the reduced ones, the weak ones at rest, shape (n_x, order).
        moved: what inputs and disturbances do to the weak ones, shape (n_x, n_u + n_d) [1/span].
    """

    into: FloatArray
    back: FloatArray
    moved: FloatArray


@dataclass(frozen=True, slots=True)
class Reduced:
    """A reduced model and what the reduction lost.

    Attributes:
        model: in steps; its states are zero at the operating point.
        point: the operating point.
        maps: between its states and those of the process model.
        x_scale: of the process model's states, shape (n_x,).
        hankel: singular values of all states, largest first.
        bound: of the error of any output, in its spans, for inputs within their spans (twice the
            sum of the singular values that were left out).
    """

    model: SampledModel
    point: OperatingPoint
    maps: StateMaps
    x_scale: FloatArray
    hankel: FloatArray
    bound: float

    def whole(self, z: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the states of the process model, shape (n_x,) [SI].

        Args:
            z: reduced states, shape (order,).
            u, d: that hold, shapes (n_u,), (n_d,) [SI].
        """
        model, point = self.model, self.point
        spans = np.append((u - point.u) / model.u_scale, (d - point.d) / model.d_scale)
        x: FloatArray = self.maps.back @ z + self.maps.moved @ spans
        return point.x + self.x_scale * x

    def reduced(self, x: FloatArray) -> FloatArray:
        """Return the reduced states, shape (order,), of the process model's, shape (n_x,) [SI]."""
        found: FloatArray = self.maps.into @ ((x - self.point.x) / self.x_scale)
        return found


class Reducer:
    """Reduces one process model at any of its operating points; holds its derivatives."""

    def __init__(self, model: ProcessModel) -> None:
        """Build the derivatives."""
        self._model = model
        scaled = ScaledModel.of(model)
        z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
        by = (z[0], ca.vertcat(z[1], z[2]))
        slopes = [ca.jacobian(value, v) for value in scaled.values(*z) for v in by]
        self._slopes = ca.Function("slopes", z, slopes)

    def nominal(self) -> OperatingPoint:
        """Return the model's nominal rest."""
        model = self._model
        return OperatingPoint(model.x_nominal, model.u_nominal, model.d_nominal)

    def at(self, point: OperatingPoint, sample_time_s: float, order: int = ORDER) -> Reduced:
        """Return the reduced model at a rest.

        Args:
            point: see there.
            sample_time_s: of the model in steps [s].
            order: states that are kept.

        Raises:
            InputError: the model is not stable there, or the order is below one.
        """
        model = self._model
        if order < 1:
            raise InputError(f"a reduced model of order {order} has no state; take one at least")
        found = self._slopes(point.x / model.x_scale, point.u / model.u_scale, point.d)
        a, b, c, through = (matrix.full() for matrix in found)
        spread = np.concatenate([np.ones(model.n_u), model.d_scale])
        b, through = b * spread, through * spread  # inputs and disturbances both per span
        if not float(np.max(np.linalg.eigvals(a).real)) < 0.0:
            raise InputError(
                f"model {model.name} does not settle at this operating point; only stable models "
                "are reduced"
            )
        rates, maps, hankel = _balanced(a, b, c, through, order)
        kept = rates[0].shape[0]
        in_steps = self._in_steps(point, rates, sample_time_s)
        bound = 2.0 * float(np.sum(hankel[kept:]))
        return Reduced(in_steps, point, maps, model.x_scale, hankel, bound)

    def _in_steps(
        self,
        point: OperatingPoint,
        rates: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
        sample_time_s: float,
    ) -> SampledModel:
        model = self._model
        phi, gamma = held_input_matrices(rates[0], rates[1], sample_time_s)
        y = model.outputs(point.x, point.u, point.d).full().ravel()
        spans = np.concatenate([model.u_scale, model.d_scale])
        steps = LinearSteps(
            name=f"{model.name}, reduced",
            inputs=_variables(model.u_names, point.u, model.u_scale),
            disturbances=_variables(model.d_names, point.d, model.d_scale),
            outputs=_variables(model.y_names, y, model.y_scale),
            x_names=tuple(f"balanced_{i}" for i in range(phi.shape[0])),
            a=phi,
            b=gamma / spans,
            c=rates[2] * model.y_scale[:, None],
            feedthrough=rates[3] * model.y_scale[:, None] / spans,
            sample_time_s=sample_time_s,
        )
        return sampled_model(steps)


def _variables(
    names: tuple[str, ...], values: FloatArray, spans: FloatArray
) -> tuple[Variable, ...]:
    triples = zip(names, values.tolist(), spans.tolist(), strict=True)
    return tuple(Variable(name, value, span) for name, value, span in triples)


def _balanced(
    a: FloatArray, b: FloatArray, c: FloatArray, through: FloatArray, order: int
) -> tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray], StateMaps, FloatArray]:
    """Return the reduced A, B, C, D, the maps of states and all Hankel singular values."""
    reached = _root(solve_continuous_lyapunov(a, -b @ b.T))
    seen = _root(solve_continuous_lyapunov(a.T, -c.T @ c))
    left, sizes, right = np.linalg.svd(seen.T @ reached)
    count = int(np.sum(sizes > LEAST_SIZE * sizes[0]))
    into = (left[:, :count] / np.sqrt(sizes[:count])).T @ seen.T
    out = reached @ (right[:count].T / np.sqrt(sizes[:count]))
    a, b, c = into @ a @ out, into @ b, c @ out
    k = min(order, count)
    if k == count:
        return (a, b, c, through), StateMaps(into, out, np.zeros((out.shape[0], b.shape[1]))), sizes
    weak = np.linalg.solve(a[k:, k:], np.hstack([a[k:, :k], b[k:]]))
    a_weak, b_weak = weak[:, :k], weak[:, k:]
    reduced = (
        a[:k, :k] - a[:k, k:] @ a_weak,
        b[:k] - a[:k, k:] @ b_weak,
        c[:, :k] - c[:, k:] @ a_weak,
        through - c[:, k:] @ b_weak,
    )
    maps = StateMaps(into[:k], out[:, :k] - out[:, k:] @ a_weak, -out[:, k:] @ b_weak)
    return reduced, maps, sizes


def _root(gramian: FloatArray) -> FloatArray:
    """Return R with R R' = gramian; rounding below zero is cut off."""
    values, vectors = np.linalg.eigh(0.5 * (gramian + gramian.T))
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
