"""What guards every request: request id, host, origin, response headers."""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
import uuid
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, request

from app.config import LOOPBACK_HOSTS, Settings
from app.storage.blobs import browser_origin

logger = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def install_guards(app: Flask, settings: Settings) -> None:
    """Registers what runs around every request."""
    hosts = allowed_hosts(settings)
    policy = content_security_policy(browser_origin(settings.blob_store, settings.blob_store_endpoint))

    def before() -> None:
        g.request_id = _request_id(request.headers.get("X-Request-ID"))
        if hosts is not None and _host_name(request.host) not in hosts:
            logger.warning("host refused", extra={"request_id": g.request_id})
            abort(Response("This server does not answer under that name.\n", 400, mimetype="text/plain"))
        if request.method not in SAFE_METHODS and not is_same_origin():
            logger.warning("origin refused", extra={"request_id": g.request_id})
            abort(403)

    app.before_request(before)
    app.after_request(partial(_finish, policy))


def content_security_policy(media_origin: str | None) -> str:
    """What pages may load: from here only, and videos also from where the player is sent for them."""
    if media_origin is None:
        return CONTENT_SECURITY_POLICY
    return CONTENT_SECURITY_POLICY.replace("media-src 'self'", f"media-src 'self' {media_origin}")


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Host names to answer under; ``None`` where any will do.

    On a loopback address a page of another site could reach the server by pointing its own name to 127.0.0.1 (DNS
    rebinding), so only the names of this machine are answered. Elsewhere a password is compulsory, and a cookie
    belongs to one name.
    """
    if settings.host not in LOOPBACK_HOSTS:
        return None
    return LOOPBACK_HOSTS | {name.lower() for name in settings.allowed_hosts}


def is_same_origin() -> bool:
    """True when the request does not come from a page of another site.

    Browsers send Sec-Fetch-Site or Origin with whatever can change something; programs send neither.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()


def load_secret_key(folder: Path) -> bytes:
    """The key that signs cookies: made once, kept in a file that only this user can read.

    Safe when several processes start at once: the file appears whole, and the first one wins.
    """
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".secret", dir=folder)
        with os.fdopen(handle, "wb") as file:  # mkstemp gives mode 0600
            file.write(secrets.token_hex(32).encode())
        try:
            os.link(name, path)
        except FileExistsError:
            logger.debug("another process made the secret key")
        finally:
            Path(name).unlink()
    return path.read_bytes()


def _request_id(given: str | None) -> str:
    return given if given and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _host_name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "") if _is_plain_host(host) else ""


def _is_plain_host(host: str) -> bool:
    return re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", host) is not None


def _finish(policy: str, response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = g.get("request_id", "")
    headers.setdefault("Content-Security-Policy", policy)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if response.mimetype in ("text/html", "application/json"):
        headers.setdefault("Cache-Control", "no-store")
    return response
