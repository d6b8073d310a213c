"""What one cycle takes in from the plant, in the order of the model."""

import math
from dataclasses import dataclass, field

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError

BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Scan:
    """Measured values of one cycle; NaN where a reading is bad.

    Attributes:
        y: CVs, shape (n_y,) [SI].
        u_readback: set points that hold, read back from the device, shape (n_u,) [SI].
        d: measured disturbances, shape (n_d,) [SI].
        read_id: identity of the scan.
        time_s: of the scan, on any clock that runs evenly [s]; NaN: one cycle after the last.
        y_age_s: time since the sample of each CV was taken, shape (n_y,) [s]; 0, as when not
            given, for what reads all the time; NaN where unknown, which counts as 0.
        y_new: False where a reading is known to repeat the last one, shape (n_y,); where it is
            True, as when not given, a sample no younger than the last one counts as a repeat.
        mv_process: what the loop below each MV brings about, its process value, shape (n_u,) [SI];
            NaN, as when not given, where it is not known.
        mv_output: its output to the valve, share of the travel from 0 to 1, shape (n_u,); NaN, as
            when not given, where it is not known.
    """

    y: FloatArray
    u_readback: FloatArray
    d: FloatArray
    read_id: int = 0
    time_s: float = math.nan
    y_age_s: FloatArray = field(default_factory=lambda: np.zeros(0))
    y_new: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    mv_process: FloatArray = field(default_factory=lambda: np.zeros(0))
    mv_output: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Fill in ages and newness where they were not given; refuse what is no row of numbers.

        Raises:
            InputError: naming what is wrong; a number that is missing may be None or NaN.
        """
        for name in ("y", "u_readback", "d", "y_age_s", "mv_process", "mv_output"):
            object.__setattr__(self, name, _numbers(getattr(self, name), name))
        if self.y_age_s.size == 0:
            object.__setattr__(self, "y_age_s", np.zeros(self.y.shape))
        if self.y_new.size == 0:
            object.__setattr__(self, "y_new", np.ones(self.y.shape, dtype=np.bool_))
        for name in ("mv_process", "mv_output"):
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.full(self.u_readback.shape, np.nan))
        for name, like in (
            ("y_age_s", "y"), ("y_new", "y"), ("mv_process", "u_readback"),
            ("mv_output", "u_readback"),
        ):  # fmt: skip
            shape, wanted = getattr(self, name).shape, getattr(self, like).shape
            if shape != wanted:
                raise InputError(f"scan: {name} has shape {shape}; {like} has {wanted}")

    def mv_missing(self) -> list[int]:
        """Return the numbers of the MVs without a read-back."""
        return [int(i) for i in np.flatnonzero(~np.isfinite(self.u_readback))]


def _numbers(values: object, name: str) -> FloatArray:
    """Return values as a row of floats."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64 and values.ndim == 1:
        return values
    try:
        row: FloatArray = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"scan: {name} is no row of numbers: {error}") from error
    if row.ndim != 1:
        raise InputError(f"scan: {name} has shape {row.shape}; give one row of numbers")
    return row
