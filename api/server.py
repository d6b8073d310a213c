"""Runs the service under uvicorn, on the loopback, until a signal ends it."""

import contextlib
import ipaddress
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from operator_agent.errors import InputError, LinkError

STOP_TIMEOUT_S = 2  # requests that wait for a job are cut off after it


def serve(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 8400,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then cancel the jobs and kill the worker processes.

    Args:
        app: of `create_app`.
        host: a loopback address. Others reach the service through a proxy that speaks TLS.
        port: 0 for any free one.
        on_ready: is called with the base URL once the service answers.

    Raises:
        InputError: the host is not a loopback address.
        LinkError: the port is taken.
    """
    with _bound(host, port) as listener:
        config = uvicorn.Config(
            app, log_config=None, lifespan="on", timeout_graceful_shutdown=STOP_TIMEOUT_S
        )
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        with contextlib.suppress(KeyboardInterrupt):
            _Server(config, lambda: on_ready(url) if on_ready else None).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _bound(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InputError(
            f"the service binds to the loopback only, not to '{host}'; use 127.0.0.1 and put a "
            "proxy with TLS in front"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio turns off Nagle's delay (40 ms an answer) only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise LinkError(
            f"port {port} on {host} cannot be bound: {error.strerror}; stop the other process or "
            "choose another port"
        ) from error
    return listener
