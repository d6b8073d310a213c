"""Groups of lanes stepped by compiled code, group after group, in as many threads as asked."""

from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.compiled import Compiler, cache_folder, load_functions
from operator_agent.plant.vector.control import N_CONTROL, N_REPORT
from operator_agent.plant.vector.method import ROS34PW2
from operator_agent.plant.vector.source import OUTPUTS, STEP, step_source


class CompiledEngine:
    """Steps and outputs of n copies by compiled code.

    The last group is filled up with further copies of the first one's numbers. Arguments are copied
    into buffers of its own, so it is for one thread at a time.

    Args:
        model: of the plant.
        n: number of copies.
        workers: threads.
        compiler: to use.

    Raises:
        InputError: the model has no elementary operations, or there is no private cache.
        PlantError: the compiler fails, or the cache cannot be written or run from.
    """

    def __init__(self, model: ProcessModel, n: int, workers: int, compiler: Compiler) -> None:
        step, outputs = load_functions(
            _identity(model, compiler.lanes),
            lambda: step_source(model, ROS34PW2, compiler.lanes),
            [STEP.name, OUTPUTS.name],
            compiler,
            cache_folder(),
        )
        groups = -(-n // compiler.lanes)
        threads = min(workers, groups)
        self._groups = threads * -(-groups // threads)
        self.description = f"compiled by {compiler.name}, {compiler.lanes} copies at once"
        rows = self._groups * compiler.lanes
        self._x, self._u, self._d = (
            np.empty((rows, count)) for count in (model.n_x, model.n_u, model.n_d)
        )
        self._control = np.empty((self._groups, N_CONTROL))
        self._x_new, self._report = np.empty((rows, model.n_x)), np.empty((rows, N_REPORT))
        self._y = np.empty((rows, model.n_y))
        copies = [self._x, self._u, self._d]
        self._step = _Buffered(
            _spread(step, self._groups, threads),
            [*copies, self._control],
            [self._x_new, self._report],
        )
        self._outputs = _Buffered(_spread(outputs, self._groups, threads), copies, [self._y])

    def step(
        self, x: FloatArray, u: FloatArray, d: FloatArray, control: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the states after a step, (n, n_x), and error, attempts and arrival, (n, 3)."""
        self._fill(x, u, d)
        self._control[:] = control
        self._step.run()
        return self._x_new[: len(x)].copy(), self._report[: len(x)].copy()

    def outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the controlled variables, (n, n_y)."""
        self._fill(x, u, d)
        self._outputs.run()
        return self._y[: len(x)].copy()

    def _fill(self, *values: FloatArray) -> None:
        for buffer, value in zip((self._x, self._u, self._d), values, strict=True):
            buffer[: len(value)] = value
            buffer[len(value) :] = value[0]


def _identity(model: ProcessModel, lanes: int) -> tuple[str, ...]:
    spans = ",".join(repr(float(span)) for span in model.x_scale)
    return (
        ca.CasadiMeta.version(),
        model.rhs.serialize(),
        model.outputs.serialize(),
        spans,
        str(lanes),
    )


def _spread(function: ca.Function, groups: int, threads: int) -> ca.Function:
    """Return a function of all groups; each thread takes an equal number of neighbours."""
    one_thread = function.map(groups // threads) if groups > threads else function
    return one_thread.map(threads, "thread", threads) if threads > 1 else one_thread


class _Buffered:
    """A CasADi function bound to the memory of its arguments and results."""

    def __init__(
        self, function: ca.Function, arguments: list[FloatArray], results: list[FloatArray]
    ) -> None:
        self._name = function.name()
        self._held = (function, arguments, results)
        self._buffer: Any
        self._evaluate: Callable[[], None]
        self._buffer, self._evaluate = function.buffer()
        for position, array in enumerate(arguments):
            self._buffer.set_arg(position, array.reshape(-1).data)
        for position, array in enumerate(results):
            self._buffer.set_res(position, array.reshape(-1).data)

    def run(self) -> None:
        """Evaluate from the arguments' memory into the results'.

        Raises:
            PlantError: the function gave up.
        """
        self._evaluate()
        if self._buffer.ret() != 0:
            raise PlantError(f"compiled function {self._name} gave up; no result is valid")
