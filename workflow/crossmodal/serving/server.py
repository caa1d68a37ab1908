"""Running the service: a socket that is taken before anything is loaded, and an end that loses no answer."""

import errno
import signal
import socket
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from crossmodal.errors import UserError
from crossmodal.serving.guard import LOOPBACK

if TYPE_CHECKING:
    from uvicorn import Server

GRACE = 10
"""Seconds that answers under way are given at the end."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port` (0: a free one), or raise UserError with the reason."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UserError(f"--host {host}: no such name or address") from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        reasons = {
            errno.EADDRINUSE: "is in use; choose another with --port",
            errno.EACCES: "is not for ordinary users; choose one from 1024 on",
            errno.EADDRNOTAVAIL: "is not of this machine",
        }
        raise UserError(f"port {port} of {host} {reasons.get(error.errno or 0, error.strerror)}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the address at which a browser reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def hosts_of(host: str) -> tuple[str, ...] | None:
    """Return the host names that requests may come under: on loopback its own names, elsewhere any (None)."""
    return LOOPBACK if host in ("localhost", "127.0.0.1", "::1") else None


def server_of(app: ASGIApp) -> "Server":
    """Return uvicorn's server of `app`: one process, HTTP/1.1 alone, no log of who asked what."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, lifespan="off",
            ws="none", timeout_graceful_shutdown=GRACE,
        )
    )  # fmt: skip


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Serve `app` until SIGINT or SIGTERM; answers under way are given first."""
    # uvicorn ends what is under way and then raises the signal again, for whoever handled it before.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server_of(app).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()
