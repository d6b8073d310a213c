"""Presolve of a bilinear program: what its rows decide by themselves, and the way back.

A refinery model written out row by row is mostly definitions: columns with one value, copies of
other columns, qualities that nobody uses. A local solver loses its way in them. What stays is a
third of the columns; `Presolved.restore` gives the others their values back.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.bilinear.column_rules import look_at_column
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.row_rules import look_at_row
from operator_agent.planning.bilinear.working_rows import Undo, WorkingRows, packed, working_rows


@dataclass(frozen=True)
class Presolved:
    """A reduced program and the way back.

    Attributes:
        program: what is left to solve; its columns keep their names.
        source: the program as it was.
        places: of the reduced columns in the source, shape (n_reduced,).
        undo: what was done, in order.
    """

    program: BilinearProgram
    source: BilinearProgram
    places: Any
    undo: tuple[Undo, ...]

    def reduce(self, x: FloatArray) -> FloatArray:
        """Return the values of the columns that are left, shape (n_reduced,)."""
        return np.asarray(x[self.places], dtype=np.float64)

    def restore(self, x: FloatArray) -> FloatArray:
        """Return the values of all columns of the source, shape (n,)."""
        full = np.zeros(len(self.source.columns))
        full[self.places] = x
        values: list[float] = full.tolist()
        for step in reversed(self.undo):
            step.fill(values)
        return np.array(values)


def presolve(program: BilinearProgram) -> Presolved:
    """Return what is left of a program once its rows have decided what they can.

    Raises:
        InputError: a number of the program is not a number, or a bound has the wrong infinity.
        LimitsConflictError: no point satisfies a row, which the message names.
    """
    check_numbers(program)
    work = working_rows(program)
    for column in range(len(program.columns)):
        work.tighten(column, -np.inf, np.inf, "bounds")
        if work.low[column] == work.high[column]:
            work.fix(column, work.low[column])
    changed = True
    while changed:
        _look_at_waiting(work)
        alive = [column for column, left in enumerate(work.alive) if left]
        changed = sum(look_at_column(work, k) for k in alive if work.alive[k]) > 0
    reduced, places = packed(work)
    return Presolved(reduced, program, places, tuple(work.undo))


def _look_at_waiting(work: WorkingRows) -> None:
    while work.queue:
        row = work.queue.popleft()
        work.waiting.discard(row)
        if work.kept[row]:
            look_at_row(work, row)


def check_numbers(program: BilinearProgram) -> None:
    """Raise when a number of a program is not a number.

    Raises:
        InputError: names the first column or row with such a number.
    """
    rows = [program.rows[k] for k in np.flatnonzero(~_sound_rows(program))]
    if rows:
        raise InputError(f"row '{rows[0]}': a coefficient or limit is not a number; correct it")
    ends = (program.low < np.inf) & (program.high > -np.inf)  # False for NaN
    sound = ends & ~np.isnan(program.low) & ~np.isnan(program.high) & np.isfinite(program.cost)
    columns = [program.columns[k] for k in np.flatnonzero(~sound)]
    if columns:
        raise InputError(f"column '{columns[0]}': a bound or cost is not a number; correct it")


def _sound_rows(program: BilinearProgram) -> Any:
    sound = (program.row_low < np.inf) & (program.row_high > -np.inf)
    sound &= ~np.isnan(program.row_low) & ~np.isnan(program.row_high)
    where = np.repeat(np.arange(len(program.rows)), np.diff(program.linear.indptr))
    sound[where[~np.isfinite(program.linear.data)]] = False
    sound[program.term_row[~np.isfinite(program.term_coef)]] = False
    return sound
