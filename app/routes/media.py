"""Videos with ranges, crops and thumbnails."""

from __future__ import annotations

from flask import Blueprint, Response, request, send_file

from app.errors import InvalidInputError, NotFoundError
from app.routes.current import current_context
from app.services.library import video_row

VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",  # browsers play QuickTime files, but refuse video/quicktime
    ".webm": "video/webm",
    ".mkv": "video/webm",  # Matroska is WebM's parent; browsers try it under this name only
    ".ogv": "video/ogg",
    ".avi": "video/x-msvideo",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".ts": "video/mp2t",
    ".3gp": "video/3gpp",
    ".gif": "image/gif",
}
PICTURE_AREAS = ("faces", "thumbnails")


def make_media() -> Blueprint:
    """The blueprint with all addresses."""
    media = Blueprint("media", __name__, url_prefix="/media")
    media.add_url_rule("/videos/<id:video_id>", view_func=video)
    media.add_url_rule("/<path:key>", view_func=picture)
    return media


def video(video_id: int) -> Response:
    """A video's file; players ask for ranges of it."""
    row = video_row(current_context(), video_id)
    if row.blob_key is None:
        raise NotFoundError("The file of this video has not arrived yet.")
    return _send(row.blob_key, download_name=row.file_name if "download" in request.args else None)


def picture(key: str) -> Response:
    """A crop or thumbnail under its key."""
    if key.split("/", 1)[0] not in PICTURE_AREAS or not key.endswith(".jpg"):
        raise NotFoundError("There is no such picture.")
    return _send(key)


def _send(key: str, download_name: str | None = None) -> Response:
    try:
        path = current_context().blobs.path(key)
    except InvalidInputError as error:
        raise NotFoundError("There is no such file.") from error
    if not path.is_file():
        raise NotFoundError("The file is no longer there.")
    kind = "image/jpeg" if path.suffix == ".jpg" else VIDEO_TYPES.get(path.suffix.lower(), "application/octet-stream")
    response = send_file(path, mimetype=kind, as_attachment=download_name is not None, download_name=download_name)
    # Ids can be used again after a deletion, so a browser must ask before it shows what it kept.
    response.headers["Cache-Control"] = "private, no-cache"
    # whatever a foreign file claims to be, it may run nothing here
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
