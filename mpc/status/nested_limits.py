"""Limits inside limits: the optimizer's inside the operator's inside the engineering ones."""

from dataclasses import dataclass, replace

from operator_agent.errors import InputError
from operator_agent.site import Limits, Tag
from operator_agent.units import from_si

OPEN = Limits()


@dataclass(frozen=True, slots=True)
class NestedLimits:
    """The limits of one variable [SI]; every way to change one checks that it lies in its parent.

    Attributes:
        name: as people know the variable.
        unit: in which people read it; empty for SI.
        engineering: what the equipment stands.
        operator: what the operator allows, inside the engineering limits.
        optimizer: what the controller may use, inside the operator's.
    """

    name: str
    unit: str = ""
    engineering: Limits = OPEN
    operator: Limits = OPEN
    optimizer: Limits = OPEN

    def __post_init__(self) -> None:
        """Refuse limits outside their parents, naming both."""
        for inner, outer in (("operator", "engineering"), ("optimizer", "operator")):
            child, parent = getattr(self, inner), getattr(self, outer)
            if not child.within(parent):
                raise InputError(
                    f"{self.name}: {inner} limits {self._text(child)} are not inside the {outer} "
                    f"limits {self._text(parent)}; narrow the {inner} limits or widen the {outer} "
                    "limits first"
                )

    @classmethod
    def of(cls, tag: Tag) -> "NestedLimits":
        """Return a tag's limits; the optimizer may use all that the operator allows."""
        return cls(tag.name, tag.unit, tag.engineering, tag.operator, tag.operator)

    def with_engineering(self, limits: Limits) -> "NestedLimits":
        """Return these with other engineering limits.

        Raises:
            InputError: the operator limits do not lie inside them.
        """
        return replace(self, engineering=limits)

    def with_operator(self, limits: Limits) -> "NestedLimits":
        """Return these with other operator limits; optimizer limits that equalled them follow.

        Raises:
            InputError: they pass the engineering limits, or the optimizer limits pass them.
        """
        follows = self.optimizer == self.operator
        return replace(self, operator=limits, optimizer=limits if follows else self.optimizer)

    def with_optimizer(self, limits: Limits) -> "NestedLimits":
        """Return these with other optimizer limits.

        Raises:
            InputError: they pass the operator limits.
        """
        return replace(self, optimizer=limits)

    def _text(self, limits: Limits) -> str:
        unit = self.unit or "[SI]"
        low, high = (
            from_si(edge, self.unit) if self.unit else edge for edge in (limits.low, limits.high)
        )
        return f"{low:.6g} to {high:.6g} {unit}"
