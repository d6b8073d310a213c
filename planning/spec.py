"""Specifications: limits on the quality of a blend, or of the mixed feed of a unit."""

from dataclasses import dataclass

from operator_agent.planning.qualities import Basis, Quality


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification of a product, or of the feed of a unit.

    Attributes:
        quality: that is limited.
        low, high: value at least, at most [SI]; None is no limit.
        unit: in which the case states it, for reports.
    """

    quality: Quality
    low: float | None
    high: float | None
    unit: str

    @property
    def contents(self) -> tuple[str, ...]:
        """The contents that a component must carry to meet it."""
        if self.quality.basis is Basis.MASS:
            return (self.quality.name, "density")
        return (self.quality.name,)
