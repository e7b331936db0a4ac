"""The JSON API under ``/api``."""

from __future__ import annotations

from flask import Blueprint

from app.routes.api import (
    batches,
    bodies,
    clustering,
    edits,
    exports,
    history,
    jobs,
    people,
    queues,
    relations,
    review,
    search,
    uploads,
    videos,
)
from app.routes.idempotency import install_idempotency

__all__ = ["bodies", "make_api"]


def make_api() -> Blueprint:
    """The blueprint with all addresses."""
    api = Blueprint("api", __name__, url_prefix="/api")
    install_idempotency(api)
    for part in (
        videos,
        uploads,
        people,
        clustering,
        edits,
        history,
        jobs,
        batches,
        queues,
        exports,
        review,
        relations,
        search,
    ):
        part.register(api)
    return api
