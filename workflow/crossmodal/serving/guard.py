"""What stands around the whole service: headers on every answer, and no answer under another name."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""How a service on loopback is called."""


class Guard:
    """The service within, under one of `hosts` only (None: any name), with the security headers.

    A page of another site can have its own name point to loopback, and its scripts could then read what the
    service answers: the name that a request came under tells.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app within does, or with a refusal."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        app = self._app
        if scope["type"] == "http" and self._hosts is not None:
            name = Headers(scope=scope).get("host", "")
            host = name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name
            if host.lower() not in self._hosts:
                app = refused(400, f"requests are answered under {', '.join(self._hosts)} only")
        await app(scope, receive, sending)


def refused(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal: one line of JSON."""
    return JSONResponse({"error": message}, status_code=status, headers=dict(headers or {}))
