"""What a search may change: named numbers between bounds, seen as points of the unit cube."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from operator_agent.errors import InputError

Genes = Mapping[str, float]
"""Values by name."""


class GeneScale(Enum):
    """How a gene runs from its lowest to its highest value."""

    LOGARITHMIC = "logarithmic"
    LINEAR = "linear"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Gene:
    """One number that the search may change.

    Attributes:
        name: of the number.
        low, high: lowest and highest value; both positive on a logarithmic scale, both whole on
            that of whole numbers.
        scale: on which the search sees it.
    """

    name: str
    low: float
    high: float
    scale: GeneScale = GeneScale.LOGARITHMIC

    def __post_init__(self) -> None:
        """Refuse ranges that are empty, not finite, or do not suit the scale."""
        where = f"gene {self.name} runs from {self.low} to {self.high}"
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"{where}; give two finite numbers, the lower one first")
        if self.scale is GeneScale.LOGARITHMIC and self.low <= 0.0:
            raise InputError(f"{where} on a logarithmic scale; give numbers above zero")
        if self.scale is GeneScale.WHOLE and (self.low % 1.0 or self.high % 1.0):
            raise InputError(f"{where} in whole numbers; give whole ends")

    def value(self, share: float) -> float:
        """Return the value at a share of the range, 0..1."""
        if self.scale is GeneScale.LOGARITHMIC:
            value = self.low * (self.high / self.low) ** share
        elif self.scale is GeneScale.LINEAR:
            value = self.low + (self.high - self.low) * share
        else:  # each whole number gets an equal part of the range
            value = self.low + math.floor((self.high - self.low + 1.0) * share)
        return float(min(max(value, self.low), self.high))

    def share(self, value: float) -> float:
        """Return where a value stands in the range, 0..1.

        Raises:
            InputError: it stands outside.
        """
        if not self.low <= value <= self.high:
            raise InputError(
                f"gene {self.name} is {value}, outside {self.low} to {self.high}; widen the range"
            )
        if self.scale is GeneScale.LOGARITHMIC:
            return math.log(value / self.low) / math.log(self.high / self.low)
        if self.scale is GeneScale.LINEAR:
            return (value - self.low) / (self.high - self.low)
        return (round(value) - self.low + 0.5) / (self.high - self.low + 1.0)


@dataclass(frozen=True, slots=True)
class GeneSpace:
    """All genes of a search.

    Attributes:
        genes: in the order of the unit cube's sides.
    """

    genes: tuple[Gene, ...]

    def __post_init__(self) -> None:
        """Refuse names that stand twice, and a search over nothing."""
        if not self.genes or len(set(self.names)) < len(self.genes):
            raise InputError(f"genes {list(self.names)}: give at least one, each once")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the genes in order."""
        return tuple(gene.name for gene in self.genes)

    def decode(self, point: Sequence[float]) -> dict[str, float]:
        """Return the values at a point of the unit cube."""
        return {g.name: g.value(share) for g, share in zip(self.genes, point, strict=True)}

    def encode(self, values: Genes) -> tuple[float, ...]:
        """Return the point of the unit cube for values.

        Raises:
            InputError: a gene has no value or one outside its range, or a name is not known.
        """
        check_names("genes", values, self.names)
        return tuple(gene.share(values[gene.name]) for gene in self.genes)


def check_names(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse names that are missing or not known.

    Raises:
        InputError: the first line says which.
    """
    odd = sorted(set(given) ^ set(known))
    if odd:
        raise InputError(f"{what}: look at {', '.join(odd)}; there must be {', '.join(known)}")
