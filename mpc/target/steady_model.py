"""Where a plant comes to rest and how that moves with its MVs: what the target layer knows of it.

Integrating variables, such as levels, have no rest of their own: they are held where they stand,
and their rates become balances that the target brings to zero.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.steady_state import (
    STEADY_TOLERANCE,
    rest_beside,
    steady_gains,
    steady_state,
)
from operator_agent.mpc.target.rest_form import HeldStates, held_states, rest_form, with_states
from operator_agent.mpc.variables import BoolArray
from operator_agent.plant.process_model import ProcessModel

SINGULAR = 1e-12  # least over largest singular value of a Jacobian without inverse, equilibrated
CHORD_ITERATIONS = 6
CHORD_GAIN = 0.2  # a step with the first Jacobian reduces the residual at least so much
TAKES_PART = 0.1  # of the largest entry: states along which such a Jacobian drifts


@dataclass(frozen=True, slots=True)
class SteadyPoint:
    """A state of rest and its gains, scaled.

    Attributes:
        x: states, shape (n_x,); empty for a matrix of gains.
        rows: CVs without bias, then rates of the balances [spans/h], shape (n_y + n_b,).
        x_gain, row_gain: per span of each MV, (n_x, n_u) and (n_y + n_b, n_u).
    """

    x: FloatArray
    rows: FloatArray
    x_gain: FloatArray
    row_gain: FloatArray

    def finite(self) -> bool:
        """Return whether all its numbers are."""
        parts = (self.x, self.rows, self.x_gain, self.row_gain)
        return all(bool(np.all(np.isfinite(part))) for part in parts)


class SteadyModel(Protocol):
    """What the target layer needs to know of a plant."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def u_names(self) -> tuple[str, ...]:
        """Names of the MVs."""

    @property
    def y_names(self) -> tuple[str, ...]:
        """Names of the CVs."""

    @property
    def x_scale(self) -> FloatArray:
        """Spans of the states, shape (n_x,) [SI]."""

    @property
    def u_scale(self) -> FloatArray:
        """Spans of the MVs, shape (n_u,) [SI]."""

    @property
    def y_scale(self) -> FloatArray:
        """Spans of the CVs, shape (n_y,) [SI]."""

    @property
    def held(self) -> tuple[int, ...]:
        """Indices of the states that integrate or drift: they stay as they are given."""

    @property
    def rate_scale(self) -> FloatArray:
        """Spans of the balances, one span of what integrates per hour, shape (n_b,) [SI/s]."""

    @property
    def balances(self) -> tuple[str, ...]:
        """Names of what integrates."""

    @property
    def floating(self) -> BoolArray:
        """CVs that no MV moves at rest, as what they show integrates, shape (n_y,)."""

    def at(self, x: FloatArray, u: FloatArray, d: FloatArray) -> SteadyPoint | None:
        """Return the rest near a state; None when there is none.

        Args:
            x: scaled, shape (n_x,); integrating entries stay as they are.
            u: scaled, shape (n_u,).
            d: SI, shape (n_d,).
        """
        ...

    def beside(
        self, x: FloatArray, u: FloatArray, d: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, SteadyPoint] | None:
        """Return MVs and their rest close to a state, or None; arguments as in `at`.

        Args:
            x, u, d: as in `at`.
            free: MVs that move to where there is one, shape (n_u,).
        """
        ...


class ModelRest:
    """The states of rest of a process model. Holds scratch memory, no state between calls."""

    def __init__(
        self,
        scaled: ScaledModel,
        integrating: tuple[str, ...] = (),
        wanted: Collection[str] = (),
    ) -> None:
        """Take the model, the states that integrate, and the CVs with a set point.

        Raises:
            InputError: a state of that name does not exist, or the model has no steady state
                although these are held.
        """
        given = scaled.model
        self.name, self.u_names, self.y_names = given.name, given.u_names, given.y_names
        self.x_scale, self.u_scale, self.y_scale = given.x_scale, given.u_scale, given.y_scale
        self.balances, self.rate_scale = integrating, np.empty(0)
        self.held: tuple[int, ...] = ()
        self._held: HeldStates | None = None
        model = rest_form(given) if isinstance(given, SampledModel) else given
        if integrating or model.drifting:
            self._held = held_states(model, integrating, wanted)
            model, self.held = self._held.model, self._held.held
            self.rate_scale = model.y_scale[given.n_y :]
        self.floating = np.zeros(given.n_y, np.bool_) if self._held is None else self._held.floating
        self._point = Lineariser(scaled if model is given else ScaledModel.of(model), 1)
        drifting = _drifting(self._point, model)
        if drifting:
            raise InputError(
                f"model {given.name} has no steady state: {', '.join(drifting)} keep drifting "
                "whatever the MVs do; name what integrates as integrating states, so that the "
                "target balances them, or take them out of the model"
            )

    def at(self, x: FloatArray, u: FloatArray, d: FloatArray) -> SteadyPoint | None:
        """Return the rest near a state; None when there is none. See `SteadyModel.at`."""
        point = self._rest(*self._apart(x, d), u)
        return None if point is None else self._whole(point, x)

    def beside(
        self, x: FloatArray, u: FloatArray, d: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, SteadyPoint] | None:
        """Return MVs and their rest close to a state, or None. See `SteadyModel.beside`."""
        moving, fixed = self._apart(x, d)
        found = rest_beside(self._point, u, fixed, moving, free)
        gains = None if found is None else steady_gains(self._point, found[2])
        if found is None or gains is None:
            return None
        point = SteadyPoint(found[0], found[2].outputs[0].copy(), *gains)
        return found[1], self._whole(point, x)

    def _apart(self, x: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the states that have a rest, and DVs with the states that are held [SI]."""
        held = self._held
        if held is None:
            return x, d
        places = np.array(held.held, dtype=np.intp)
        fixed = x[places] * self.x_scale[places]
        return x[np.array(held.free, dtype=np.intp)], np.concatenate([d, fixed])

    def _whole(self, point: SteadyPoint, x: FloatArray) -> SteadyPoint:
        """Return a rest with the states that are held."""
        held = self._held
        if held is None:
            return point
        gain = with_states(held.free, point.x_gain, np.zeros((x.size, point.x_gain.shape[1])))
        row_gain = point.row_gain.copy()
        row_gain[: self.floating.size][self.floating] = 0.0
        return SteadyPoint(with_states(held.free, point.x, x), point.rows, gain, row_gain)

    def _rest(self, x: FloatArray, d: FloatArray, u: FloatArray) -> SteadyPoint | None:
        near = self._near_rest(x, u, d)
        if near is not None:
            return near
        found = steady_state(self._point, u, d, x)
        gains = None if found is None else steady_gains(self._point, found[1])
        if found is None or gains is None:
            return None
        return SteadyPoint(found[0], found[1].outputs[0], *gains)

    def _near_rest(self, x: FloatArray, u: FloatArray, d: FloatArray) -> SteadyPoint | None:
        """Return the rest close to a state by one factorisation, with the gains it gives, or None.

        The Jacobian is taken at the start, which in the loop is the last target's prediction.
        """
        linear = self._point.linearise(x, u, d)
        if x.size == 0:  # all states are held
            x_gain = np.zeros((0, u.size))
            return SteadyPoint(x, linear.outputs[0].copy(), x_gain, linear.outputs_u[0].copy())
        residual = linear.rhs[0]
        size = float(np.max(np.abs(residual), initial=0.0))
        jacobian = self._point.rhs_x_pattern.dense(linear.rhs_x)[0]
        factors, pivots, singular = lapack.dgetrf(jacobian.T, overwrite_a=True)  # no copy so
        if singular or not np.isfinite(size):
            return None
        outputs = linear.outputs[0]
        for _ in range(CHORD_ITERATIONS):
            if size < STEADY_TOLERANCE:
                x_gain = -lapack.dgetrs(factors, pivots, linear.rhs_u[0], trans=1)[0]
                return SteadyPoint(
                    x, outputs, x_gain, linear.outputs_u[0] + linear.outputs_x[0] @ x_gain
                )
            x = x - lapack.dgetrs(factors, pivots, residual, trans=1)[0]
            rates, values = self._point.values(x, u, d)
            residual, outputs, last = rates[0], values[0], size
            size = float(np.max(np.abs(residual)))
            if not size < CHORD_GAIN * last:
                return None
        return None


def _drifting(point: Lineariser, model: ProcessModel) -> list[str]:
    """Return the states along which the nominal Jacobian has no inverse."""
    if model.n_x == 0:
        return []
    x, u = model.x_nominal / model.x_scale, model.u_nominal / model.u_scale
    jacobian = point.rhs_x_pattern.dense(point.linearise(x, u, model.d_nominal).rhs_x)[0]
    if not bool(np.all(np.isfinite(jacobian))):
        return []  # told in the loop, where it may pass
    for axis in (1, 0):
        largest = np.max(np.abs(jacobian), axis=axis, keepdims=True)
        jacobian = jacobian / np.where(largest > 0.0, largest, 1.0)
    _, sizes, directions = np.linalg.svd(jacobian)
    if sizes[-1] > SINGULAR * sizes[0]:
        return []
    parts = np.abs(directions[-1])
    return [model.x_names[i] for i in np.flatnonzero(parts > TAKES_PART * np.max(parts))]
