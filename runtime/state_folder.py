"""The folder of one running site: keys, certificates, audit trail, historian, status.

Everything in it is made at run time; nothing of it belongs in a repository.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from operator_agent.errors import InputError
from operator_agent.io.certificates import CertificatePaths, make_certificates
from operator_agent.messages import ControlStatus
from operator_agent.runtime.approval import approve_files
from operator_agent.runtime.envelope_file import read_envelope, sign_envelope
from operator_agent.signing import canonical_json, make_key, read_key
from operator_agent.site import Site


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths inside the folder of one running site."""

    path: Path

    @property
    def certificates(self) -> Path:
        """Folder of the OPC UA certificates."""
        return self.path / "pki"

    @property
    def move_key(self) -> Path:
        """Key under which the MPC signs and the gate checks moves."""
        return self.path / "move.key"

    @property
    def envelope_key(self) -> Path:
        """Key under which a person signs the advice envelope."""
        return self.path / "envelope.key"

    @property
    def signed_envelope(self) -> Path:
        """The signed bounds of advice."""
        return self.path / "envelope.signed.json"

    @property
    def approval(self) -> Path:
        """The signed hashes of the files that shape the controller."""
        return self.path / "approval.json"

    @property
    def audit(self) -> Path:
        """The gate's audit trail."""
        return self.path / "audit.sqlite"

    @property
    def historian(self) -> Path:
        """The control loop's historian."""
        return self.path / "historian.sqlite"

    @property
    def device_log(self) -> Path:
        """The device's own list of the writes that it took or refused."""
        return self.path / "device_writes.jsonl"

    @property
    def operator_key(self) -> Path:
        """Key of the persons who may reset a shed gate."""
        return self.path / "operator.key"

    @property
    def orders(self) -> Path:
        """What people ordered of single variables, signed and chained."""
        return self.path / "orders.jsonl"

    @property
    def explanations(self) -> Path:
        """Why each cycle did what it did, one line for each."""
        return self.path / "explanations.jsonl"

    @property
    def api_keys(self) -> Path:
        """Hashes of the API keys with their scopes."""
        return self.path / "api_keys.json"

    @property
    def truth(self) -> Path:
        """The simulated plant's noise-free values, one line a minute."""
        return self.path / "truth.jsonl"

    @property
    def status(self) -> Path:
        """The last status of the control loop."""
        return self.path / "status.json"


def default_state_folder(site: Site) -> StateFolder:
    """Return the folder that all commands of a site share unless told otherwise."""
    return StateFolder(Path("run") / site.name)


def make_keys(site: Site, state: StateFolder) -> CertificatePaths:
    """Make certificates and keys, and approve the site's files as they are.

    Raises:
        InputError: keys are there already.
    """
    if state.move_key.exists():
        raise InputError(f"{state.path} holds keys already; remove it to make new ones")
    state.path.mkdir(parents=True, exist_ok=True)
    state.path.chmod(0o700)
    certificates = make_certificates(state.certificates)
    make_key(state.move_key)
    make_key(state.operator_key)
    make_key(state.envelope_key)
    approve(site, state)
    return certificates


def approve(site: Site, state: StateFolder) -> None:
    """Sign the advice envelope and the hashes of the site's files, as a person's approval.

    Raises:
        InputError: there are no keys yet, or a file cannot be read.
    """
    key = read_key(state.envelope_key)
    sign_envelope(read_envelope(Path(site.files["envelope"])), key, state.signed_envelope)
    approve_files(site, key, state.approval)


def need_keys(state: StateFolder) -> bytes:
    """Return the key of moves.

    Raises:
        InputError: there are no keys yet.
    """
    if not state.move_key.exists():
        raise InputError(f"no keys in {state.path}; make them with: operator-agent keys SITE")
    return read_key(state.move_key)


def write_status(state: StateFolder, status: ControlStatus) -> None:
    """Replace the status file in one step, so that a reader never sees half of it."""
    fresh = state.status.with_suffix(".new")
    fresh.write_bytes(canonical_json(status.payload()))
    os.replace(fresh, state.status)


def read_status(state: StateFolder) -> dict[str, object] | None:
    """Return the last status, or None before the first cycle."""
    try:
        return dict(json.loads(state.status.read_bytes()))
    except (OSError, ValueError):
        return None
