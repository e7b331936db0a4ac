"""Is it alive, is it ready?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app import __version__
from app.routes.current import current_context
from app.services.readiness import check_readiness


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
    """Whether a video handed in now would be looked at: database, worker and model, each told apart."""
    checks = check_readiness(current_context())
    good = all(check.ok for check in checks)
    parts = {check.name: {"ok": check.ok, "message": check.message} for check in checks}
    return jsonify(status="ready" if good else "not_ready", checks=parts), 200 if good else 503
