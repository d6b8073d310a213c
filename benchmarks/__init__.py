"""Measured ratios: each benchmark runs the product and a reference in the same minutes."""

import os

# Before numpy loads: with more threads small matrices are several times slower.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
