"""Downloads a video's file."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sqlalchemy import update

from app.errors import NotFoundError
from app.media.download import DownloadedVideo, download_video
from app.models import Job, Video
from app.services.context import Context
from app.services.download_options import download_options
from app.services.job_run import JobRun
from app.services.uploads import hash_file
from app.storage import videos as video_rows
from app.storage.blobs import safe_file_name

logger = logging.getLogger(__name__)


def fetch_video(context: Context, run: JobRun) -> bool:
    """Fetches the file of a job's video, unless an earlier attempt did. Looking at it is left to another queue.

    Args:
        context: The context.
        run: The attempt that owns the job.

    Returns:
        True when there is a file to look at; False when it was in the library already.

    Raises:
        NotFoundError: The video was deleted meanwhile.
        FetchError: The address gives no video.
        TooLargeError: It is over MAX_DOWNLOAD_SIZE_MB.
        MediaError: What came is no readable video.
    """
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    if video is None or video.source_url is None:
        raise NotFoundError("The video was deleted before it was downloaded.")
    return video.blob_key is not None or not _download(context, run, video)


def _download(context: Context, run: JobRun, video: Video) -> bool:
    """Downloads and files the video.

    Returns:
        True when these bytes were in the library already, so that there is nothing left to do.
    """
    run.report(step="downloading")
    folder = context.blobs.new_temp_folder()
    try:
        downloaded = download_video(
            video.source_url or "",
            folder,
            download_options(context.settings),
            stop=run.check,
            progress=lambda done, total: _on_progress(run, done, total),
        )
        return _file_download(context, run, video.id, downloaded)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_progress(run: JobRun, done: int, total: int | None) -> None:
    run.check()
    if total is not None:
        run.set_total(total)
    run.report(done=done)


def _file_download(context: Context, run: JobRun, video_id: int, downloaded: DownloadedVideo) -> bool:
    sha256, size = hash_file(downloaded.path)
    file_name = safe_file_name(downloaded.file_name)
    with context.database.write() as session:
        run.fence(session)
        known = video_rows.by_sha256(session, sha256)
        if known is not None and known.id != video_id:
            session.execute(update(Job).where(Job.id == run.job_id).values(video_id=known.id))
            video_rows.remove(session, video_id)
            run.note = "This video was in the library already."
            logger.info("download is a duplicate", extra={"job_id": run.job_id, "video_id": known.id})
            return True
        key = f"videos/{video_id}/{file_name}"
        context.blobs.adopt(downloaded.path, key)
        session.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(
                sha256=sha256,
                size_bytes=size,
                blob_key=key,
                file_name=file_name,
                title=(downloaded.title or Path(file_name).stem)[:500],
            )
        )
    return False
