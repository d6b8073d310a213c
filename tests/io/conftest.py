"""Certificates and servers in processes of their own for the tests of the io layer."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from example_site import CONTROL_S, START_S

from operator_agent.io.certificates import CertificatePaths, make_certificates

FOLDER = Path(__file__).parent


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PlantProcess:
    """A device server in a process of its own."""

    def __init__(self, certificates: CertificatePaths, folder: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self.write_log = folder / "writes.jsonl"
        self.time_s = START_S
        self._arguments = [str(certificates.folder), str(self.write_log), str(self.port)]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / "plant_process.py"), *self._arguments, str(self.time_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()
        self.step(0.0)

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        assert line, "the plant process has ended"
        return json.loads(line)

    def do(self, command: str, **arguments) -> dict:
        """Send one command and return the answer."""
        self.process.stdin.writelines([json.dumps({"command": command, **arguments}) + "\n"])
        self.process.stdin.flush()
        return self._answer()

    def step(self, duration_s: float = CONTROL_S, **arguments) -> None:
        """Let plant time pass and publish new values."""
        self.time_s += duration_s
        self.do("publish", time_s=self.time_s, **arguments)

    def state(self) -> dict:
        return self.do("state")

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10.0)
        self.process.stdin.close()
        self.process.stdout.close()

    def reset(self) -> None:
        """Return to the first state; any old gate counts as dead."""
        self.thaw()
        self.step(1000.0)
        self.do("reset")

    def close(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.kill()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificatePaths:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def lasting_plant(
    certificates: CertificatePaths, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlantProcess]:
    process = PlantProcess(certificates, tmp_path_factory.mktemp("plant"))
    yield process
    process.close()


@pytest.fixture
def plant(lasting_plant: PlantProcess) -> PlantProcess:
    """Return the one plant of the session in its first state; start another one to kill it."""
    lasting_plant.reset()
    return lasting_plant
