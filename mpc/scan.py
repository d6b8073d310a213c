"""What one cycle takes in from the plant, in the order of the model."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Scan:
    """Measured values of one cycle; NaN where a reading is bad.

    Attributes:
        y: CVs, shape (n_y,) [SI].
        u_readback: set points that hold, read back from the device, shape (n_u,) [SI].
        d: measured disturbances, shape (n_d,) [SI].
        read_id: identity of the scan.
    """

    y: FloatArray
    u_readback: FloatArray
    d: FloatArray
    read_id: int = 0

    def mv_missing(self) -> list[int]:
        """Return the numbers of the MVs without a read-back."""
        return [int(i) for i in np.flatnonzero(~np.isfinite(self.u_readback))]
