"""The one way to the file of a video: a blob on disk, a copy of one from elsewhere, or a file used where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain import VideoOrigin
from app.errors import NotFoundError
from app.models import Video
from app.services.context import Context
from app.services.local_files import FileMark, check_unchanged
from app.storage import sources as source_rows

GONE = "The video's file is no longer in the library. Add the video again."


@contextmanager
def local_file(context: Context, video: Video) -> Iterator[Path]:
    """A file of this machine with the bytes of a video; for reading only, and within the ``with`` block.

    Args:
        context: The context.
        video: The video's row.

    Raises:
        NotFoundError: The file has not arrived, was deleted, or is no longer where it lay.
        ConflictError: A file that is used in place was changed since it was added.
    """
    if video.blob_key is not None:
        if not context.blobs.exists(video.blob_key):
            raise NotFoundError(GONE)
        with context.blobs.local_copy(video.blob_key) as path:
            yield path
    elif video.local_path is not None:
        path = Path(video.local_path)
        check_unchanged(path, _mark_of(context, video), video.sha256)
        yield path
    else:
        raise NotFoundError(GONE)


def _mark_of(context: Context, video: Video) -> FileMark | None:
    """Size and date of a file that is used in place, from when it was added."""
    with context.database.session() as session:
        for source in source_rows.for_video(session, video.id):
            same = source.origin == VideoOrigin.FILE and source.address == video.local_path
            if same and source.size_bytes is not None and source.modified_ns is not None:
                return FileMark(source.size_bytes, source.modified_ns)
    return None
