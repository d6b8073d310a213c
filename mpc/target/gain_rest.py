"""The rest of a linear plant from its matrix of gains."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.target.steady_model import SteadyPoint
from operator_agent.mpc.variables import BoolArray
from operator_agent.units import HOUR_S


@dataclass(frozen=True, slots=True)
class GainRest:
    """y = y0 + G (u - u0) + Gd (d - d0); integrating CVs have rates in place of values.

    Attributes:
        name: of the model.
        u_names, d_names, y_names: of MVs, DVs and CVs.
        gain: shape (n_y, n_u) [SI of y per SI of u]; of an integrating CV [SI of y/s per SI of u].
        gain_d: the same for the DVs, shape (n_y, n_d).
        u_nominal, d_nominal, y_nominal: where the plant rests [SI].
        u_scale, y_scale: spans [SI].
        integrating: names of CVs that integrate; at the nominal point their rates are zero.
    """

    name: str
    u_names: tuple[str, ...]
    d_names: tuple[str, ...]
    y_names: tuple[str, ...]
    gain: FloatArray
    gain_d: FloatArray
    u_nominal: FloatArray
    d_nominal: FloatArray
    y_nominal: FloatArray
    u_scale: FloatArray
    y_scale: FloatArray
    integrating: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit and gains that are not finite."""
        n_u, n_d, n_y = len(self.u_names), len(self.d_names), len(self.y_names)
        shapes = {
            "gain": (n_y, n_u),
            "gain_d": (n_y, n_d),
            "u_nominal": (n_u,),
            "d_nominal": (n_d,),
            "y_nominal": (n_y,),
            "u_scale": (n_u,),
            "y_scale": (n_y,),
        }
        for name, shape in shapes.items():
            array: FloatArray = getattr(self, name)
            if array.shape != shape or not bool(np.all(np.isfinite(array))):
                raise InputError(
                    f"model {self.name}: {name} needs finite numbers in shape {shape}; it has "
                    f"shape {array.shape}"
                )
        if not bool(np.all(self.u_scale > 0.0) and np.all(self.y_scale > 0.0)):
            raise InputError(f"model {self.name}: all scales must be above zero")
        unknown = [name for name in self.integrating if name not in self.y_names]
        if unknown:
            raise InputError(f"model {self.name}: integrating {', '.join(unknown)} is not a CV")

    @property
    def x_scale(self) -> FloatArray:
        """Empty: there are no states."""
        return np.empty(0)

    @property
    def held(self) -> tuple[int, ...]:
        """Empty: there are no states."""
        return ()

    @property
    def rate_scale(self) -> FloatArray:
        """Span of each integrating CV per hour, shape (n_b,) [SI/s]."""
        return self.y_scale[self.floating] / HOUR_S

    @property
    def balances(self) -> tuple[str, ...]:
        """Names of the integrating CVs."""
        return self.integrating

    @property
    def floating(self) -> BoolArray:
        """Whether each CV integrates, shape (n_y,)."""
        return np.array([name in self.integrating for name in self.y_names], dtype=np.bool_)

    def at(self, x: FloatArray, u: FloatArray, d: FloatArray) -> SteadyPoint:
        """Return the rest at MVs u (scaled) and DVs d (SI); x is empty."""
        change = self.gain @ (u * self.u_scale - self.u_nominal)
        change = change + self.gain_d @ (d - self.d_nominal)
        floating = self.floating
        y = self.y_nominal + np.where(floating, 0.0, change)
        gain = self.gain * self.u_scale / self.y_scale[:, None]
        per_hour = HOUR_S / self.y_scale[floating]
        return SteadyPoint(
            x=x,
            rows=np.concatenate([y / self.y_scale, change[floating] * per_hour]),
            x_gain=np.zeros((0, u.size)),
            row_gain=np.concatenate(
                [np.where(floating[:, None], 0.0, gain), gain[floating] * HOUR_S]
            ),
        )

    def beside(
        self, x: FloatArray, u: FloatArray, d: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, SteadyPoint]:
        """Return the MVs as they are and their rest: there is one everywhere."""
        return u, self.at(x, u, d)
