"""C kernels of the engine: compiled once on a machine, kept in the private cache of the plant.

A kernel takes the sizes of its arrays as its first argument, so one object serves all shapes.
CasADi is told that every argument has one number, and passes on the memory that is bound to it.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import OperatorAgentError
from operator_agent.plant.vector.compiled import cache_folder, find_compiler, load_functions
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
        self._held = (function, nothing, tuple(arguments), tuple(results))
        self._buffer: Any
        self._buffer, self._trigger = function.buffer()
        for position, memory in enumerate(bound[0]):
            self._buffer.set_arg(position, memory)
        for position, memory in enumerate(bound[1]):
            self._buffer.set_res(position, memory)

    def call(self) -> None:
        """Evaluate: from the arguments' memory into the results'."""
        self._trigger()


def load_kernel(name: str, files: Sequence[str], n_arg: int, n_res: int) -> ca.Function | None:
    """Return a kernel, compiled unless the cache has it, or None where that is not possible.

    Args:
        name: of the kernel; the C text defines `{name}_body(arg, res, work)`.
        files: C texts beside this module, in their order.
        n_arg: number of arguments.
        n_res: number of results.
    """
    compiler = find_compiler()
    if compiler is None:
        _log.info("no C compiler: kernel %s is replaced by its slower twin", name)
        return None
    one = ("1", "1")
    interface = External(name, (one,) * n_arg, (one,) * n_res, "0").source()
    folder = Path(__file__).parent
    texts = [(folder / file).read_text(encoding="ascii") for file in files]
    source = "\n".join(["#define LANES 1", *texts, interface])
    try:
        (function,) = load_functions([source], lambda: source, [name], compiler, cache_folder())
    except OperatorAgentError as error:
        _log.warning("kernel %s is replaced by its slower twin: %s", name, error)
        return None
    return function
