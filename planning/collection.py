"""A rest for Python's garbage collector while a model is written.

A model is hundreds of thousands of small objects, all alive. The collector walks over them again
and again as they are made and finds nothing, which is half to two thirds of the time that it takes
to build and compile.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep the cyclic garbage collector off within, and as it was before afterwards."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
