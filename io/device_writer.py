"""The door: the only module that calls a write on a device.

It encodes nothing and decides nothing. It sends one batch, once, with a deadline, and returns one
result for each item; it never repeats a write.
"""

from collections.abc import Sequence

from asyncua import ua

from operator_agent.io.deadline import within
from operator_agent.io.device_items import DeviceItem, ItemResult
from operator_agent.io.opcua_link import LINK_FAULTS, OpcuaLink
from operator_agent.io.ua_values import VALUE


async def write_items(link: OpcuaLink, items: Sequence[DeviceItem]) -> tuple[ItemResult, ...]:
    """Write a batch once.

    Args:
        link: connected, of the identity that may write.
        items: in the order in which the device shall take them.

    Returns:
        One result for each item, in the same order.

    Raises:
        LinkError: the connection broke or the deadline passed. Whether the device has executed the
            writes is UNKNOWN then: it may still do so when it wakes. Read back before anything
            else, and never repeat the write blindly.
    """
    parameters = ua.WriteParameters(
        NodesToWrite=[
            ua.WriteValue(
                link.node_id(item.node),
                VALUE,
                Value=ua.DataValue(ua.Variant(item.value, ua.VariantType[item.kind])),
            )
            for item in items
        ]
    )
    client = link.client
    try:
        results = await within(link.timeout_s, client.uaclient.write(parameters))
    except LINK_FAULTS as error:
        raise await link.broken("write", error) from error
    if len(results) != len(items):
        raise await link.broken("write", ValueError("a short answer"))
    return tuple(
        ItemResult(item.node, code.is_good(), code.name)
        for item, code in zip(items, results, strict=True)
    )
