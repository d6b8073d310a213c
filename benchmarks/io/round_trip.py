"""Time of a scan and of a gated move, against plain unsecured requests of the same size.

Run with `python -m benchmarks.io.round_trip`. Plant and gate are processes of their own, as in a
plant: signed and encrypted OPC UA, pinned certificates, Modbus, a signed move, two audit records on
disk. The reference is a server and a client of asyncua without any of that: one batched read of as
many nodes, one batched write of as many set points. A gated move makes four requests to the device
(look, write, read back, heartbeat), so the same four in plain are timed too; what a gated move
takes beyond them is the price of encryption, checks, disk and the gate's own process.
"""

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.client.client import Client

from operator_agent.clock import SystemClock
from operator_agent.io.gate_client import GateClient
from operator_agent.messages import GateVerdict, Move
from operator_agent.runtime.child_process import ChildProcess
from operator_agent.runtime.demo import site_with_free_ports
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.site_links import SiteLinks
from operator_agent.runtime.state_folder import StateFolder, make_keys, need_keys
from operator_agent.site import Site

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "cases" / "sites" / "crude_unit.yaml"
CYCLES = 40
SHARE_OF_RATE = 0.1  # each move goes so far of what the rate allows, up and down in turn


def rows() -> list[dict[str, Any]]:
    """Return one row for each kind of request."""
    with tempfile.TemporaryDirectory() as folder:
        secure = _secure(Path(folder))
    site = load_site(SITE)
    plain = _plain(len(site.tags) + 2 * len(site.mvs), len(site.mvs))
    found = []
    for name, times_ms in {**secure, **plain}.items():
        p50, p99 = np.percentile(times_ms, [50.0, 99.0])
        found.append({"request": name, "p50_ms": float(p50), "p99_ms": float(p99)})
    return found


def _secure(folder: Path) -> dict[str, list[float]]:
    site_path = site_with_free_ports(SITE, folder)
    site, state = load_site(site_path), StateFolder(folder)
    make_keys(site, state)
    common = [str(site_path), "--state", str(folder)]
    with contextlib.ExitStack() as processes:
        arguments = ["plant", "serve", *common, "--paced"]
        plant = processes.enter_context(ChildProcess(arguments, folder / "plant.log"))
        plant.answer()
        gate = ChildProcess(["gate", "run", *common], folder / "gate.log")
        processes.enter_context(gate)
        gate.answer()
        return asyncio.run(_cycles(site, state, plant))


async def _cycles(site: Site, state: StateFolder, plant: ChildProcess) -> dict[str, list[float]]:
    clock, key = SystemClock(), need_keys(state)
    times: dict[str, list[float]] = {"scan, secured": [], "gated move, secured": []}
    async with SiteLinks(site, state, clock) as links, GateClient(site) as client:
        for cycle in range(1, CYCLES + 1):
            plant.tell({"advance_s": site.sample_times.control_s})
            plant.answer()
            began_s = time.perf_counter()
            scan = await links.scan()
            times["scan, secured"].append(1e3 * (time.perf_counter() - began_s))
            sign = 1.0 if cycle % 2 else -1.0
            share = sign * SHARE_OF_RATE * site.sample_times.control_s
            values = tuple((t.name, scan.setpoints[t.name] + share * t.rate) for t in site.mvs)
            move = Move(
                sequence=cycle,
                session="benchmark",
                created_mono_s=clock.monotonic_s(),
                read_id=cycle,
                values=values,
                solver_status="CONVERGED",
                residual=0.0,
                limits_sha256=site.limits_sha256,
                config_sha256=site.config_sha256,
            ).signed(key)
            began_s = time.perf_counter()
            reply = await client.submit(move)
            times["gated move, secured"].append(1e3 * (time.perf_counter() - began_s))
            if reply.verdict is not GateVerdict.WRITTEN:
                raise RuntimeError(f"the gate did not write: {reply}")
    return times


def _plain(n_read: int, n_write: int) -> dict[str, list[float]]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.io.plain_server", str(port), str(n_read)]
    logging.getLogger("asyncua").setLevel(logging.ERROR)  # it warns that nothing is secured
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdin is not None and server.stdout is not None
        index = int(server.stdout.readline())
        times = asyncio.run(_requests(port, index, n_read, n_write))
        server.stdin.close()
    return times


async def _requests(port: int, index: int, n_read: int, n_write: int) -> dict[str, list[float]]:
    async with Client(f"opc.tcp://127.0.0.1:{port}/plain") as client:
        nodes = [client.get_node(f"ns={index};s=V{number}") for number in range(n_read)]
        value = ua.DataValue(ua.Variant(2.0, ua.VariantType.Double))
        read = await _timed(lambda: client.read_values(nodes))
        write = await _timed(lambda: client.write_values(nodes[:n_write], [value] * n_write))
        one = nodes[:1]

        async def four() -> None:
            await client.read_values(nodes[: 2 * n_write])
            await client.write_values(nodes[:n_write], [value] * n_write)
            await client.read_values(nodes[:n_write])
            await client.write_values(one, [value])

        all_four = await _timed(four)
    return {
        f"read of {n_read} nodes, plain": read,
        f"write of {n_write} nodes, plain": write,
        "four requests of a move, plain": all_four,
    }


async def _timed(request: Callable[[], Awaitable[Any]]) -> list[float]:
    times = []
    for _ in range(CYCLES):
        began_s = time.perf_counter()
        await request()
        times.append(1e3 * (time.perf_counter() - began_s))
    return times


def main() -> list[dict[str, Any]]:
    """Run all and print."""
    found = rows()
    scan, gate, read, write, four = (row["p50_ms"] for row in found)
    print(f"{'request':<32}{'p50':>8}{'p99':>8}  [ms], {CYCLES} cycles")
    for row in found:
        print(f"{row['request']:<32}{row['p50_ms']:8.1f}{row['p99_ms']:8.1f}")
    control_ms = 1e3 * load_site(SITE).sample_times.control_s
    print(
        f"a scan takes {scan / read:.1f} times a plain read; a gated move {gate / write:.1f} times"
    )
    print(f"a plain write and {gate / four:.1f} times the same four requests in plain; together")
    print(f"{100.0 * (scan + gate) / control_ms:.2f} % of the control cycle")
    return found


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
