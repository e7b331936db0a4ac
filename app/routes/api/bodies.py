"""Reads request bodies and queries into schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from flask import Request
from pydantic import BaseModel
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.domain import Sampling
from app.errors import InvalidInputError
from app.services.ingest_options import IngestOptions

Model = TypeVar("Model", bound=BaseModel)
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def read_body(request: Request, schema: type[Model], *, text_field: str | None = None) -> Model:
    """The body, from JSON or a form.

    Args:
        request: The request.
        schema: What it must be.
        text_field: The field that a ``text/plain`` body, or text files in a form, fill, where such are read.

    Raises:
        InvalidInputError: The JSON is malformed or no object.
        UnsupportedMediaType: It is something else.
        pydantic.ValidationError: A field is wrong.
    """
    if request.is_json:
        return schema.model_validate(_object(request))
    if request.mimetype in FORM_TYPES:
        form = request.form.to_dict()
        if text_field is not None and request.files:
            form[text_field] = read_lists(request, text_field)
        return schema.model_validate(form)
    if text_field is not None and request.mimetype == "text/plain":
        return schema.model_validate({text_field: request.get_data(as_text=True)})
    raise UnsupportedMediaType


def read_query(request: Request, schema: type[Model], *, several: tuple[str, ...] = ()) -> Model:
    """The query of the address; fields that the schema does not know are ignored.

    Args:
        request: The request.
        schema: What it must be.
        several: Fields that may be repeated; their values are joined by commas.
    """
    joined = {name: ",".join(request.args.getlist(name)) for name in several if name in request.args}
    return schema.model_validate({**request.args.to_dict(), **joined})


def read_lists(request: Request, field: str) -> str:
    """The text of a form's field, followed by that of the text files in the form.

    Raises:
        InvalidInputError: A file is no text.
    """
    texts = [request.form.get(field, "")]
    for file in request.files.values():
        try:
            texts.append(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"{file.filename} is no text file. Write one link per line.") from error
    return "\n".join(texts)


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


def read_options(form: Mapping[str, str]) -> IngestOptions:
    """The fields ``interval``, ``sampling``, ``again``, ``playlist`` and ``webhook_url`` of a form; empty: the setting's.

    Raises:
        InvalidInputError: One of them is wrong.
    """
    sampling = (form.get("sampling") or "").strip().lower()
    if sampling and sampling not in set(Sampling):
        raise InvalidInputError(f"The sampling must be one of {', '.join(Sampling)}.")
    return IngestOptions(
        interval=read_interval(form.get("interval")),
        sampling=Sampling(sampling) if sampling else None,
        again=_read_switch(form.get("again"), "again"),
        playlist=_read_switch(form.get("playlist"), "playlist"),
        webhook_url=form.get("webhook_url") or None,
    )


def _read_switch(text: str | None, name: str) -> bool:
    word = (text or "").strip().lower()
    if word in ("", "0", "false", "no", "off"):
        return False
    if word in ("1", "true", "yes", "on"):
        return True
    raise InvalidInputError(f"Write 1 or 0 for “{name}”.")


def _object(request: Request) -> dict[str, object]:
    try:
        value = request.get_json()
    except BadRequest as error:
        raise InvalidInputError("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise InvalidInputError("The body must be a JSON object.")
    return value
