"""CasADi functions as machine code: the same operations in the same order, twenty times faster.

Compiled objects are kept in the private cache, so that a model is compiled once on a machine. A
large model takes half a minute at most; by default that is not done unasked, see `Compilation`.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import OperatorAgentError
from operator_agent.plant.vector.compiled import (
    cache_folder,
    find_compiler,
    is_cached,
    load_functions,
)

SMALL = 12_000  # operations that are compiled unasked; they take three seconds
EQUAL = 1e-12  # of the largest entry: by more a compiled function may not differ at the test point
# No fused operations: the results are those of CasADi's virtual machine to the last bit. More than
# -O1 takes minutes on straight code of some 50,000 operations, and gains nothing.
_FLAGS = ("-O1", "-ffp-contract=off", "-w")

_log = logging.getLogger(__name__)


class Compilation(Enum):
    """When functions are compiled. Without a compiler CasADi's virtual machine evaluates them."""

    AUTOMATIC = "when the object is in the cache, or the functions are small"
    ALWAYS = "even when it takes half a minute"
    NEVER = "the virtual machine evaluates"


def compiled(
    functions: Sequence[ca.Function],
    points: Sequence[Sequence[FloatArray]],
    compilation: Compilation,
    identity: Sequence[str] = (),
) -> tuple[ca.Function, ...]:
    """Return functions of the same values, as machine code where that is possible and allowed.

    What is returned has no derivatives and takes no symbols of type SX.

    Args:
        functions: made of symbols, each of another name.
        points: arguments of each function at which the compiled one must give the same values.
        compilation: when to compile.
        identity: texts that all functions follow from; empty takes the functions themselves.
    """
    given = tuple(functions)
    compiler = find_compiler()
    if compilation is Compilation.NEVER or compiler is None:
        return given
    exact = replace(compiler, flags=_FLAGS)
    names = [function.name() for function in given]
    whole = (ca.CasadiMeta.version(), *names, *(identity or [f.serialize() for f in given]))
    size = sum(part.n_instructions() for f in given for part in (f, *f.find_functions()))
    try:
        folder = cache_folder()
        if not is_cached(whole, exact, folder):
            if compilation is Compilation.AUTOMATIC and size > SMALL:
                _log.info("%s: %d operations are not compiled unasked", ", ".join(names), size)
                return given
            _log.info("compiling %s: %d operations", ", ".join(names), size)
        started_s = time.perf_counter()
        found = load_functions(whole, _source(given), names, exact, folder)
        _log.debug("loaded %s in %.2f s", ", ".join(names), time.perf_counter() - started_s)
    except OperatorAgentError as error:
        _log.warning("%s are not compiled: %s", ", ".join(names), error)
        return given
    for ours, theirs, point in zip(given, found, points, strict=True):
        if not _equal(ours, theirs, point):
            _log.error(
                "compiled %s gives other values than its source; it is not used", ours.name()
            )
            return given
    return tuple(found)


def _source(functions: Sequence[ca.Function]) -> Callable[[], str]:
    def text() -> str:
        generator = ca.CodeGenerator("functions.c", {"with_header": False})
        for function in functions:
            generator.add(function)
        found: str = generator.dump()
        return found

    return text


def _equal(ours: ca.Function, theirs: ca.Function, point: Sequence[FloatArray]) -> bool:
    """Return whether two functions agree in their sparsities, and in their values at a point."""
    if (ours.n_in(), ours.n_out()) != (theirs.n_in(), theirs.n_out()):
        return False
    places = [(ours.sparsity_in(i), theirs.sparsity_in(i)) for i in range(ours.n_in())]
    places += [(ours.sparsity_out(i), theirs.sparsity_out(i)) for i in range(ours.n_out())]
    if any(one != other for one, other in places):
        return False
    arguments = [ca.DM(ours.sparsity_in(i), a.ravel().tolist()) for i, a in enumerate(point)]
    results = zip(ours.call(arguments), theirs.call(arguments), strict=True)
    for one, other in results:
        expected, value = (np.array(result.nonzeros()) for result in (one, other))
        if not np.array_equal(np.isfinite(expected), np.isfinite(value)):
            return False
        known = np.isfinite(expected)
        size = np.max(np.abs(expected[known]), initial=0.0)
        if np.max(np.abs(expected[known] - value[known]), initial=0.0) > EQUAL * size:
            return False
    return True
