"""Downloads a video's file."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import VideoOrigin
from app.errors import FetchError, JobPausedError, NotFoundError, WorkerStoppingError
from app.media.download import DownloadedVideo, download_video
from app.models import Job, Video, VideoSource
from app.services.context import Context
from app.services.download_options import download_options
from app.services.inspection import Inspection, inspect_file
from app.services.job_log import log
from app.services.job_run import JobRun
from app.services.limits import Room, check_library
from app.services.playlist import expand_playlist
from app.services.uploads import hash_file
from app.storage import jobs as job_rows
from app.storage import sources as source_rows
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
        TooLargeError: It is over MAX_DOWNLOAD_SIZE_MB, or the library is full.
        MediaError: What came is no readable video, or longer than allowed.
        ConfigError: DOWNLOAD_COOKIES_FILE cannot be read.
    """
    video = _video(context, run)
    if video.blob_key is not None or video.local_path is not None:
        return True
    run.report(step="downloading")
    if run.params.get("playlist"):
        expand_playlist(context, run, video)
        video = _video(context, run)
    with _folder(context, run.job_id) as folder:
        began = time.monotonic()
        downloaded = download_video(
            video.source_url or "",
            folder,
            download_options(context.settings),
            progress=partial(_on_progress, run, Room(context)),
            stop=run.check,
            item=run.params.get("item"),
            part=folder / "direct.part",
        )
        return _file(context, run, video, downloaded, time.monotonic() - began)


def _video(context: Context, run: JobRun) -> Video:
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    if video is None or video.source_url is None:
        raise NotFoundError("The video was deleted before it was downloaded.")
    return video


@contextmanager
def _folder(context: Context, job_id: str) -> Iterator[Path]:
    """The job's own folder; after a failure that may pass it stays, so that the next try goes on where this one ended.

    An attempt that was given up for dead may still be writing there; then this one has a folder of its own.
    """
    folder = context.blobs.temp.folder_for(job_id)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            folder = context.blobs.new_temp_folder()
        for leftover in folder.glob("download-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        keep = False
        try:
            yield folder
        except (JobPausedError, WorkerStoppingError):
            keep = True
            raise
        except FetchError as error:
            keep = error.retryable
            raise
        finally:
            if not keep:
                shutil.rmtree(folder, ignore_errors=True)


def _on_progress(run: JobRun, room: Room, done: int, total: int | None) -> None:
    run.check()
    room.came(done)
    if total is not None:
        room.expect(total)
        run.set_total(total)
    run.report(done=done)


def _file(context: Context, run: JobRun, video: Video, downloaded: DownloadedVideo, seconds: float) -> bool:
    """Files what was downloaded; False where these bytes were in the library already."""
    sha256, size = hash_file(downloaded.path)
    with context.database.session() as session:
        known = video_rows.by_sha256(session, sha256)
    found = None if known is not None else inspect_file(context.settings, downloaded.path)
    values = {"sha256": sha256, "size_bytes": size, **_columns(found)}
    message = f"Downloaded {size / 1e6:.1f} MB in {seconds:.0f} s."
    try:
        source_id, new = _write(context, run, video, downloaded, values, message)
    except IntegrityError:  # the same bytes were filed by somebody else between our look and our write
        source_id, new = _write(context, run, video, downloaded, values, message)
    if downloaded.thumbnail is not None:
        _keep_thumbnail(context, source_id, downloaded.thumbnail)
    return new


def _columns(found: Inspection | None) -> dict[str, Any]:
    if found is None:
        return {}
    names = ("duration", "width", "height", "frame_rate", "codec") if found.info is not None else ()
    return {"media_kind": found.kind, **{name: getattr(found.info, name) for name in names}}


def _write(
    context: Context,
    run: JobRun,
    video: Video,
    downloaded: DownloadedVideo,
    values: dict[str, Any],
    message: str,
) -> tuple[int, bool]:
    file_name = safe_file_name(downloaded.file_name)
    with context.blobs.arriving(downloaded.path, file_name) as arrival, context.database.write() as session:
        run.fence(session)
        log(session, run.job_id, message)
        known = video_rows.by_sha256(session, values["sha256"])
        if known is not None and known.id != video.id:
            return _note_source(session, known.id, video, downloaded), _is_new_work(session, run, video.id, known)
        check_library(context, session, values["size_bytes"])
        title = (downloaded.title or video.title or Path(file_name).stem)[:500]
        changed = {**values, "blob_key": arrival.keep(video.id), "file_name": file_name, "title": title}
        session.execute(update(Video).where(Video.id == video.id).values(**changed))
        return _note_source(session, video.id, video, downloaded), True


def _note_source(session: Session, video_id: int, video: Video, downloaded: DownloadedVideo) -> int:
    return source_rows.add(
        session,
        video_id,
        VideoOrigin.URL,
        address=video.source_url,
        title=downloaded.title[:500] if downloaded.title else None,
        uploader=downloaded.uploader,
        page_url=downloaded.source_url,
        published_on=downloaded.published_on,
    ).id


def _is_new_work(session: Session, run: JobRun, video_id: int, known: Video) -> bool:
    """Gives the job the video that is there. It is looked at again only where that was asked for, and nobody is on it."""
    last = job_rows.latest_for_video(session, known.id)
    session.execute(update(Job).where(Job.id == run.job_id).values(video_id=known.id))
    video_rows.remove(session, video_id)
    run.video_id = known.id
    logger.info("download is a duplicate", extra={"job_id": run.job_id, "video_id": known.id})
    if run.params.get("again") and (last is None or last.state.is_final):
        log(session, run.job_id, "This video was in the library already; it is looked at again, as was asked for.")
        return True
    run.note = "This video was in the library already."
    return False


def _keep_thumbnail(context: Context, source_id: int, picture: bytes) -> None:
    with context.database.session() as session:
        source = session.get(VideoSource, source_id)
    if source is None:
        return
    key = f"thumbnails/{source.video_id}/site-{source_id}.jpg"
    context.blobs.write(key, picture, durable=False)
    with contextlib.suppress(IntegrityError), context.database.write() as session:
        session.execute(update(VideoSource).where(VideoSource.id == source_id).values(thumbnail_key=key))
