"""Is it alive, is it ready?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app import __version__
from app.routes.current import current_context
from app.services.download_needs import check_downloads
from app.services.readiness import Check, check_readiness


def make_health() -> Blueprint:
    """The blueprint with both addresses; they need no password and tell nothing that needs one."""
    health_routes = Blueprint("health", __name__)
    health_routes.add_url_rule("/health", "health", health)
    health_routes.add_url_rule("/ready", "ready", ready)
    return health_routes


def health() -> Response:
    """The process answers."""
    return jsonify(status="ok", version=__version__)


def ready() -> tuple[Response, int]:
    """Whether a video handed in now would be looked at, each part told apart; ``downloads`` says what links lack."""
    checks = check_readiness(current_context())
    good = all(check.ok for check in checks)
    downloads = _parts(check_downloads(current_context().settings))
    body = {"status": "ready" if good else "not_ready", "checks": _parts(checks), "downloads": downloads}
    return jsonify(body), 200 if good else 503


def _parts(checks: list[Check]) -> dict[str, dict[str, object]]:
    return {check.name: {"ok": check.ok, "message": check.message} for check in checks}
