"""Finds writes that the device took and that no audit record certifies."""

from collections import Counter
from pathlib import Path

from operator_agent.io.audit import certified_writes, records
from operator_agent.io.certificates import Identity
from operator_agent.io.write_log import DeviceWrite, read_write_log


def uncertified_writes(
    device_log: Path, audit_path: Path, *, key: bytes | None = None
) -> list[DeviceWrite]:
    """Return the accepted writes of the device's own log that the gate did not certify.

    Each audit record certifies one write of exactly its value to its node; a second write of the
    same value needs a second record. The gate's own heartbeat and lease need none. A write by
    another identity than the gate's is never certified.

    Args:
        device_log: kept by the device.
        audit_path: of the gate's audit trail; check it with `audit.verify` first.
        key: of the moves; when given, the signature of each recorded move is checked again.

    Raises:
        InputError: a file is missing or damaged.
        SignatureError: a recorded move was not signed with the key.
    """
    own_nodes = {
        node
        for record in records(audit_path)
        if record.kind == "start"
        for node in record.payload["gate_nodes"]
    }
    open_certificates = Counter(
        (write.node, write.device_value) for write in certified_writes(audit_path, key)
    )
    loose: list[DeviceWrite] = []
    for write in read_write_log(device_log):
        by_gate = write.identity == Identity.GATE.value
        if not write.accepted or (by_gate and write.node in own_nodes):
            continue
        certificate = (write.node, write.value)
        if by_gate and open_certificates[certificate] > 0:
            open_certificates[certificate] -= 1
        else:
            loose.append(write)
    return loose
