"""Looks at a video or a set of pictures, whichever a job is about."""

from __future__ import annotations

from app.domain import MediaKind
from app.services.context import Context
from app.services.job_run import JobRun
from app.services.process_pictures import process_pictures
from app.services.process_video import process_video
from app.storage import videos as video_rows


def process_media(context: Context, run: JobRun) -> None:
    """Does the work of a job from its checkpoint on.

    Raises:
        AppError: See :func:`app.services.process_video.process_video` and
            :func:`app.services.process_pictures.process_pictures`.
    """
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    stills = video is not None and video.media_kind == MediaKind.PICTURES
    (process_pictures if stills else process_video)(context, run)
