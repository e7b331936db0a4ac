"""The parts that belong to the running application."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.services.context import Context

EXTENSION = "faaaaaces"


def current_context() -> Context:
    """The context that the application was made with."""
    return cast("Context", current_app.extensions[EXTENSION])
