"""Plant data on an even grid of time: values, and which of them may be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_EVEN = 1e-3  # of a sample: clocks of historians are this even


@dataclass(frozen=True, slots=True)
class Record:
    """Values of named variables, one row per sample; a value that is not good is NaN.

    An input's value holds from its row to the next; an output's value is read just before.

    Attributes:
        source: where the data are from, for people.
        names: of the columns.
        sample_time_s: between rows [s].
        values: shape (n, n_names), in the units of the data.
        used: rows on which a model may be fitted, shape (n,); False in shutdowns and upsets.
        start_s: time of the first row [s].
    """

    source: str
    names: tuple[str, ...]
    sample_time_s: float
    values: FloatArray
    used: BoolArray
    start_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit, and names that come twice."""
        rows = len(self.values)
        if self.values.shape != (rows, len(self.names)) or self.used.shape != (rows,):
            raise InputError(
                f"{self.source}: values of shape {self.values.shape} do not fit "
                f"{len(self.names)} names and {self.used.shape} rows"
            )
        if not 0.0 < self.sample_time_s < np.inf:
            raise InputError(f"{self.source}: sample time {self.sample_time_s} s; give one above 0")
        if len(set(self.names)) < len(self.names):
            raise InputError(f"{self.source}: a name comes twice among {', '.join(self.names)}")

    @property
    def time_s(self) -> FloatArray:
        """Time of each row [s], shape (n,)."""
        times: FloatArray = self.start_s + self.sample_time_s * np.arange(
            len(self.values), dtype=np.float64
        )
        return times

    def column(self, name: str) -> FloatArray:
        """Return the values of one variable, shape (n,).

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names:
            raise InputError(
                f"{self.source}: no column '{name}'; there is: {', '.join(sorted(self.names))}"
            )
        found: FloatArray = self.values[:, self.names.index(name)]
        return found

    def columns(self, names: Sequence[str]) -> FloatArray:
        """Return several variables, shape (n, n_names)."""
        return np.array([self.column(name) for name in names]).reshape(len(names), -1).T


def even_record(
    source: str,
    names: Sequence[str],
    time_s: FloatArray,
    values: FloatArray,
    used: BoolArray | None = None,
) -> Record:
    """Return a record from rows with their times; rows that are missing become bad values.

    Args:
        source: where the data are from.
        names: of the columns.
        time_s: ascending, shape (n,) [s]; all on one grid.
        values: shape (n, n_names); NaN where bad.
        used: rows that may be used; all when not given.

    Raises:
        InputError: times do not ascend or lie on no even grid.
    """
    steps = np.diff(time_s)
    if steps.size < 1 or not bool(np.all(steps > 0.0)):
        raise InputError(f"{source}: times must ascend, and there must be two rows at least")
    sample_s = float(np.median(steps))
    places = (time_s - time_s[0]) / sample_s
    if bool(np.any(np.abs(places - np.round(places)) > _EVEN * np.maximum(1.0, places))):
        row = int(np.argmax(np.abs(places - np.round(places))))
        raise InputError(
            f"{source}: row {row} at {time_s[row]:g} s is not on the grid of {sample_s:g} s; "
            "resample the data evenly first"
        )
    at = np.round(places).astype(int)
    full = np.full((at[-1] + 1, len(names)), np.nan)
    full[at] = values
    allowed = np.zeros(len(full), dtype=np.bool_)
    allowed[at] = True if used is None else used
    return Record(source, tuple(names), sample_s, full, allowed, float(time_s[0]))
