"""A link to a playlist becomes one video and one job for each of its entries, in one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain import JobState, QueueName, Sampling, VideoOrigin
from app.media.playlists import Playlist, PlaylistEntry, list_playlist
from app.models import Job, Video
from app.services.context import Context
from app.services.download_options import download_options
from app.services.filing import Submission
from app.services.ingest_links import Link, count_links, file_batch, file_links
from app.services.ingest_options import IngestOptions
from app.services.job_log import log
from app.services.job_run import JobRun
from app.storage import jobs as job_rows
from app.storage import sources as source_rows


def expand_playlist(context: Context, run: JobRun, video: Video) -> None:
    """Looks up what a link stands for. The first entry stays with this video and job, the others get their own.

    All of it is one transaction, after which the job is one of an ordinary link: it is safe to be interrupted.

    Args:
        context: The context.
        run: The attempt at the link's job.
        video: The link's video.

    Raises:
        AppError: The link cannot be looked up; see :func:`app.media.playlists.list_playlist`.
    """
    folder = context.blobs.temp.folder
    most = context.settings.playlist_max_videos
    playlist = list_playlist(video.source_url or "", folder, download_options(context.settings), most, stop=run.check)
    with context.database.write() as session:
        run.fence(session)
        job = job_rows.get(session, run.job_id)
        if job is None:
            return
        params = {name: value for name, value in job.params.items() if name != "playlist"}
        if playlist is not None:
            params |= _take_first(session, video, playlist.entries[0])
            _file_others(session, job, video, playlist, most)
        session.execute(update(Job).where(Job.id == job.id).values(params=params))
        run.params = params
    if playlist is not None and len(playlist.entries) > 1:
        context.queue.wake(QueueName.DOWNLOAD, context.settings.download_concurrency)


def rest_of_playlist(context: Context, job_id: str) -> list[Submission]:
    """The waiting jobs that came of a playlist's link, for programs that run them themselves."""
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
        if job is None or job.batch_id is None:
            return []
        others = (Job.batch_id == job.batch_id, Job.id != job_id, Job.state == JobState.QUEUED)
        waiting = select(Job, Video).join(Video, Video.id == Job.video_id).where(*others)
        found = session.execute(waiting.order_by(Job.created_at, Job.id)).all()
    return [Submission(video.id, other.id, title=video.title) for other, video in found]


def _take_first(session: Session, video: Video, entry: PlaylistEntry) -> dict[str, Any]:
    title = {"title": entry.title[:500]} if entry.title else {}
    session.execute(update(Video).where(Video.id == video.id).values(source_url=entry.url, **title))
    if entry.url != video.source_url:
        source_rows.add(session, video.id, VideoOrigin.URL, address=entry.url, page_url=video.source_url)
    return {} if entry.item is None else {"item": entry.item}


def _file_others(session: Session, job: Job, video: Video, playlist: Playlist, most: int) -> None:
    options = _options_of(job)
    title = playlist.title or count_links(len(playlist.entries))
    if options.batch_id is None and len(playlist.entries) > 1:
        options = replace(options, batch_id=file_batch(session, title, options))
        session.execute(update(Job).where(Job.id == job.id).values(batch_id=options.batch_id))
    links = [Link(entry.url, entry.item, entry.title, video.source_url) for entry in playlist.entries[1:]]
    file_links(session, links, options)
    cut = f" There are more: PLAYLIST_MAX_VIDEOS is {most}." if playlist.cut else ""
    log(session, job.id, f"This is a playlist; {count_links(len(playlist.entries))} of it are fetched.{cut}")


def _options_of(job: Job) -> IngestOptions:
    """What was asked for the playlist, for each of its entries."""
    return IngestOptions(
        interval=job.params.get("interval"),
        sampling=Sampling(job.params.get("sampling") or Sampling.INTERVAL),
        batch_id=job.batch_id,
        priority=min(job.priority, 0),
        again=bool(job.params.get("again")),
        webhook_url=job.params.get("webhook_url"),
    )
