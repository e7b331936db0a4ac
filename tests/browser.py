"""Drives a real Chromium, and notes whatever goes wrong in a page."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator

from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
ADVICE = (
    "No Chromium was found, and these tests need one. On Debian or Ubuntu: sudo apt-get install chromium. "
    "Elsewhere: install Chromium or Chrome, or set CHROMIUM to its path."
)


def find_chromium() -> str:
    """Path of the browser.

    Raises:
        FileNotFoundError: There is none; the message says how to install it.
    """
    named = os.environ.get("CHROMIUM")
    found = named if named and os.access(named, os.X_OK) else None
    found = found or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError(ADVICE)
    return found


def launch(playwright: Playwright) -> Browser:
    """Starts the browser."""
    return playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))


class Troubles:
    """Errors of a page: on its console, in its scripts, in its requests."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"console: {message.text}")

    def _on_failure(self, request: Request) -> None:
        # Leaving a page ends its event stream and its player's downloads: that is no failure.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.found.append(f"request: {request.method} {request.url} {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"answer: {response.status} {response.url}")


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Writes no line for a request: a failing test has more to say."""


@contextlib.contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serves an application from threads of this process; gives its address."""
    over = threading.Event()
    app.extensions["faaaaaces_stopping"] = over.is_set
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
