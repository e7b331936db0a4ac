"""Looks again at a video that is in the library, with other settings."""

from __future__ import annotations

from dataclasses import replace

from app.errors import NotFoundError
from app.services.context import Context
from app.services.filing import Submission, checked_options, file_again
from app.services.ingest import NO_OPTIONS, announce
from app.services.ingest_options import IngestOptions
from app.storage import videos as video_rows


def look_again(context: Context, video_id: int, options: IngestOptions = NO_OPTIONS) -> Submission:
    """Queues a video that is there to be looked at anew. What was found stays until that begins.

    Args:
        context: The context.
        video_id: The video.
        options: How it shall be looked at this time.

    Returns:
        The submission with the new job.

    Raises:
        NotFoundError: There is no such video.
        InvalidInputError: The interval is out of range.
        ConflictError: It is being looked at just now, or its file never came.
    """
    return resubmit(context, video_id, replace(options, again=True))


def resubmit(context: Context, video_id: int, options: IngestOptions) -> Submission:
    """The same as handing in the same bytes once more, without having to read them.

    Raises:
        AppError: As :func:`look_again`.
    """
    checked = checked_options(context, options)
    with context.database.write() as session:
        video = video_rows.get(session, video_id)
        if video is None:
            raise NotFoundError("There is no such video. It may have been deleted.")
        if video.sha256 is None:
            raise NotFoundError("The file of this video has not arrived yet.")
        submission = file_again(session, video, checked)
    announce(context, submission)
    return submission
