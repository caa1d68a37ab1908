"""A server on this machine that plays the Hugging Face hub, as far as files are concerned."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Hub(ThreadingHTTPServer):
    """Serves `files`, by path, of one dataset at one commit, and of `models` at the same one."""

    daemon_threads = True

    def __init__(self, repo: str, revision: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo, self.revision, self.files = repo, revision, files
        self.models: dict[str, dict[str, bytes]] = {}
        """Files, by path, of each model."""
        self.breaks: list[int] = []
        """After how many bytes the next downloads of more than that break off, one after the other."""
        self.ranges: list[str] = []
        """What each download asked for, "" for the whole file."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        repo, _, place = self.path.partition("/resolve/")
        revision, _, path = place.partition("/")
        files = {f"/{name}": own for name, own in self.server.models.items()}
        files[f"/datasets/{self.server.repo}"] = self.server.files
        if repo not in files:
            return self._refuse("RepoNotFound")
        if revision != self.server.revision:
            return self._refuse("RevisionNotFound")
        if path not in files[repo]:
            return self._refuse("EntryNotFound")
        content = files[repo][path]
        start = 0
        if with_body:
            asked = self.headers.get("Range", "")
            self.server.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", self.server.revision)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            breaks = self.server.breaks
            end = breaks.pop(0) if breaks and breaks[0] < len(content) - start else len(content)
            self.wfile.write(content[start : start + end])

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(repo: str, revision: str, files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve while the block runs."""
    hub = Hub(repo, revision, files)
    thread = Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
