"""The JSON API under ``/api``."""

from __future__ import annotations

from flask import Blueprint

from app.routes.api import bodies, jobs, people, videos

__all__ = ["bodies", "make_api"]


def make_api() -> Blueprint:
    """The blueprint with all addresses."""
    api = Blueprint("api", __name__, url_prefix="/api")
    for register in (videos.register, people.register, jobs.register):
        register(api)
    return api
