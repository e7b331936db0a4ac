"""Reads request bodies and queries into schemas."""

from __future__ import annotations

from typing import TypeVar

from flask import Request
from pydantic import BaseModel
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import InvalidInputError

Model = TypeVar("Model", bound=BaseModel)
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def read_body(request: Request, schema: type[Model], *, text_field: str | None = None) -> Model:
    """The body, from JSON or a form.

    Args:
        request: The request.
        schema: What it must be.
        text_field: The field that a ``text/plain`` body fills, where such bodies are read.

    Raises:
        InvalidInputError: The JSON is malformed or no object.
        UnsupportedMediaType: It is something else.
        pydantic.ValidationError: A field is wrong.
    """
    if request.is_json:
        return schema.model_validate(_object(request))
    if request.mimetype in FORM_TYPES:
        return schema.model_validate(request.form.to_dict())
    if text_field is not None and request.mimetype == "text/plain":
        return schema.model_validate({text_field: request.get_data(as_text=True)})
    raise UnsupportedMediaType


def read_query(request: Request, schema: type[Model]) -> Model:
    """The query of the address; fields that the schema does not know are ignored."""
    return schema.model_validate(request.args.to_dict())


def read_interval(text: str | None) -> float | None:
    """The form field ``interval``: empty means the setting's.

    Raises:
        InvalidInputError: It is no number.
    """
    if text is None or not text.strip():
        return None
    try:
        return float(text.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidInputError("The interval must be a number of seconds, such as 0.5.") from error


def _object(request: Request) -> dict[str, object]:
    try:
        value = request.get_json()
    except BadRequest as error:
        raise InvalidInputError("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise InvalidInputError("The body must be a JSON object.")
    return value
