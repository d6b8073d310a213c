"""The simulated plant as a process: the crude unit behind a DCS and a PLC.

The simulator holds the physics, the device servers show it as tags. Time passes in one of two
ways: paced, when another process says on standard input how far to go (a demonstration must come
out the same each time), or free, at a multiple of wall time.
"""

import asyncio
import contextlib
import json
import logging
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from operator_agent.errors import OperatorAgentError
from operator_agent.io.certificates import CertificatePaths, Identity
from operator_agent.io.device_server import AccessRole, DeviceServer, LoopMode
from operator_agent.io.modbus_link import ModbusDeviceServer
from operator_agent.messages import Quality
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.recipe import step_towards_card
from operator_agent.runtime.state_folder import StateFolder
from operator_agent.signing import Json, canonical_json
from operator_agent.site import Site

LOG = logging.getLogger(__name__)
STEP_S = 60.0  # the DCS publishes once a minute of plant time; its own loops run inside the model
EPOCH_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC: the simulated calendar starts here

Card = Callable[[Mapping[str, float]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One measured value as the device servers take it."""

    value: float
    quality: Quality


class PlantProcess:
    """The plant with its DCS, its PLC and, for the recipe, its operator."""

    def __init__(
        self, site: Site, state: StateFolder, simulator: Simulator, card: Card | None
    ) -> None:
        """Prepare the servers; nothing listens yet.

        Args:
            site: tags and endpoints.
            state: folder with the certificates, and for the logs.
            simulator: the plant, at its start.
            card: gives the operators' set points for a slate [SI]; an operator in the DCS follows
                it, and None where a controller is expected.
        """
        self._site = site
        self._simulator = simulator
        self._card = card
        self._truth_path = state.truth
        self._dcs = DeviceServer(
            site,
            CertificatePaths(state.certificates),
            {Identity.READER: AccessRole.READ, Identity.GATE: AccessRole.WRITE},
            setpoints={tag.name: simulator.setpoints[tag.variable] for tag in site.mvs},
            write_log=state.device_log,
            start_time_s=EPOCH_S,
        )
        self._plc = ModbusDeviceServer(site) if site.endpoints.plc_endpoint else None

    async def start(self) -> None:
        """Open the servers and show the first measurements."""
        await self._dcs.start()
        if self._plc is not None:
            await self._plc.start()
        await self._publish()

    async def stop(self) -> None:
        """Close the servers."""
        if self._plc is not None:
            await self._plc.stop()
        await self._dcs.stop()

    async def advance(self, duration_s: float) -> None:
        """Let plant time pass, one DCS scan at a time.

        Raises:
            PlantError: the plant left its physical range.
        """
        for _ in range(round(duration_s / STEP_S)):
            if self._card is not None:
                await self._operate(self._card)
            for tag in self._site.mvs:
                self._simulator.write(tag.variable, self._dcs.setpoint(tag.name))
            self._simulator.advance(STEP_S)
            await self._publish()

    async def set_mode(self, who: str, mode: LoopMode) -> str:
        """Set the mode of one MV's loop, or of all, and say so.

        Raises:
            InputError: there is no such tag.
        """
        names = [tag.name for tag in self._site.mvs] if who == "all" else [self._site.tag(who).name]
        for name in names:
            await self._dcs.set_mode(name, mode)
        return f"{', '.join(names)}: {mode.value}"

    async def _operate(self, card: Card) -> None:
        """Walk towards the recipe card of the declared slate, as a careful operator would."""
        held = {tag.variable: self._dcs.setpoint(tag.name) for tag in self._site.mvs}
        rates = {tag.variable: tag.rate for tag in self._site.mvs}
        wanted = step_towards_card(card(self._simulator.declared_slate), held, rates, STEP_S)
        for tag in self._site.mvs:
            if wanted[tag.variable] != held[tag.variable]:
                await self._dcs.set_setpoint(tag.name, wanted[tag.variable])

    async def _publish(self) -> None:
        measured = self._simulator.measure()
        shown = {
            tag.name: Shown(measured[tag.variable].value, Quality(measured[tag.variable].status))
            for tag in self._site.tags
            if tag.variable in measured
        }
        time_s = EPOCH_S + self._simulator.time_s
        await self._dcs.publish(shown, time_s)
        if self._plc is not None:
            await self._plc.publish(shown, time_s)
        self._record()

    def _record(self) -> None:
        row: Json = {
            "time_s": self._simulator.time_s,
            "truth": {k: v for k, v in self._simulator.truth().items() if math.isfinite(v)},
            "setpoints": dict(self._simulator.setpoints),
        }
        with self._truth_path.open("a") as file:
            file.write(canonical_json(row).decode() + "\n")


async def serve_paced(plant: PlantProcess) -> None:
    """Advance the plant as told on standard input, and answer on standard output.

    Each line in is JSON: `{"advance_s": 60}`, `{"mode": "TAG MODE"}` for what the DCS operator does
    with a loop, or `{"stop": true}`; each line out is `{"ok": true}`, or `{"ok": false, "error":
    "..."}` when the plant stopped for a reason.
    """
    await plant.start()
    try:
        _answer({"ok": True})
        while True:
            line = await asyncio.to_thread(sys.stdin.readline)
            command = json.loads(line) if line.strip() else {"stop": True}
            if command.get("stop"):
                return
            try:
                if "mode" in command:
                    who, mode = str(command["mode"]).split()
                    await plant.set_mode(who, LoopMode(mode))
                else:
                    await plant.advance(float(command["advance_s"]))
                _answer({"ok": True})
            except ArithmeticError as error:
                _answer({"ok": False, "error": str(error)})
    finally:
        await plant.stop()


async def serve_free(
    plant: PlantProcess,
    speed: float,
    tick: Callable[[float], Awaitable[None]],
    say: Callable[[str], None],
) -> None:
    """Advance the plant at `speed` plant seconds per wall second until cancelled.

    Lines on standard input are the DCS operator's: `TAG MODE` or `all MODE`.

    Args:
        plant: not started yet.
        speed: 1 is real time.
        tick: awaited for so many wall seconds between two scans.
        say: tells the person at the terminal.

    Raises:
        LinkError: an address is in use.
    """
    await plant.start()
    say(
        "running; type `all RCAS`, or a tag with RCAS, AUTO or MAN, to set loop modes; Ctrl-C stops"
    )
    commands: set[asyncio.Task[None]] = set()

    def read_line() -> None:
        line = sys.stdin.readline()
        if not line:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            return
        task = asyncio.ensure_future(_operate_dcs(plant, line, say))
        commands.add(task)
        task.add_done_callback(commands.discard)

    with contextlib.suppress(OSError, ValueError):  # no terminal: nobody types
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read_line)
    try:
        while True:
            await tick(STEP_S / speed)
            await plant.advance(STEP_S)
    finally:
        await plant.stop()


async def _operate_dcs(plant: PlantProcess, line: str, say: Callable[[str], None]) -> None:
    """Set loop modes as the DCS operator typed."""
    try:
        who, mode = line.split()
        say(await plant.set_mode(who, LoopMode(mode.upper())))
    except (ValueError, OperatorAgentError) as error:
        modes = ", ".join(mode.value for mode in LoopMode)
        say(f"not understood ({error}); type `all RCAS`, or a tag name and one of {modes}")


def _answer(payload: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(payload) + "\n")
    sys.stdout.flush()
