"""A cost besides tracking: money, yield, energy, with prices that change from solve to solve."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.errors import InputError


@dataclass(frozen=True, slots=True)
class StageCost:
    """A running and a final cost, in SI.

        sum over stages  length * rate(x[k+1], u[k], d[k], p)  +  final(x[N], p)

    Attributes:
        rate: CasADi function `(x, u, d, p) -> cost per second`, scalar.
        final: CasADi function `(x, p) -> cost`, scalar; None for none.
        n_p: number of prices.
    """

    rate: ca.Function
    final: ca.Function | None
    n_p: int

    def __post_init__(self) -> None:
        """Refuse functions with other arguments."""
        for function, count in ((self.rate, 4), (self.final, 2)):
            if function is None:
                continue
            good = function.n_in() == count and function.numel_out(0) == 1
            if not (good and function.numel_in(count - 1) == self.n_p):
                raise InputError(
                    f"cost function {function.name()} takes {count} arguments, the last of them "
                    f"{self.n_p} prices, and gives one number: rate (x, u, d, p), final (x, p)"
                )
