"""A gate in its own process; only the tests run it.

The last argument may name the moment at which the process kills itself, as a power failure does:
`before` or `after` the write to the device.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from example_site import example_site
from gate_keys import KEY, OPERATOR_KEY

from operator_agent.clock import SystemClock
from operator_agent.io import gate_server
from operator_agent.io.certificates import CertificatePaths
from operator_agent.io.device_writer import write_items


def dying_door(moment: str):
    """Return a door that ends the process before or after a write of set points."""

    async def door(link, items):
        deadly = any(item.node.endswith(".SP") for item in items)
        if deadly and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        results = await write_items(link, items)
        if deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return results

    return door


async def main() -> None:
    certificates, audit, dcs_port, gate_port, moment = sys.argv[1:6]
    if moment != "never":
        gate_server.write_items = dying_door(moment)
    site = example_site(int(dcs_port), int(gate_port))
    server = gate_server.GateServer(
        site,
        KEY,
        CertificatePaths(Path(certificates)),
        Path(audit),
        SystemClock(),
        operator_key=OPERATOR_KEY,
    )
    await server.start()
    sys.stdout.writelines(["{}\n"])
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
