"""The one password: a login page for people, a header for programs."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import defaultdict, deque
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response

from app.config import Settings
from app.errors import UnauthorizedError

OPEN_ENDPOINTS = frozenset({"auth.login", "auth.log_in", "static", "health.health", "health.ready"})
MAX_FAILURES = 10  # per address and minute
WINDOW_SECONDS = 60.0
PROOF = "proof"


class PasswordGate:
    """Compares in constant time and slows guessing down."""

    def __init__(self, password: str, key: bytes) -> None:
        self._password = password.encode()
        # A cookie holds this instead of the password; with another password it is worth nothing.
        self.proof = hmac.new(key, self._password, hashlib.sha256).hexdigest()
        self._failures: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def check(self, given: str, address: str) -> bool:
        """True when the password is right.

        Raises:
            TooManyRequests: This address was wrong too often.
        """
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            if len(self._failures.get(address, ())) >= MAX_FAILURES:
                raise TooManyRequests(retry_after=int(WINDOW_SECONDS))
        if hmac.compare_digest(given.encode(), self._password):
            return True
        with self._lock:
            self._failures[address].append(now)
        return False

    def _forget(self, now: float) -> None:
        for address in list(self._failures):
            times = self._failures[address]
            while times and now - times[0] > WINDOW_SECONDS:
                times.popleft()
            if not times:
                del self._failures[address]


def install_auth(app: Flask, settings: Settings, key: bytes) -> None:
    """Guards everything but the login page and health checks, where a password is set."""
    auth = Blueprint("auth", __name__)
    auth.add_url_rule("/login", "login", _login_page, methods=["GET"])
    auth.add_url_rule("/login", "log_in", _log_in, methods=["POST"])
    auth.add_url_rule("/logout", "logout", _log_out, methods=["POST"])
    app.register_blueprint(auth)
    app.extensions["faaaaaces_gate"] = PasswordGate(settings.app_password, key) if settings.app_password else None
    app.before_request(_guard)


def gate() -> PasswordGate | None:
    """The gate, or ``None`` where no password is set."""
    found: PasswordGate | None = current_app.extensions["faaaaaces_gate"]
    return found


def _guard() -> Response | None:
    guard = gate()
    if guard is None or request.endpoint in OPEN_ENDPOINTS:
        return None
    given = _given_key()
    if given is not None:
        if guard.check(given, request.remote_addr or ""):
            return None
        raise UnauthorizedError("The password or API key is wrong.")
    if hmac.compare_digest(str(session.get(PROOF, "")).encode(), guard.proof.encode()):
        return None
    if request.path.startswith(("/api/", "/media/", "/files/")) or request.method != "GET":
        raise UnauthorizedError("Log in first, or send the password as “Authorization: Bearer …”.")
    return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))


def _given_key() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-API-Key")


def _login_page(error: str | None = None) -> str | Response:
    if gate() is None:
        return redirect(url_for("pages.dashboard"))
    return render_template("login.html", error=error, next=local_path(request.values.get("next")))


def _log_in() -> str | Response | tuple[str | Response, int]:
    guard = gate()
    if guard is not None and not guard.check(request.form.get("password", ""), request.remote_addr or ""):
        return _login_page("That is not the password. Try again."), 401
    session.clear()
    if guard is not None:
        session[PROOF] = guard.proof
        session.permanent = True
    return redirect(local_path(request.form.get("next")))


def _log_out() -> Response:
    session.clear()
    return redirect(url_for("auth.login"))


def local_path(target: str | None) -> str:
    """Where to go after the login: a path of this server, never another site."""
    fallback = url_for("pages.dashboard")
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return fallback
    parts = urlsplit(target)
    return target if not parts.netloc and not parts.scheme and target.isprintable() else fallback
