"""Videos with ranges, crops and thumbnails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from flask import Blueprint, Response, request, send_file

from app.errors import InvalidInputError, NotFoundError
from app.routes.current import current_context
from app.services.playing import find_playable

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
    """A video's file; players ask for ranges of it.

    Where browsers reach the store themselves, they are sent there with an address that is good for a while: a long
    video then costs this server nothing.
    """
    context = current_context()
    found = find_playable(context, video_id)
    name = found.file_name if "download" in request.args else None
    if found.path is not None:
        return _guarded(_send_path(found.path, name))
    key = found.key or ""
    address = context.blobs.url(key, found.seconds, content_type=_type_of(key), download_name=name)
    if address is None:
        return _send_blob(key, name)
    return Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def picture(key: str) -> Response:
    """A crop or thumbnail under its key."""
    if key.split("/", 1)[0] not in PICTURE_AREAS or not key.endswith(".jpg"):
        raise NotFoundError("There is no such picture.")
    return _send_blob(key)


def _send_blob(key: str, download_name: str | None = None) -> Response:
    """A blob through this server, in ranges where asked for; nothing of it is read that is not sent."""
    blobs = current_context().blobs
    try:
        info, path = blobs.info(key), blobs.local_path(key)
    except InvalidInputError as error:
        raise NotFoundError("There is no such file.") from error
    if path is not None:
        return _guarded(_send_path(path, download_name))
    response = send_file(
        blobs.open(key, info),
        mimetype=_type_of(key),
        as_attachment=download_name is not None,
        download_name=download_name or PurePosixPath(key).name,
        etag=info.etag,
        last_modified=datetime.fromtimestamp(info.modified, UTC),
        conditional=False,
    )
    response.content_length = info.size
    response.make_conditional(request.environ, accept_ranges=True, complete_length=info.size)
    return _guarded(response)


def _send_path(path: Path, download_name: str | None) -> Response:
    return send_file(
        path, mimetype=_type_of(path.name), as_attachment=download_name is not None, download_name=download_name
    )


def _type_of(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return "image/jpeg" if suffix == ".jpg" else VIDEO_TYPES.get(suffix, "application/octet-stream")


def _guarded(response: Response) -> Response:
    # Ids can be used again after a deletion, so a browser must ask before it shows what it kept.
    response.headers["Cache-Control"] = "private, no-cache"
    # whatever a foreign file claims to be, it may run nothing here
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
