"""A person's approval of the files that shape the controller: their hashes, signed.

A controller whose model, weights, bounds or policy were changed after the approval does not start.
`operator-agent keys` approves what is there; `operator-agent approve` approves a change.
"""

import hashlib
import json
from pathlib import Path

from operator_agent.errors import InputError, SignatureError
from operator_agent.signing import Json, canonical_json, sign, verify
from operator_agent.site import Site

APPROVED_ROLES = ("plant", "controller", "envelope", "policy")


def approve_files(site: Site, key: bytes, path: Path) -> None:
    """Write the hashes of the site's approved files with their signature.

    Raises:
        InputError: a file cannot be read.
    """
    hashes: dict[str, Json] = {role: _hash(site, role) for role in APPROVED_ROLES}
    path.write_bytes(canonical_json({"files": hashes, "signature": sign(hashes, key)}))


def check_files(site: Site, key: bytes, path: Path) -> None:
    """Check that the site's files are those that were approved.

    Raises:
        SignatureError: there is no approval, it was altered, or a file was changed after it.
        InputError: a file cannot be read.
    """
    try:
        stored = json.loads(path.read_bytes())
        hashes, signature = dict(stored["files"]), str(stored["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SignatureError(
            f"the files of site {site.name} are not approved ({path} cannot be read); look at "
            "them, then: operator-agent approve SITE"
        ) from error
    verify(hashes, signature, key, what=f"the approval {path}")
    for role in APPROVED_ROLES:
        if hashes.get(role) != _hash(site, role):
            raise SignatureError(
                f"the {role} file {site.files[role]} is not the one that was approved; look at the "
                "change, then: operator-agent approve SITE"
            )


def _hash(site: Site, role: str) -> str:
    try:
        return hashlib.sha256(Path(site.files[role]).read_bytes()).hexdigest()
    except KeyError:
        raise InputError(f"site {site.name} names no file for '{role}' under files") from None
    except OSError as error:
        raise InputError(
            f"{role} file {site.files[role]} cannot be read: {error.strerror}"
        ) from error
