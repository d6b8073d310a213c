"""A device server in its own process, steered by JSON lines on its standard input.

Each line is a command with arguments; each answer is one JSON line. Only the tests run it.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.device_server import AccessRole, DeviceServer, LoopMode
from operator_agent.messages import Quality
from operator_agent.site import Tag

TRUSTED = {
    Identity.READER: AccessRole.READ,
    Identity.OBSERVER: AccessRole.READ,
    Identity.GATE: AccessRole.WRITE,
}


@dataclass
class Measured:
    value: float
    quality: Quality


class Plant:
    """The server and the faults that a test may ask for."""

    def __init__(self, site, certificates: CertificatePaths, log: Path, start_time_s: float):
        self.ignore_writes = False
        self._site = site
        self._held: dict[str, float] = {}
        middle = {tag.name: 0.5 * (tag.operator.low + tag.operator.high) for tag in site.mvs}
        self._middle = middle
        self._tasks: set[asyncio.Task] = set()
        self.server = DeviceServer(
            site,
            certificates,
            TRUSTED,
            setpoints=middle,
            write_log=log,
            start_time_s=start_time_s,
            on_write=self.on_write,
        )

    def on_write(self, tag: Tag, value: float) -> None:
        if self.ignore_writes:  # the device answers Good and keeps its old set point
            self._later(self.server.set_setpoint(tag.name, self._middle[tag.name]))

    def _later(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def do(self, command: str, arguments: dict):
        if command == "publish":
            default = {tag.name: self._middle.get(tag.name, 500.0) for tag in self._site.tags}
            given = arguments.get("values", {})
            quality = arguments.get("quality", {})
            values = {
                name: Measured(given.get(name, value), Quality(quality.get(name, "good")))
                for name, value in default.items()
                if name not in arguments.get("without", [])
            }
            await self.server.publish(values, arguments["time_s"])
        elif command == "set_mode":
            await self.server.set_mode(arguments["tag"], LoopMode(arguments["mode"]))
        elif command == "set_setpoint":
            await self.server.set_setpoint(arguments["tag"], arguments["value"])
        elif command == "ignore_writes":
            self.ignore_writes = True
        elif command == "reset":
            self.ignore_writes = False
            for tag in self._site.mvs:
                await self.server.set_mode(tag.name, LoopMode.RCAS)
                await self.server.set_setpoint(tag.name, self._middle[tag.name])
        elif command == "state":
            return {
                "heartbeat": self.server.heartbeat,
                "tripped": self.server.watchdog.tripped,
                "setpoints": {tag.name: self.server.setpoint(tag.name) for tag in self._site.mvs},
                "modes": {tag.name: self.server.mode(tag.name).value for tag in self._site.mvs},
            }
        return {}


async def main() -> None:
    folder, log, port, start_time_s = sys.argv[1:5]
    sys.path.insert(0, str(Path(__file__).parent))
    from example_site import example_site

    site = example_site(dcs_port=int(port))
    plant = Plant(site, CertificatePaths(Path(folder)), Path(log), float(start_time_s))
    await plant.server.start()
    sys.stdout.writelines(["{}\n"])
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        request = json.loads(line)
        answer = await plant.do(request.pop("command"), request)
        sys.stdout.writelines([json.dumps(answer) + "\n"])
        sys.stdout.flush()
    await plant.server.stop()


if __name__ == "__main__":
    asyncio.run(main())
