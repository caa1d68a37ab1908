"""The web service: a search page, a JSON endpoint and the pictures. It keeps no state and tells no path.

    GET  /search?q=TEXT&top=N          the answer to a text, as JSON
    POST /search?top=N                 the answer to an image, the body's bytes, as JSON
    GET  /?q=TEXT&top=N, /?like=ROW    the same as a page, and what is most like an item's picture
    GET  /pictures/ROW                 the picture of an item
    GET  /health                       whether it answers, and the number of items

A request that is refused gets one line of JSON, {"error": "..."}, with status 400, 404, 405, 408, 413 or 503.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from crossmodal.errors import UserError
from crossmodal.serving.guard import LOOPBACK, Guard, refused
from crossmodal.serving.limits import Limits, Refusal, check_image, row_of, text_of, top_of
from crossmodal.serving.page import asset, picture_address, served_page
from crossmodal.serving.session import Hit, Session
from crossmodal.serving.thumbnails import thumbnail

Found = TypeVar("Found")

SAMPLE = 18
"""Items on the page before anything is asked."""
PICTURES_KEPT = 512


class Service:
    """The answers of one session; `workers` of them are computed at a time."""

    def __init__(self, session: Session, limits: Limits, workers: int) -> None:
        self.session, self.limits, self._workers = session, limits, workers
        self._limiter: CapacityLimiter | None = None  # belongs to the loop that the service runs in
        self._taken = 0
        self._picture = lru_cache(maxsize=PICTURES_KEPT)(self._thumbnail)

    async def search(self, request: Request) -> Response:
        """Answer a text (GET) or an image (POST) with JSON."""
        top = top_of(request.query_params, self.limits)
        if request.method == "POST":
            data = await self._body(request)
            hits = await self._work(self._by_image, data, top)
            query: dict[str, Any] = {"image": {"bytes": len(data)}}
        else:
            text = text_of(request.query_params, self.limits)
            hits = await self._work(self.session.text, text, top)
            query = {"text": text}
        answer = {"query": query, "top": top, "count": len(self.session.items), "hits": described(hits)}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def page(self, request: Request) -> Response:
        """Show the answer to a text or to an item's picture, or some items where nothing is asked."""
        values, count = request.query_params, len(self.session.items)
        try:
            top = top_of(values, self.limits)
            if "like" in values:
                like, hits = await self._work(self._like, row_of(values, count), top)
                return HTMLResponse(served_page(hits, count, self.limits, like=like, top=top))
            if not values.get("q", "").strip():
                hits = await self._work(self._sample)
                return HTMLResponse(served_page(hits, count, self.limits, top=top))
            text = text_of(values, self.limits)
            hits = await self._work(self.session.text, text, top)
            return HTMLResponse(served_page(hits, count, self.limits, text=text, top=top))
        except Refusal as refusal:
            page = served_page([], count, self.limits, problem=f"{refusal.message}.")
            return HTMLResponse(page, status_code=refusal.status)

    async def picture(self, request: Request) -> Response:
        """Send the picture of an item, as large as it is shown."""
        row = request.path_params["row"]
        shown = await self._work(self._picture, row) if row < len(self.session.items) else None
        if shown is None:
            raise Refusal(404, "there is no such picture")
        return Response(shown[1], media_type=shown[0], headers={"Cache-Control": "max-age=3600"})

    async def health(self, request: Request) -> Response:
        """Say that the service answers."""
        return JSONResponse({"status": "ok", "count": len(self.session.items)})

    async def _work(self, function: Callable[..., Found], *arguments: Any) -> Found:
        """Return what `function` returns, called on a worker; Refusal where too many wait for one."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._workers)
        if self._taken >= self._workers + self.limits.waiting:
            raise Refusal(503, "too many requests are waiting; ask again in a moment")
        self._taken += 1
        try:
            return await to_thread.run_sync(function, *arguments, limiter=self._limiter)
        finally:
            self._taken -= 1

    async def _body(self, request: Request) -> bytes:
        """Return the body; Refusal, before it is read whole, where it is larger than the limit."""
        too_large = Refusal(413, f"the body is larger than {self.limits.body} bytes, the most that is taken")
        said = request.headers.get("content-length", "")
        if said.isdigit() and int(said) > self.limits.body:
            raise too_large
        data = bytearray()
        try:
            with anyio.fail_after(self.limits.seconds):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > self.limits.body:
                        raise too_large
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {self.limits.seconds:g} s") from None
        except ClientDisconnect:
            raise Refusal(400, "the body ended early") from None
        return bytes(data)

    def _by_image(self, data: bytes, top: int) -> list[Hit]:
        check_image(data, self.limits)
        try:
            return self.session.image(data, top)
        except UserError as error:
            if isinstance(error.__cause__ or error.__context__, ValueError):
                raise Refusal(400, str(error)) from None
            raise

    def _like(self, row: int, top: int) -> tuple[Hit, list[Hit]]:
        hit = self.session.hit(row)
        if not (data := hit.picture):
            raise Refusal(404, f"{hit.name} has no picture to ask with")
        return hit, self._by_image(data, top)

    def _sample(self) -> list[Hit]:
        """Return items spread evenly over the index."""
        count = len(self.session.items)
        shown = min(SAMPLE, count)
        return [self.session.hit((2 * i + 1) * count // (2 * shown)) for i in range(shown)]

    def _thumbnail(self, row: int) -> tuple[str, bytes] | None:
        data = self.session.hit(row).picture
        return thumbnail(data) if data else None


def described(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Return `hits` as JSON has them: where a picture lies on this machine is not among it."""
    return [
        {
            "rank": hit.rank,
            "score": round(hit.score, 6),
            "row": hit.row,
            "id": hit.id,
            "name": hit.name,
            "label": hit.label,
            "caption": hit.caption,
            "picture": picture_address(hit.row),
        }
        for hit in hits
    ]


def make_app(
    session: Session, limits: Limits | None = None, workers: int = 2, hosts: Sequence[str] | None = LOOPBACK
) -> ASGIApp:
    """Return the service of `session`, `workers` answers computed at a time; see `guard` for `hosts`."""
    service = Service(session, limits or Limits(), workers)
    routes = [
        Route("/", service.page),
        Route("/search", service.search, methods=["GET", "POST"]),
        Route("/pictures/{row:int}", service.picture),
        Route("/health", service.health),
        Route("/page.css", _file("page.css", "text/css")),
        Route("/page.js", _file("page.js", "text/javascript")),
    ]
    handlers = {Refusal: _refused, HTTPException: _not_there, Exception: _failed}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts)


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return Response(asset(name), media_type=media_type, headers={"Cache-Control": "no-cache"})

    return send


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(error.status, error.message, {"Retry-After": "1"} if error.status == 503 else None)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: "there is no such page", 405: f"{request.method} is not answered here"}
    return refused(error.status_code, known.get(error.status_code, error.detail), error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    return refused(500, "the search failed; the service's own output says why")
