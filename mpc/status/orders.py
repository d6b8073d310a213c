"""What people order of single variables, and what has been ordered so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.messages import ControllerMode
from operator_agent.mpc.status.nested_limits import NestedLimits
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.site import Limits, Role, Site


class OrderKind(Enum):
    """What a person may order; the value is the word of the command line."""

    OUT = "out"  # of service: an MV is held, a CV neither tracked nor limited, a DV frozen
    BACK = "back"  # in service
    LIMITS = "limits"  # for the optimizer, inside the operator's


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        kind: see there.
        tag: name in the tag list.
        person: who gives it.
        reason: in words; empty when none was given.
        limits: of an order of limits [SI].
    """

    kind: OrderKind
    tag: str
    person: str
    reason: str = ""
    limits: Limits | None = None

    def __post_init__(self) -> None:
        """Refuse an order that nobody gives, or that lacks its limits."""
        if not self.person.strip():
            raise InputError(f"an order for {self.tag} needs the name of the person who gives it")
        if (self.kind is OrderKind.LIMITS) != (self.limits is not None):
            raise InputError(
                f"an order for {self.tag}: limits belong to '{OrderKind.LIMITS.value}'"
            )


@dataclass(frozen=True, slots=True)
class Standing:
    """All orders that stand.

    Attributes:
        limits: nested limits of every MV and CV, by tag.
        out_of_service: who took a variable out and why, by tag.
        variables: name in the model of every MV, CV and DV, by tag.
        critical: tags without which there is no control.
    """

    limits: Mapping[str, NestedLimits]
    out_of_service: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))
    variables: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))
    critical: frozenset[str] = frozenset()

    @classmethod
    def of(cls, site: Site) -> "Standing":
        """Return a site with everything in service and all that the operator allows."""
        limited = (*site.mvs, *site.cvs)
        return cls(
            limits=FrozenMapping({tag.name: NestedLimits.of(tag) for tag in limited}),
            variables=FrozenMapping({tag.name: tag.variable for tag in (*limited, *site.dvs)}),
            critical=frozenset(tag.name for tag in site.tags if tag.critical),
        )

    def with_order(self, order: Order) -> "Standing":
        """Return what stands after an order.

        Raises:
            InputError: the tag is no variable of the controller, is critical, or limits pass their
                parents.
        """
        if order.tag not in self.variables:
            known = ", ".join(self.variables)
            raise InputError(f"the controller has no variable {order.tag}; it has {known}")
        out = dict(self.out_of_service)
        if order.kind is OrderKind.LIMITS:
            return self._limited(order)
        if order.kind is OrderKind.BACK:
            out.pop(order.tag, None)
        elif order.tag in self.critical:
            raise InputError(
                f"{order.tag} is critical: without it there is no control; switch the controller "
                "to standby instead"
            )
        else:
            why = f": {order.reason}" if order.reason else ""
            out[order.tag] = f"taken out of service by {order.person}{why}"
        return replace(self, out_of_service=FrozenMapping(out))

    def _limited(self, order: Order) -> "Standing":
        assert order.limits is not None
        if order.tag not in self.limits:
            raise InputError(f"{order.tag} is a {Role.DV.name}; only MVs and CVs have limits")
        limits = {**self.limits, order.tag: self.limits[order.tag].with_optimizer(order.limits)}
        return replace(self, limits=FrozenMapping(limits))

    def request(
        self,
        mode: ControllerMode,
        not_remote: Mapping[str, str],
        written: Mapping[str, float],
    ) -> ServiceRequest:
        """Return what a cycle is asked to respect, in the names of the model.

        Args:
            mode: of the controller.
            not_remote: mode of loops that take no set point from outside, by tag.
            written: set points written and confirmed in the last cycle, by tag [SI].
        """
        named = self.variables
        return ServiceRequest(
            mode=mode,
            out_of_service={named[tag]: why for tag, why in self.out_of_service.items()},
            not_remote={named[tag]: text for tag, text in not_remote.items()},
            written={named[tag]: value for tag, value in written.items()},
            optimizer_limits={
                named[tag]: limits.optimizer
                for tag, limits in self.limits.items()
                if limits.optimizer != limits.operator
            },
        )
