"""C kernels of the engine: compiled once on a machine, kept in the private cache of the plant.

A kernel takes the sizes of its arrays as its first argument, so one object serves all shapes.
CasADi is told that every argument has one number, and passes on the memory that is bound to it.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import OperatorAgentError
from operator_agent.plant.vector.compiled import (
    Compiler,
    cache_folder,
    find_compiler,
    load_functions,
)
from operator_agent.plant.vector.external import External

_log = logging.getLogger(__name__)


class Kernel:
    """A compiled C function bound to the memory of its arguments and results."""

    def __init__(
        self, function: ca.Function, arguments: Sequence[FloatArray], results: Sequence[FloatArray]
    ) -> None:
        """Bind contiguous arrays; they are read and written at every call."""
        nothing = np.zeros(1)  # CasADi wants one number at least
        bound = [
            [(array if array.size else nothing).reshape(-1, order="A").data for array in arrays]
            for arrays in (arguments, results)
        ]
        self._held = (function, nothing)
        self._arguments, self._results = list(arguments), list(results)
        self._buffer: Any
        self._buffer, self._trigger = function.buffer()
        for position, memory in enumerate(bound[0]):
            self._buffer.set_arg(position, memory)
        for position, memory in enumerate(bound[1]):
            self._buffer.set_res(position, memory)

    def bind_argument(self, position: int, array: FloatArray) -> None:
        """Take one argument from another array, at least as large as the first."""
        self._buffer.set_arg(position, array.reshape(-1).data)
        self._arguments[position] = array

    def bind_result(self, position: int, array: FloatArray) -> None:
        """Let one result go into another array, at least as large as the first."""
        self._buffer.set_res(position, array.reshape(-1).data)
        self._results[position] = array

    def call(self) -> None:
        """Evaluate: from the arguments' memory into the results'."""
        self._trigger()


def load_kernels(
    files: Sequence[str], shapes: Mapping[str, tuple[int, int]]
) -> tuple[ca.Function, ...] | None:
    """Return kernels, compiled unless the cache has them, or None where that is not possible.

    Args:
        files: C texts beside this module, in their order.
        shapes: numbers of arguments and results of each kernel by its name; the C text defines
            `{name}_body(arg, res, work)`.
    """
    compiler = find_compiler()
    if compiler is None:
        _log.info("no C compiler: %s are replaced by their slower twins", ", ".join(shapes))
        return None
    try:
        return _loaded(tuple(files), tuple(shapes.items()), compiler, cache_folder())
    except OperatorAgentError as error:
        _log.warning("%s are replaced by their slower twins: %s", ", ".join(shapes), error)
        return None


@lru_cache(maxsize=32)  # each horizon asks for all of them
def _loaded(
    files: tuple[str, ...],
    shapes: tuple[tuple[str, tuple[int, int]], ...],
    compiler: Compiler,
    cache: Path,
) -> tuple[ca.Function, ...]:
    one = ("1", "1")
    interfaces = [
        External(name, (one,) * n_arg, (one,) * n_res, "0").source()
        for name, (n_arg, n_res) in shapes
    ]
    folder = Path(__file__).parent
    texts = [(folder / file).read_text(encoding="ascii") for file in files]
    source = "\n".join(["#define LANES 1", *texts, *interfaces])
    names = [name for name, _ in shapes]
    return tuple(load_functions([source], lambda: source, names, compiler, cache))
