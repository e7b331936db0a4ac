"""The steps of a job that looks at a video, or at a segment of one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.domain import VideoInfo
from app.errors import MediaError, NotFoundError
from app.media.frames import FrameSampler
from app.media.probe import probe
from app.media.sampling import fine_steps
from app.models import Job, Video, utc_now
from app.services.context import Context
from app.services.inspection import probe_limits
from app.services.job_log import log
from app.services.job_run import JobRun
from app.services.models.fetching import fetch_missing_weights
from app.services.process_video.linking import link_tracks
from app.services.process_video.segments import join, note_findings, plan_segments, split
from app.services.process_video.storing import Task, look_through
from app.services.video_files import local_file
from app.storage import findings
from app.storage import jobs as job_rows
from app.storage import videos as video_rows


def process_video(context: Context, run: JobRun) -> None:
    """Processes the video of a job from its checkpoint on.

    A long video is cut into segments, and the attempt ends; the one that comes after the last of them joins them.

    Args:
        context: The context.
        run: The attempt that owns the job.

    Raises:
        NotFoundError: The video or its file is gone.
        MediaError: The file cannot be read.
        PackMismatchError: The settings ask for another pack than the library's.
        ModelError: The networks are missing and cannot be fetched.
        JobLostError: Another attempt took over.
        JobCancelledError: A person cancelled the job.
    """
    video = _find_video(context, run)
    fetch_missing_weights(context, run)
    with context.database.session() as session:
        segments = job_rows.children_of(session, run.job_id)
    if segments:
        reached, warning = join(segments)
    else:
        with local_file(context, video) as path:
            warning = _look(context, run, video, path)
        if run.left is not None:
            return
        reached = int(run.done) or run.next_sample
    run.report(step="linking")
    link_tracks(context, run, video.id)
    _finish(context, run, video.id, reached, warning)


def process_segment(context: Context, run: JobRun) -> None:
    """Looks at a segment of a video from its checkpoint on; raises like :func:`process_video`."""
    video = _find_video(context, run)
    fetch_missing_weights(context, run)
    task = Task.of(run, video)
    start = max(run.next_sample, task.first)
    with (
        local_file(context, video) as path,
        FrameSampler(path, task.interval, start, task.end, sampling=task.sampling) as sampler,
    ):
        run.report(step="looking")
        look_through(context, run, task, sampler)
        note_findings(context, run, sampler)


def _find_video(context: Context, run: JobRun) -> Video:
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    if video is None:
        raise NotFoundError("The video was deleted before it was looked at.")
    return video


def _look(context: Context, run: JobRun, video: Video, path: Path) -> str | None:
    """Looks at a video that is not cut, or cuts it; returns what was wrong with the file."""
    info = probe(path, probe_limits(context.settings))
    task = Task.of(run, video)
    with FrameSampler(path, task.interval, run.next_sample, sampling=task.sampling) as sampler:
        starts = plan_segments(context, task, path, info) if run.next_sample == 0 else [0]
        if run.next_sample == 0:
            expected = sampler.expected_samples or 0
            task = _begin(context, run, video, info, starts, expected)
            if run.left is not None:
                return None
        else:
            _describe(context, run, video, info)
        run.report(step="looking", total=sampler.expected_samples)
        look_through(context, run, task, sampler)
        return sampler.warning


def _describe(context: Context, run: JobRun, video: Video, info: VideoInfo) -> None:
    with context.database.write() as session:
        run.fence(session)
        _write_description(session, video.id, info)


def _begin(context: Context, run: JobRun, video: Video, info: VideoInfo, starts: list[int], expected: int) -> Task:
    """A first attempt starts from nothing. What an earlier run found stays as it is until this one has ended.

    So a run that fails, is cancelled or killed leaves the library as it was, and names are handed on at the end.
    """
    run.params.update(_places(run, video))
    task = Task.of(run, video)
    run.check()
    # files first: what is stored from now on must not go with them
    context.blobs.delete_tree(task.folder or f"faces/{video.id}")
    with context.database.write() as session:
        run.fence(session)
        _write_description(session, video.id, info)
        gone = findings.remove_hidden(session, video.id)
        if not task.hidden:
            video_rows.delete_findings(session, video.id)
        session.execute(update(Job).where(Job.id == run.job_id).values(params=run.params))
        if len(starts) > 1:
            split(session, run, starts, expected)
            log(session, run.job_id, f"Cut into {len(starts)} parts, which are looked at side by side.")
    for key in gone:
        context.blobs.delete(key)
    if run.left is not None:
        context.queue.wake(run.queue, len(starts))
    return task


def _places(run: JobRun, video: Video) -> dict[str, object]:
    """Where findings go: beside those of an earlier run where there was one."""
    if video.processed_at is None:
        return {}
    return {"hidden": True, "folder": f"faces/{video.id}/{run.job_id[:8]}"}


def _write_description(session: Session, video_id: int, info: VideoInfo) -> None:
    described = {
        "duration": info.duration,
        "width": info.width,
        "height": info.height,
        "frame_rate": info.frame_rate,
        "codec": info.codec,
    }
    session.execute(update(Video).where(Video.id == video_id).values(**described))


def _finish(context: Context, run: JobRun, video_id: int, reached: int, warning: str | None) -> None:
    if reached == 0:
        raise MediaError("The video has no picture that could be read.")
    task = Task.of(run, Video())
    with context.database.write() as session:
        run.fence(session)
        ended: dict[str, object] = {
            "interval": task.interval,
            "sampling": task.sampling,
            "frames_sampled": -(-reached // fine_steps(task.sampling)),
            "warning": warning,
            "processed_at": utc_now(),
        }
        session.execute(update(Video).where(Video.id == video_id).values(**ended))
    run.note = warning
