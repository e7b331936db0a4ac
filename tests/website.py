"""A small website on this machine, for tests that fetch: each page is a function that answers."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = Callable[[BaseHTTPRequestHandler], None]


class Website:
    """A running site.

    Attributes:
        pages: What answers for which path; may be changed while the site runs.
        requests: Paths asked for so far, in order.
        stopping: Set when the site closes, so that a page that waits can end.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append(self.path)
                page = site.pages.get(self.path.partition("?")[0])
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    if page is None:
                        self.send_error(404)
                    else:
                        page(self)

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.pages: dict[str, Page] = {}
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def serve(self, path: str, body: bytes, kind: str = "video/mp4", **headers: str) -> str:
        """Adds a page with a fixed body; returns its address."""
        self.pages[path] = content(body, kind, **headers)
        return self.url(path)

    def redirect(self, path: str, location: str, status: int = 302) -> str:
        """Adds a page that sends elsewhere; returns its address."""

        def page(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            request.send_header("Location", location)
            request.send_header("Content-Length", "0")
            request.end_headers()

        self.pages[path] = page
        return self.url(path)

    def fail(self, path: str, status: int) -> str:
        """Adds a page that answers with an error; returns its address."""
        self.pages[path] = lambda request: request.send_error(status)
        return self.url(path)

    def __enter__(self) -> Website:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def content(body: bytes, kind: str = "video/mp4", **headers: str) -> Page:
    """A page with a fixed body. An underscore in the name of a header stands for a dash."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **given}.items():
            if value:
                request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return page


class RangedPage:
    """A page that gives parts, as file servers do, and can break off.

    Attributes:
        body: What it gives.
        etag: Marks this version of the body; empty for none.
        break_after: Bytes after which each answer breaks off, or ``None``.
        asked: The ``Range`` headers so far, ``None`` for a request of the whole.
    """

    def __init__(self, body: bytes, etag: str = '"1"', break_after: int | None = None) -> None:
        self.body, self.etag, self.break_after = body, etag, break_after
        self.asked: list[str | None] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(self.body):
            request.send_error(416)
            return
        if request.headers.get("If-Range", self.etag) != self.etag:
            start = 0
        rest = self.body[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        request.wfile.write(rest if self.break_after is None else rest[: self.break_after])


def endless(piece: bytes, kind: str = "video/mp4") -> Page:
    """A page that never ends and does not say how long it is."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.end_headers()
        while True:
            request.wfile.write(piece)

    return page


def dripping(site: Website, kind: str = "video/mp4") -> Page:
    """A page that gives a byte now and then, for ever."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        while not site.stopping.wait(0.05):
            request.wfile.write(b"x")
            request.wfile.flush()

    return page


def silent(site: Website) -> Page:
    """A page that takes the request and says nothing."""
    return lambda _: site.stopping.wait(60) and None
