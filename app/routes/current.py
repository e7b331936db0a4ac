"""The parts that belong to the running application."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app
from werkzeug.routing import IntegerConverter

from app.services.context import Context

EXTENSION = "faaaaaces"


class IdConverter(IntegerConverter):
    """A row's id in an address: what no database holds matches nothing, instead of reaching the database."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"min": 1, "max": 2**31 - 1, **options})


def current_context() -> Context:
    """The context that the application was made with."""
    return cast("Context", current_app.extensions[EXTENSION])
