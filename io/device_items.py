"""What is written to a device, and what it answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceItem:
    """One value for one node, in the device's unit and type.

    Attributes:
        node: text after `s=` of the node id.
        value: number or text.
        kind: name of the OPC UA type (`Double`, `Float`, `Int64`, `String`).
    """

    node: str
    value: float | int | str
    kind: str


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What the device said to one item.

    Attributes:
        node: of the item.
        accepted: whether the device took it.
        status: name of its status code.
    """

    node: str
    accepted: bool
    status: str
