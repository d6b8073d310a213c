"""What is wanted of the steady state: what it earns, and where it should rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.mpc.engine.linearise import BufferedFunction


@dataclass(frozen=True, slots=True)
class Economics:
    """What a steady state of a model earns, given from outside with the plant's own names.

    Attributes:
        profit: CasADi function `(x, u, d, p) -> profit` [usd/s], SI.
        price_names: of the entries of p.
    """

    profit: ca.Function
    price_names: tuple[str, ...]

    def prices(self, given: Mapping[str, float]) -> FloatArray:
        """Return p, shape (n_p,), from prices by name.

        Raises:
            InputError: a price is missing.
        """
        missing = [name for name in self.price_names if name not in given]
        if missing:
            raise InputError(f"no price for {', '.join(missing)}; the economics need it")
        return np.array([given[name] for name in self.price_names])


@dataclass(frozen=True, slots=True)
class Wishes:
    """What planning and the operator want in one cycle.

    Attributes:
        prices: by name of the economics' prices; None leaves the economics out.
        goals: values to rest at, by CV or MV name [SI]: planning's targets, ideal resting values.
            How strongly, the tuning's pull says.
        variable_prices: worth of one unit more, by CV or MV name [usd/s per SI unit].
    """

    prices: Mapping[str, float] | None = None
    goals: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))
    variable_prices: Mapping[str, float] = field(default_factory=lambda: FrozenMapping({}))

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse numbers that are not finite."""
        for name in ("prices", "goals", "variable_prices"):
            values = getattr(self, name)
            if values is None:
                continue
            wrong = [key for key, value in values.items() if not np.isfinite(value)]
            if wrong:
                raise InputError(f"{name} of {', '.join(wrong)} are not finite numbers")
            object.__setattr__(self, name, FrozenMapping(dict(values)))


class ProfitSlope:
    """Profit and its gradient at a point: scaled x and u, profit in usd/s."""

    def __init__(self, economics: Economics, x_scale: FloatArray, u_scale: FloatArray) -> None:
        """Build the functions for the spans of a model."""
        x, u, d, p = (ca.SX.sym(n, economics.profit.size1_in(i)) for i, n in enumerate("xudp"))
        real = (x * ca.DM(x_scale.tolist()), u * ca.DM(u_scale.tolist()))
        profit = economics.profit(*real, d, p)
        slopes = [ca.densify(ca.gradient(profit, v)) for v in (x, u)]
        symbols = [x, u, d, p]
        self._slopes = BufferedFunction(ca.Function("slopes", symbols, [profit, *slopes]))
        self._profit = BufferedFunction(ca.Function("profit", symbols, [profit]))

    def slopes(
        self, x: FloatArray, u: FloatArray, d: FloatArray, p: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return d profit/dx (n_x,) and d profit/du (n_u,) [usd/s per span]."""
        for array, value in zip(self._slopes.inputs, (x, u, d, p), strict=True):
            array[:] = value
        self._slopes.call()
        return self._slopes.outputs[1].copy(), self._slopes.outputs[2].copy()

    def profit(self, x: FloatArray, u: FloatArray, d: FloatArray, p: FloatArray) -> float:
        """Return the profit [usd/s]."""
        for array, value in zip(self._profit.inputs, (x, u, d, p), strict=True):
            array[:] = value
        self._profit.call()
        return float(self._profit.outputs[0][0])
