"""The process model in scaled coordinates, with its first derivatives at many points at once.

Inside the controller every variable is divided by its scale: x / x_scale, u / u_scale,
y / y_scale. One mapped CasADi function gives f, y and the four Jacobians for all stages; results
land in preallocated buffers (sparse nonzeros), so that a call costs no conversion.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_functions import Compilation, compiled
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.sparse_solve import SparseSolver
from operator_agent.plant.process_model import ProcessModel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Linearisation:
    """Values and Jacobians at n points, scaled.

    Attributes:
        rhs: dx/dt, shape (n, n_x) [1/s].
        outputs: y without bias, shape (n, n_y).
        rhs_x: nonzeros of d rhs/dx, shape (n, nnz) [1/s]; see `Lineariser.rhs_x_pattern`.
        rhs_u: dense d rhs/du, shape (n, n_x, n_u) [1/s].
        outputs_x: dense dy/dx, shape (n, n_y, n_x).
        outputs_u: dense dy/du, shape (n, n_y, n_u).
    """

    rhs: FloatArray
    outputs: FloatArray
    rhs_x: FloatArray
    rhs_u: FloatArray
    outputs_x: FloatArray
    outputs_u: FloatArray


class BufferedFunction:
    """A CasADi function with fixed input and output arrays: calls without conversion.

    The arrays are scratch memory of this object; results must be copied before the next call.
    """

    def __init__(self, function: ca.Function) -> None:
        """Allocate the buffers."""
        buffer: Any
        buffer, self._trigger = function.buffer()
        self._buffer = buffer
        self.inputs: list[FloatArray] = [
            np.zeros(function.nnz_in(i)) for i in range(function.n_in())
        ]
        self.outputs: list[FloatArray] = [
            np.zeros(function.nnz_out(i)) for i in range(function.n_out())
        ]
        for i, array in enumerate(self.inputs):
            buffer.set_arg(i, array.data)
        for i, array in enumerate(self.outputs):
            buffer.set_res(i, array.data)

    def call(self) -> None:
        """Evaluate: from `inputs` into `outputs`."""
        self._trigger()

    def stats(self) -> dict[str, Any]:
        """Return the statistics of the last call, for solvers."""
        found: dict[str, Any] = self._buffer.stats()
        return found


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """A process model whose functions take and give scaled values.

    Attributes:
        model: the model in SI, continuous or sampled.
        values: `(x, u, d) -> (rhs, y)`; d stays in SI. Of a sampled model rhs is the next state.
        jacobians: `(x, u, d) -> (rhs, y, rhs_x, rhs_u, y_x, y_u)`, sparse.
        compilation: whether they are compiled for the control loop.
        kept: what has been made of this model, see `once`.
    """

    model: ProcessModel | SampledModel
    values: ca.Function
    jacobians: ca.Function
    compilation: Compilation = Compilation.AUTOMATIC
    kept: dict[Hashable, object] = field(default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` made when the key was first asked for.

        Functions of one stage serve horizons of any number of stages: another horizon needs no new
        derivatives.
        """
        if key not in self.kept:
            self.kept[key] = make()
        return cast(T, self.kept[key])

    @classmethod
    def of(
        cls,
        model: ProcessModel | SampledModel,
        compilation: Compilation = Compilation.AUTOMATIC,
    ) -> "ScaledModel":
        """Return the scaled functions of a model; Jacobians are taken once, here."""
        x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
        d = ca.SX.sym("d", model.n_d)
        x_scale, u_scale, y_scale = (
            ca.DM(s.tolist()) for s in (model.x_scale, model.u_scale, model.y_scale)
        )
        law = model.rhs if isinstance(model, ProcessModel) else model.step
        rhs = ca.densify(law(x * x_scale, u * u_scale, d) / x_scale)
        y = ca.densify(model.outputs(x * x_scale, u * u_scale, d) / y_scale)
        derivatives = [ca.jacobian(out, v) for out in (rhs, y) for v in (x, u)]
        return cls(
            model=model,
            values=ca.Function("values", [x, u, d], [rhs, y]),
            jacobians=ca.Function("jacobians", [x, u, d], [rhs, y, *derivatives]),
            compilation=compilation,
        )

    @property
    def nominal(self) -> tuple[FloatArray, FloatArray]:
        """Nominal states and MVs, scaled."""
        model = self.model
        return model.x_nominal / model.x_scale, model.u_nominal / model.u_scale

    def evaluated(self) -> tuple[ca.Function, ca.Function]:
        """Return values and Jacobians as the control loop calls them: compiled where allowed."""
        point = (*self.nominal, self.model.d_nominal)
        values, jacobians = compiled(
            (self.values, self.jacobians),
            (point, point),
            self.compilation,
            (self.values.serialize(), "with Jacobians by x and u"),
        )
        return values, jacobians

    def outputs(self) -> tuple[ca.Function, ca.Function]:
        """Return `(x, u, d) -> y` and `-> (y, y_x, y_u)`, dense: compiled where that is allowed."""
        model = self.model
        z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
        _, y, _, _, y_x, y_u = self.jacobians(*z)
        bare = ca.Function("outputs", z, [y])
        slopes = ca.Function("output_slopes", z, [y, ca.densify(y_x), ca.densify(y_u)])
        point = (*self.nominal, model.d_nominal)
        identity = (self.values.serialize(), "outputs with Jacobians by x and u")
        found = compiled((bare, slopes), (point, point), self.compilation, identity)
        return found[0], found[1]


class Pattern:
    """Where the nonzeros of a sparse matrix stand."""

    def __init__(self, sparsity: ca.Sparsity) -> None:
        """Take rows and columns from a CasADi sparsity."""
        rows, columns = sparsity.get_triplet()
        self.rows = np.array(rows, dtype=np.intp)
        self.columns = np.array(columns, dtype=np.intp)
        self.shape: tuple[int, int] = (sparsity.size1(), sparsity.size2())

    def dense(self, nonzeros: FloatArray) -> FloatArray:
        """Return dense matrices, shape (n, rows, columns), from nonzeros, shape (n, nnz)."""
        out = np.zeros((nonzeros.shape[0], *self.shape))
        out[:, self.rows, self.columns] = nonzeros
        return out


class Lineariser:
    """Values and Jacobians of a scaled model at a fixed number of points, in one call."""

    def __init__(self, scaled: ScaledModel, n_points: int) -> None:
        """Map the Jacobian function over the points and allocate the buffers."""
        model = scaled.model
        self._shape = (n_points, model.n_x, model.n_u, model.n_y)
        values, jacobians = scaled.once("evaluated", scaled.evaluated)
        self._jacobians = BufferedFunction(jacobians.map(n_points))
        self._values = BufferedFunction(values.map(n_points))
        patterns = [Pattern(scaled.jacobians.sparsity_out(i)) for i in range(2, 6)]
        self.rhs_x_pattern, self._rhs_u, self._y_x, self._y_u = patterns
        self._rhs_x = scaled.jacobians.sparsity_out(2)
        self._solver: SparseSolver | None = None  # made when it is asked for

    def _fill(
        self, function: BufferedFunction, x: FloatArray, u: FloatArray, d: FloatArray
    ) -> None:
        n_points = self._shape[0]
        function.inputs[0][:] = x.ravel()
        function.inputs[1][:] = u.ravel()
        function.inputs[2].reshape(n_points, -1)[:] = d
        function.call()

    def values(self, x: FloatArray, u: FloatArray, d: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return dx/dt and y without derivatives.

        Args:
            x: scaled, shape (n, n_x).
            u: scaled, shape (n, n_u).
            d: SI, shape (n_d,) or (n, n_d).

        Returns:
            dx/dt, shape (n, n_x) [1/s], and y, shape (n, n_y), scaled.
        """
        n, n_x, _, n_y = self._shape
        self._fill(self._values, x, u, d)
        rhs, y = self._values.outputs
        return rhs.reshape(n, n_x).copy(), y.reshape(n, n_y).copy()

    @property
    def solver(self) -> SparseSolver:
        """What solves (I - h df/dx) v = b for continuous models."""
        if self._solver is None:
            self._solver = SparseSolver(self._rhs_x)
        return self._solver

    def linearise(self, x: FloatArray, u: FloatArray, d: FloatArray) -> Linearisation:
        """Return values and Jacobians; arguments as in `values`."""
        n, n_x, _, n_y = self._shape
        self._fill(self._jacobians, x, u, d)
        rhs, y, rhs_x, rhs_u, y_x, y_u = (o.reshape(n, -1) for o in self._jacobians.outputs)
        return Linearisation(
            rhs=rhs.reshape(n, n_x).copy(),
            outputs=y.reshape(n, n_y).copy(),
            rhs_x=rhs_x.copy(),
            rhs_u=self._rhs_u.dense(rhs_u),
            outputs_x=self._y_x.dense(y_x),
            outputs_u=self._y_u.dense(y_u),
        )
