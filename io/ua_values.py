"""OPC UA values in the library's own types: node ids, status codes and stamped values."""

from datetime import UTC

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

VALUE = AttributeIds.Value
CODES = StatusCodes


def node_id(text: str, namespace: int) -> ua.NodeId:
    """Return the node id `ns=<namespace>;s=<text>`."""
    return ua.NodeId(ua.String(text), ua.Int16(namespace))


def status(code: int) -> ua.StatusCode:
    """Return a status code; 0 is Good."""
    return ua.StatusCode(ua.UInt32(code))


def stamped(value: ua.Variant | None, code: int, time_s: float) -> ua.DataValue:
    """Return a value with its status and source time [s since 1970 UTC]."""
    when = ua.DateTime.fromtimestamp(time_s, UTC)
    return ua.DataValue(value, status(code), SourceTimestamp=when)
