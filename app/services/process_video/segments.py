"""Cuts a long video into segments that several workers take, and joins what they found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.domain import JobState, VideoInfo
from app.errors import ConflictError
from app.media.frames import FrameSampler, warning_of
from app.media.sampling import chunk_end, fine_steps
from app.media.seams import seams
from app.models import Job
from app.services.context import Context
from app.services.job_run import LEASE_SECONDS, JobRun
from app.services.process_video.storing import Task
from app.storage import jobs as job_rows


def plan_segments(context: Context, task: Task, path: Path, info: VideoInfo) -> list[int]:
    """Where a video is cut.

    Places hang on the interval and SEGMENT_MINUTES alone, at the beginnings of chunks, so that chunks and with
    them faces and tracks are those of one piece.

    Args:
        context: The context.
        task: The whole video.
        path: Its file.
        info: What the probe told of it.

    Returns:
        The first sample of each segment; one alone where the video is not cut.
    """
    minutes = context.settings.segment_minutes
    if not context.has_workers or not minutes or info.duration is None or info.duration <= minutes * 60:
        return [0]
    step = task.interval / fine_steps(task.sampling)
    length = segment_length(task, minutes)
    wanted = range(length, ceil(info.duration / step), length)
    return [0, *seams(path, step, wanted)]


def segment_length(task: Task, minutes: float) -> int:
    """Samples of a segment: a multiple of a chunk's."""
    chunk = chunk_end(1 << 20, task.sampling) - chunk_end((1 << 20) - 1, task.sampling)
    step = task.interval / fine_steps(task.sampling)
    return max(ceil(minutes * 60 / step / chunk), 1) * chunk


def split(session: Session, run: JobRun, starts: Sequence[int], expected: int) -> None:
    """Makes the segments.

    Args:
        session: The writing session; what else it writes is committed with it or not at all.
        run: The attempt at the whole video; its ``params`` go to the segments.
        starts: From :func:`plan_segments`.
        expected: About how many samples the video has.
    """
    ends: list[int | None] = [*starts[1:], None]
    params: list[dict[str, Any]] = [
        {**run.params, "first_sample": first, "end_sample": end} for first, end in zip(starts, ends, strict=True)
    ]
    totals = [float(max(end - first, 1)) for first, end in pairwise([*starts, max(expected, starts[-1] + 1)])]
    run.split(session, params, totals)


def note_findings(context: Context, run: JobRun, sampler: FrameSampler) -> None:
    """Writes down, for the whole, what was wrong with a segment's part of the file."""
    run.params = {**run.params, "cut_off_at": sampler.cut_off_at, "damaged": sampler.damaged}
    with context.database.write() as session:
        job_rows.report(session, run.job_id, run.token, LEASE_SECONDS, params=run.params)


def join(segments: Sequence[Job]) -> tuple[int, str | None]:
    """Puts together what the segments tell.

    Args:
        segments: All of them, in order.

    Returns:
        The number of samples up to the last one that was looked at, and what was wrong with the file.

    Raises:
        ConflictError: One of them has not ended well.
    """
    if any(one.state != JobState.SUCCEEDED for one in segments):
        raise ConflictError("Not all parts of this video were looked at. Try again.")
    reached = max((one.params["first_sample"] + int(one.done) for one in segments if one.done), default=0)
    # behind the place where a file breaks off there is nothing: the last one to see something tells where it was
    breaks = [one.params["cut_off_at"] for one in segments if one.params.get("cut_off_at") is not None]
    damaged = any(one.params.get("damaged") for one in segments)
    return reached, warning_of(max(breaks, default=None), damaged=damaged)
