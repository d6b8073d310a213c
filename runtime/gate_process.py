"""The write gate as a process, and the independent count of writes without a certificate."""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass

from operator_agent.clock import Clock
from operator_agent.io.audit import verify
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.gate_client import GateClient
from operator_agent.io.gate_server import GateServer
from operator_agent.io.reconcile import uncertified_writes
from operator_agent.io.write_log import read_write_log
from operator_agent.mpc.problem import SolverStatus
from operator_agent.runtime.state_folder import StateFolder, need_keys
from operator_agent.signing import read_key
from operator_agent.site import Site

# Why an accepted solve may have stopped; whether its point is good is checked by the residual.
ACCEPTABLE_STATUSES = (
    SolverStatus.CONVERGED,
    SolverStatus.ITERATION_LIMIT,
    SolverStatus.STALLED,
    SolverStatus.RESCUED,
    SolverStatus.TIME_LIMIT,
)


async def run_gate(site: Site, state: StateFolder, clock: Clock) -> None:
    """Run the gate until SIGTERM or SIGINT; says `{"ok": true}` once it listens.

    Raises:
        LinkError: the device is out of reach or its certificate is not the pinned one.
        WriteRefusedError: another gate holds the lease.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    gate = GateServer(
        site,
        need_keys(state),
        CertificatePaths(state.certificates),
        state.audit,
        clock,
        operator_key=read_key(state.operator_key),
        accepted_statuses=frozenset(status.name for status in ACCEPTABLE_STATUSES),
    )
    await gate.start()
    try:
        endpoint = site.endpoints.gate_endpoint
        ready = f"gate of {site.name} listens on {endpoint}; Ctrl-C stops it"
        sys.stdout.write((ready if sys.stdout.isatty() else json.dumps({"ok": True})) + "\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await gate.stop()


async def reset_gate(site: Site, state: StateFolder, person: str) -> str:
    """Reset a shed gate and say what it is now.

    Raises:
        LinkError: the gate is out of reach.
        SignatureError: the key of the operators is not the gate's.
    """
    client = GateClient(site)
    before = await client.status()
    if before["state"] != "shed":
        return f"the gate was not shed, it is {before['state']}; nothing changed"
    after = await client.reset(person, read_key(state.operator_key))
    return f"the gate is {after['state']}; switch the controller on when the loops are in RCAS"


@dataclass(frozen=True, slots=True)
class WriteCount:
    """Writes as the device counted them, compared with the audit trail.

    Attributes:
        records: in the audit trail, its chain intact.
        set_points: that the device accepted from outside.
        uncertified: writes of any kind without a certificate in the audit trail.
    """

    records: int
    set_points: int
    uncertified: int


def count_writes(site: Site, state: StateFolder) -> WriteCount:
    """Count the device's own log against the audit trail.

    Raises:
        SignatureError: the audit trail was altered.
    """
    nodes = {tag.setpoint_node for tag in site.mvs}
    accepted = [write for write in read_write_log(state.device_log) if write.accepted]
    set_points = sum(1 for write in accepted if write.node in nodes)
    if not state.audit.exists():
        return WriteCount(0, set_points, len(accepted))
    records = verify(state.audit)
    loose = uncertified_writes(state.device_log, state.audit, key=need_keys(state))
    return WriteCount(records, set_points, len(loose))
