"""Resumable uploads under ``/files/``, by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation (with upload, with a length told later), termination, checksum and expiration. ``GET`` is no part of the
protocol: it tells what became of a file.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, jsonify, make_response, request, url_for
from werkzeug.exceptions import ClientDisconnected, MethodNotAllowed, PreconditionFailed, UnsupportedMediaType
from werkzeug.http import http_date

from app.errors import AppError, GoneError, InvalidInputError
from app.routes.api.uploads import UploadOut
from app.routes.current import current_context
from app.routes.tus_headers import ALGORITHMS, read_checksum, read_number, read_size, read_wishes
from app.services.resumable import Chunk, UploadState, create_upload, look, receive, remove_upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-defer-length,creation-with-upload,termination,checksum,expiration"
BYTES = "application/offset+octet-stream"
PIECE = 1 << 16  # bytes; what may be lost of a request that breaks off
# Seconds without a byte after which a sender is taken for gone. Only then may another request go on with the file, so
# that a connection that died without a word does not hold it for ever.
SILENCE = 15.0


def make_tus() -> Blueprint:
    """The blueprint with ``/files/``."""
    tus = Blueprint("tus", __name__, url_prefix="/files")
    own = {"provide_automatic_options": False}
    tus.add_url_rule("/", "options", options, methods=["OPTIONS"], strict_slashes=False, **own)
    tus.add_url_rule("/", "create", create, methods=["POST"], strict_slashes=False, **own)
    tus.add_url_rule("/<upload_id>", "options_of", options_of, methods=["OPTIONS"], **own)
    tus.add_url_rule("/<upload_id>", "state", state, methods=["HEAD", "GET"], **own)
    tus.add_url_rule("/<upload_id>", "chunk", chunk, methods=["PATCH"], **own)
    tus.add_url_rule("/<upload_id>", "terminate", terminate, methods=["DELETE"], **own)
    tus.add_url_rule("/<upload_id>", "override", override, methods=["POST"], **own)
    tus.before_request(_check_version)
    tus.after_request(_sign)
    return tus


def options() -> Response:
    """What this server can do."""
    response = _empty(204)
    response.headers["Tus-Version"] = VERSION
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(current_context().settings.max_video_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
    return response


def options_of(upload_id: str) -> Response:
    """What this server can do; some clients ask at the upload itself."""
    return options()


def create() -> Response:
    """Begins an upload, perhaps with its first bytes."""
    if (method := _wanted_method()) == "OPTIONS":
        return options()
    if method != "POST":
        raise MethodNotAllowed(["POST", "OPTIONS"])
    if "Upload-Concat" in request.headers:
        raise InvalidInputError("This server does not put files together from parts. Send the file in one piece.")
    brings_bytes = request.mimetype == BYTES
    if request.content_length and not brings_bytes:
        raise UnsupportedMediaType
    # the headers first: what is wrong with them is known before anything is stored
    checksum = read_checksum(request) if brings_bytes else None
    made = create_upload(current_context(), read_wishes(request), read_size(request))
    if brings_bytes:
        first = Chunk(0, _pieces(), length=request.content_length, checksum=checksum)
        made = _first_bytes(made, first)
    response = _progress(made, 201)
    response.headers["Location"] = url_for("tus.state", upload_id=made.id)
    return response


def _first_bytes(made: UploadState, first: Chunk) -> UploadState:
    try:
        return receive(current_context(), made.id, first)
    except AppError:
        # Its address was not told yet, so nobody could go on with it.
        with contextlib.suppress(AppError):
            remove_upload(current_context(), made.id)
        raise


def state(upload_id: str) -> Response:
    """Where an upload stands: in headers for ``HEAD``, as JSON for ``GET``."""
    found = look(current_context(), upload_id)
    if request.method == "GET":
        return _told(found)
    return _head(found)


def chunk(upload_id: str) -> Response:
    """Takes the bytes from an offset on."""
    if request.mimetype != BYTES:
        raise UnsupportedMediaType
    offset = read_number(request, "Upload-Offset")
    if offset is None:
        raise InvalidInputError("Upload-Offset is missing: say where in the file these bytes belong.")
    part = Chunk(
        offset,
        _pieces(),
        length=request.content_length,
        size=read_number(request, "Upload-Length"),
        checksum=read_checksum(request),
    )
    return _progress(receive(current_context(), upload_id, part), 204)


def terminate(upload_id: str) -> Response:
    """Ends an upload; what had come is deleted."""
    remove_upload(current_context(), upload_id)
    return _empty(204)


def override(upload_id: str) -> Response:
    """For senders that can only GET and POST: the method stands in ``X-HTTP-Method-Override``."""
    views: dict[str, Callable[[str], Response]] = {
        "PATCH": chunk,
        "DELETE": terminate,
        "OPTIONS": options_of,
        "HEAD": lambda upload_id: _head(look(current_context(), upload_id)),
    }
    view = views.get(_wanted_method())
    if view is None:
        raise MethodNotAllowed(["GET", "HEAD", "PATCH", "DELETE", "OPTIONS"])
    return view(upload_id)


def _wanted_method() -> str:
    given = request.headers.get("X-HTTP-Method-Override") if request.method == "POST" else None
    return (given or request.method).strip().upper()


def _check_version() -> None:
    if _wanted_method() in ("OPTIONS", "GET"):
        return
    if request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed


def _sign(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
    if response.status_code == 460:
        response.status = "460 Checksum Mismatch"
    response.headers["Cache-Control"] = "no-store"
    return response


def _pieces() -> Iterator[bytes]:
    """The body as it arrives.

    Raises:
        InvalidInputError: The connection broke, or nothing came for too long.
    """
    with _deadline():
        while True:
            try:
                piece = request.stream.read(PIECE)
            except (ClientDisconnected, OSError) as error:
                raise InvalidInputError("The connection broke. Go on from where the file ends.") from error
            if not piece:
                return
            yield piece


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    wire = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if not isinstance(wire, socket.socket):
        yield
        return
    before = wire.gettimeout()
    wire.settimeout(SILENCE)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it may be closed by now
            wire.settimeout(before)


def _empty(status: int) -> Response:
    response = make_response("", status)
    del response.headers["Content-Type"]
    return response


def _progress(found: UploadState, status: int) -> Response:
    response = _empty(status)
    response.headers["Upload-Offset"] = str(found.offset)
    response.headers["Upload-Expires"] = http_date(found.expires_at)
    if found.video_id is not None:
        response.headers["X-Video-Id"] = str(found.video_id)
        response.headers["X-Job-Id"] = found.job_id or ""
        response.headers["X-Duplicate"] = "true" if found.duplicate else "false"
    return response


def _head(found: UploadState) -> Response:
    if found.error is not None:
        raise GoneError(found.error)
    response = _progress(found, 200)
    if found.size is None:
        response.headers["Upload-Defer-Length"] = "1"
    else:
        response.headers["Upload-Length"] = str(found.size)
    if found.metadata_text:
        response.headers["Upload-Metadata"] = found.metadata_text
    return response


def _told(found: UploadState) -> Response:
    return jsonify(UploadOut.of(found).model_dump(mode="json"))
