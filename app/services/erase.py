"""Deletes a video and all that came of it."""

from __future__ import annotations

import logging

from app.errors import NotFoundError
from app.services.context import Context
from app.storage import decisions
from app.storage import people as people_rows
from app.storage import videos as video_rows

logger = logging.getLogger(__name__)


def delete_video(context: Context, video_id: int) -> None:
    """Deletes a video: its rows, faces, tracks and jobs, its file, crops and thumbnail.

    People who are left without a face go too unless a user said something of them; with tracks and people go the rules
    and questions about them. What is left of an event that changed them can still be undone. A worker that is on the video stops at its
    next write, because its job is gone.

    Args:
        context: The context.
        video_id: The video.

    Raises:
        NotFoundError: There is no such video.
    """
    with context.database.write() as session:
        video = video_rows.get(session, video_id)
        if video is None:
            raise NotFoundError("There is no such video.")
        blob_key = video.blob_key
        video_rows.remove(session, video_id)
        people_rows.delete_empty(session)
        people_rows.choose_covers(session)
        decisions.forget_questions(session)
    # Rows first: a crash in between leaves files that nothing points to, never rows that point to nothing
    remove_files(context, video_id, blob_key)
    logger.info("video deleted", extra={"video_id": video_id})


def remove_files(context: Context, video_id: int, blob_key: str | None = None) -> None:
    """Removes the files of a video: the video itself, its crops and its thumbnail.

    Args:
        context: The context.
        video_id: The video, whose rows are gone.
        blob_key: Key of its file. In a bucket the file lies in a folder that is not named after the video.
    """
    if blob_key is not None:
        context.blobs.delete_tree("/".join(blob_key.split("/")[:2]))
    context.blobs.delete_tree(f"videos/{video_id}")
    context.blobs.delete_tree(f"faces/{video_id}")
    context.blobs.delete(f"thumbnails/{video_id}.jpg")
    context.blobs.delete_tree(f"thumbnails/{video_id}")  # pictures from the sites that it came from
