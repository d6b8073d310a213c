"""Serves the orchestrator: keys, the optimizer in worker processes, the control loop's status."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from operator_agent.api.keys import ApiScope, new_api_key
from operator_agent.api.server import serve
from operator_agent.api.service import create_app
from operator_agent.errors import InputError
from operator_agent.runtime.optimize import STATUS_MAX_AGE_CYCLES, optimize_process
from operator_agent.runtime.state_folder import StateFolder, read_status
from operator_agent.site import Site


def serve_api(
    site: Site, site_path: Path, state: StateFolder, *, new_key: bool, say: Callable[[str], None]
) -> None:
    """Serve until a signal ends it.

    Args:
        site, site_path, state: of the installation.
        new_key: make a key with both scopes first and say it once.
        say: tells the person at the terminal.

    Raises:
        InputError: there is no key yet, or the endpoint is wrong.
        LinkError: the port is taken.
    """
    state.path.mkdir(parents=True, exist_ok=True)
    if new_key:
        say(f"API key, shown once: {add_key(state.api_keys)}")
    address = urlsplit(site.endpoints.api_endpoint)
    if address.hostname is None or address.port is None:
        raise InputError(f"api_endpoint '{site.endpoints.api_endpoint}' is not http://host:port")
    app = create_app(
        optimize=partial(optimize_process, str(site_path.resolve()), str(state.path.resolve())),
        read_status=partial(read_status, state),
        api_keys_sha256=load_keys(state.api_keys),
        status_max_age_s=STATUS_MAX_AGE_CYCLES * site.sample_times.control_s,
    )
    serve(app, address.hostname, address.port, on_ready=lambda url: say(f"listening on {url}"))


def add_key(path: Path) -> str:
    """Make a key, store its hash only, and return the key.

    Raises:
        InputError: the file of the earlier keys is damaged.
    """
    key, digest = new_api_key()
    known = load_keys(path) if path.exists() else {}
    known[digest] = frozenset(ApiScope)
    stored = {digest: sorted(scope.value for scope in scopes) for digest, scopes in known.items()}
    path.write_text(json.dumps(stored, indent=2) + "\n")
    path.chmod(0o600)
    return key


def load_keys(path: Path) -> dict[str, frozenset[ApiScope]]:
    """Return the scopes of each key by its hash.

    Raises:
        InputError: there is no key yet, or the file is damaged.
    """
    if not path.exists():
        raise InputError(f"no API key in {path.parent}; start once with --new-key")
    try:
        stored = json.loads(path.read_text())
        return {digest: frozenset(map(ApiScope, scopes)) for digest, scopes in stored.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"API keys {path} cannot be read ({error}); remove it") from error
