"""The one table from failures to HTTP, and how they are told: JSON for the API, a page for people."""

from __future__ import annotations

import logging

from flask import Flask, Response, g, jsonify, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from app.errors import (
    AppError,
    BusyError,
    ChecksumError,
    ConfigError,
    ConflictError,
    DiskFullError,
    FetchError,
    ForbiddenAddressError,
    GoneError,
    InvalidInputError,
    JobCancelledError,
    JobLostError,
    JobPausedError,
    MediaError,
    MisusedKeyError,
    ModelError,
    NotFoundError,
    OutdatedError,
    PackMismatchError,
    StorageError,
    TooLargeError,
    UnauthorizedError,
    WorkerStoppingError,
)
from app.storage.disk import is_full

logger = logging.getLogger(__name__)

# The first class that fits wins, so the special ones stand before the general ones.
STATUS_OF: tuple[tuple[type[AppError], int], ...] = (
    (MisusedKeyError, 422),
    (ChecksumError, 460),  # tus has a number of its own for it
    (InvalidInputError, 400),
    (UnauthorizedError, 401),
    (GoneError, 410),
    (NotFoundError, 404),
    (BusyError, 423),
    (OutdatedError, 412),
    (ConflictError, 409),
    (PackMismatchError, 409),
    (JobLostError, 409),
    (JobCancelledError, 409),
    (JobPausedError, 409),
    (TooLargeError, 413),
    (MediaError, 422),
    (ForbiddenAddressError, 422),
    (FetchError, 502),
    (WorkerStoppingError, 503),
    (ModelError, 503),
    (StorageError, 503),
    (DiskFullError, 507),
    (ConfigError, 503),
    (AppError, 500),
)
HTTP_WORDS: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request could not be understood."),
    403: ("forbidden", "This is not allowed from here."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
    412: ("precondition_failed", "This server speaks tus 1.0.0. Send the header “Tus-Resumable: 1.0.0”."),
    413: ("too_large", "The request is too large."),
    415: ("unsupported_media_type", "The body has a content type that this address does not read."),
    429: ("too_many_attempts", "Too many attempts. Wait a minute, then try again."),
}
INTERNAL = "Something went wrong on the server. The log holds the details under this request id."


def status_of(error: AppError) -> int:
    """HTTP status that belongs to a failure."""
    return next(status for kind, status in STATUS_OF if isinstance(error, kind))


def wants_json() -> bool:
    """True where the caller is a program: the API, resumable uploads and the health checks."""
    return request.path.startswith(("/api/", "/files/")) or request.path in ("/health", "/ready")


def error_body(code: str, message: str) -> dict[str, object]:
    """The JSON form of every failure."""
    return {"error": {"code": code, "message": message}, "request_id": g.get("request_id", "")}


def error_response(status: int, code: str, message: str) -> Response:
    """Tells a failure in the form that the caller reads."""
    if wants_json():
        response = jsonify(error_body(code, message))
    else:
        page = render_template("error.html", status=status, message=message, request_id=g.get("request_id", ""))
        response = Response(page, mimetype="text/html")
    response.status_code = status
    return response


def install_error_handlers(app: Flask) -> None:
    """Registers the table; whatever is not in it is logged and becomes a 500 that tells nothing of the inside."""
    app.register_error_handler(AppError, _on_app_error)
    app.register_error_handler(ValidationError, _on_validation_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_surprise)


def _on_app_error(error: AppError) -> Response:
    status = status_of(error)
    if status >= 500:
        logger.error("request failed", extra={"request_id": g.get("request_id"), "code": error.code}, exc_info=error)
    if isinstance(error, ConfigError):
        # its text may name the server's own addresses, which are no business of a caller
        return error_response(status, "unavailable", "The library cannot be opened. The server's log says why.")
    return error_response(status, error.code, error.message)


def _on_validation_error(error: ValidationError) -> Response:
    return error_response(422, "invalid_input", explain_validation(error))


def explain_validation(error: ValidationError) -> str:
    """One sentence for each wrong field."""
    sentences = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        text = item["msg"].removeprefix("Value error, ").rstrip(".")
        sentences.append(f"{name}: {text}." if name else f"{text}.")
    return " ".join(sentences)


def _on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(error.get_body(), status, error.get_headers())
    code, message = HTTP_WORDS.get(status, ("http_error" if status < 500 else "internal_error", ""))
    if not message:
        message = INTERNAL if status >= 500 else f"The request was refused with status {status}."
    response = error_response(status, code, message)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Content-Range"):
            response.headers[name] = value
    return response


def _on_surprise(error: Exception) -> Response:
    if is_full(error):
        return _on_app_error(DiskFullError())
    logger.error("request failed unexpectedly", extra={"request_id": g.get("request_id")}, exc_info=error)
    return error_response(500, "internal_error", INTERNAL)
