"""Holes that a published model leaves open, and the guards that close them.

Rows mass = density * volume without a bound on the density let a solver make volume from nothing:
density to zero, volume to infinity, and every row holds. Such a plan earns more than any real one
and must never be claimed. Row files carry no names, so densities are found by their rows: the
factor that is given as a number in some of these rows is the density in all of them.
"""

from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram

SHARE_OF_LEAST = 0.9  # of the least given density; no blend is lighter than its lightest part
TIMES_LARGEST = 3.0  # of the largest given density; heavier than any residue
USED = 1e-6  # of the largest volume: a stream that flows less is not used
NEAR = 1e-9  # relative: two coefficients that are one number


@dataclass(frozen=True, slots=True)
class Guard:
    """A column that physics keeps in a range, and the flow that makes it matter.

    Attributes:
        column: of the quality.
        flow: column of the flow that it multiplies.
        low, high: range, in the column's own unit.
    """

    column: int
    flow: int
    low: float
    high: float


def density_guards(program: BilinearProgram) -> tuple[Guard, ...]:
    """Return guards for the densities that have no bounds of their own.

    Returns:
        One guard for each row mass = density * volume whose density may be anything from zero up;
        none when no such row has a given density to compare with.
    """
    density, volume = _density_rows(program)
    low, high = program.low[density], program.high[density]
    given = low[(low == high) & (low > 0.0)]
    if not len(given):
        return ()
    least, largest = SHARE_OF_LEAST * float(np.min(given)), TIMES_LARGEST * float(np.max(given))
    return tuple(
        Guard(int(column), int(flow), least, largest)
        for column, flow, free in zip(density, volume, (low <= 0.0) & np.isinf(high), strict=True)
        if free
    )


def _density_rows(program: BilinearProgram) -> tuple[FloatArray, FloatArray]:
    """Return the columns of density and volume of all rows mass = density * volume."""
    linear = np.diff(program.linear.indptr)
    products = np.bincount(program.term_row, minlength=len(program.rows))
    homogeneous = (program.row_low == 0.0) & (program.row_high == 0.0)
    rows = np.flatnonzero((linear == 1) & (products == 1) & homogeneous)
    term = np.zeros(len(program.rows), dtype=np.int64)
    term[program.term_row] = np.arange(len(program.term_row))
    mass = program.linear.data[program.linear.indptr[rows]]
    alike = np.abs(mass + program.term_coef[term[rows]]) <= NEAR * np.abs(mass)
    place = term[rows[alike]]
    left, right = program.term_left[place], program.term_right[place]
    fixed = program.low == program.high
    swapped = np.sum(fixed[right]) > np.sum(fixed[left])
    return (right, left) if swapped else (left, right)


def guarded(program: BilinearProgram, guards: tuple[Guard, ...]) -> BilinearProgram:
    """Return the program with the lower ends of the guards as bounds."""
    low = program.low.copy()
    for guard in guards:
        low[guard.column] = max(low[guard.column], guard.low)
    return replace(program, low=low)


def unphysical_columns(
    program: BilinearProgram, guards: tuple[Guard, ...], x: FloatArray
) -> tuple[str, ...]:
    """Return the names of guarded columns out of range at x, whose stream is used."""
    if not guards:
        return ()
    least = USED * max(1.0, max(abs(float(x[guard.flow])) for guard in guards))
    found = [
        program.columns[guard.column]
        for guard in guards
        if abs(x[guard.flow]) > least and not guard.low <= x[guard.column] <= guard.high
    ]
    return tuple(dict.fromkeys(found))
