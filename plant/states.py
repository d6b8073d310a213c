"""Bookkeeping of a model's states while it is being put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import casadi as ca


@dataclass(slots=True)
class States:
    """States of a model as they are declared, each with name, scale, guess and rate."""

    names: list[str] = field(default_factory=list)
    symbols: list[ca.SX] = field(default_factory=list)
    rates: dict[str, ca.SX] = field(default_factory=dict)
    scales: list[float] = field(default_factory=list)
    guesses: list[float] = field(default_factory=list)

    def add(self, name: str, scale: float, guess: float) -> ca.SX:
        """Declare one state and return its symbol."""
        symbol = ca.SX.sym(name)
        self.names.append(name)
        self.symbols.append(symbol)
        self.scales.append(scale)
        self.guesses.append(guess)
        return symbol

    def add_holdup(self, place: str, guesses: Sequence[float], scale: float) -> ca.SX:
        """Declare the moles of each lump at a place and return them as a column [mol]."""
        return ca.vertcat(
            *(self.add(f"holdup_{place}_{n}", scale, value) for n, value in enumerate(guesses, 1))
        )

    def set_holdup_rate(self, place: str, rate: ca.SX) -> None:
        """Give the rates of the moles at a place [mol/s]."""
        for n in range(int(rate.numel())):
            self.rates[f"holdup_{place}_{n + 1}"] = rate[n]

    def vector(self) -> ca.SX:
        """Return all states as a column."""
        return ca.vertcat(*self.symbols)

    def rate_vector(self) -> ca.SX:
        """Return the rates in the order of the states."""
        return ca.vertcat(*(self.rates[name] for name in self.names))
