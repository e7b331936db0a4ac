"""What becomes of a cancelled job's findings: they are put in order, or they go, as the person chose.

The choice is written into the job's row together with its new state. What has to be done about it may then be done at
once, or by the next grouping, which must come afterwards anyway; whoever is killed on the way leaves it to the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_, select, true, update
from sqlalchemy.orm import Session

from app.domain import JobKind, JobState, MediaKind, Sampling
from app.errors import JobLostError
from app.models import Job, Video, utc_now
from app.services.context import Context
from app.services.erase import remove_files
from app.services.process_pictures import link_pictures
from app.services.process_video import link_tracks
from app.storage import decisions, findings
from app.storage import jobs as job_rows
from app.storage import people as people_rows
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from app.storage.rows import batches

logger = logging.getLogger(__name__)

KEEP, DISCARD = "keep", "discard"
_MARK = "settle"
_OF_VIDEOS = (JobKind.PROCESS_VIDEO, JobKind.FETCH_VIDEO)


def mark_cancelled(session: Session, job_ids: Iterable[str], *, keep: bool) -> bool:
    """Writes down what shall become of the findings of jobs, in the transaction that cancels them.

    Returns:
        Whether there is anything to do about it: call :func:`settle` after the commit, or request a grouping.
    """
    began = or_(Job.next_sample > 0, Job.faces_found > 0, Job.step.in_(("looking", "linking")))
    query = select(Job).where(Job.kind.in_(_OF_VIDEOS), began if keep else true())
    marked = False
    for part in batches(list(job_ids), 500):
        for job in session.scalars(query.where(Job.id.in_(part)), execution_options={"populate_existing": True}):
            job.params = {**job.params, _MARK: KEEP if keep else DISCARD}
            marked = True
    return marked


def settle(context: Context) -> int:
    """Does what people chose for the jobs that they cancelled; safe when several do it at once, and after a kill.

    Returns:
        How many jobs it was done for.
    """
    marked = Job.params[_MARK].as_string()
    waiting = select(Job.id, marked).where(Job.state == JobState.CANCELLED, marked.is_not(None))
    with context.database.session() as session:
        found = session.execute(waiting).all()
    done = 0
    for job_id, choice in found:
        try:
            (_keep if choice == KEEP else _discard)(context, job_id)
            done += 1
        except JobLostError:
            continue  # it was tried again, or somebody else did this
    return done


class _Stopped:
    """Holds a cancelled job for as long as nobody tries it again."""

    def __init__(self, job: Job) -> None:
        self.job_id = job.id
        self.params: dict[str, Any] = dict(job.params)

    def check(self) -> None:
        """Nobody can stop this."""

    def fence(self, session: Session) -> None:
        """Raises where the job is no longer as it was.

        Raises:
            JobLostError: It was tried again, deleted, or settled.
        """
        job = session.get(Job, self.job_id, populate_existing=True, with_for_update=True)
        if job is None or job.state != JobState.CANCELLED or _MARK not in job.params:
            raise JobLostError("The job was tried again.")

    def done(self, session: Session) -> None:
        """Takes the mark away."""
        left = {name: value for name, value in self.params.items() if name != _MARK}
        session.execute(update(Job).where(Job.id == self.job_id).values(params=left))


def _keep(context: Context, job_id: str) -> None:
    """Links the tracks of what is there, and says on the video that it is not all."""
    with context.database.session() as session:
        job = job_rows.get(session, job_id)
    if job is None:
        return
    owner = _Stopped(job)
    stills = False
    if job.video_id is not None:
        with context.database.session() as session:
            video = video_rows.get(session, job.video_id)
        stills = video is not None and video.media_kind == MediaKind.PICTURES
        (link_pictures if stills else link_tracks)(context, owner, job.video_id)
    with context.database.write() as session:
        owner.fence(session)
        if job.video_id is not None:
            ended: dict[str, object] = {
                "interval": None if stills else job.params.get("interval"),
                "sampling": None if stills else Sampling(job.params.get("sampling") or Sampling.INTERVAL),
                "frames_sampled": int(job.done),
                "warning": _warning(job),
                "processed_at": utc_now(),
            }
            session.execute(update(Video).where(Video.id == job.video_id).values(**ended))
            for child in job_rows.children_of(session, job_id):
                child.params = {**child.params, "hidden": False}
        owner.done(session)
    logger.info("findings of a cancelled job kept", extra={"job_id": job_id})


def _warning(job: Job) -> str:
    if not job.total:
        return "Only a part was looked at: the work was cancelled."
    share = min(max(round(100 * job.done / job.total), 1), 99)
    return f"Only about {share} % was looked at: the work was cancelled."


def _discard(context: Context, job_id: str) -> None:
    """Removes what the job found; the video too if this job brought it and nothing else refers to it."""
    with context.database.write() as session:
        job = job_rows.get(session, job_id)
        if job is None:
            return
        owner = _Stopped(job)
        owner.fence(session)
        video = video_rows.get(session, job.video_id) if job.video_id is not None else None
        owner.params.pop("hidden", None)
        hidden = bool(job.params.get("hidden"))
        keys = findings.remove_hidden(session, video.id) if video is not None else []
        findings.forget_segments(session, job_id)
        job.next_sample, job.done, job.faces_found = 0, 0.0, 0
        owner.done(session)
        brought = video is not None and not hidden and _brought(session, job, video)
        if video is not None and not hidden:
            video_rows.delete_findings(session, video.id)
            if brought:
                job.video_id, job.note = None, f"{video.title}: removed with all that was found in it."[:1000]
                session.flush()
                video_rows.remove(session, video.id)
            people_rows.delete_empty(session)
            people_rows.choose_covers(session)
            decisions.forget_questions(session)
    # Rows first: a crash in between leaves files that nothing points to, never rows that point to nothing
    for key in keys:
        context.blobs.delete(key)
    if video is not None and brought:
        remove_files(context, video.id, video.blob_key)
    elif video is not None and not hidden:
        context.blobs.delete_tree(f"faces/{video.id}")
    logger.info("findings of a cancelled job removed", extra={"job_id": job_id})


def _brought(session: Session, job: Job, video: Video) -> bool:
    """Whether the video is here because of this job alone."""
    others = select(Job.id).where(Job.video_id == video.id, Job.id != job.id, Job.parent_id.is_(None)).limit(1)
    return session.scalar(others) is None and len(source_rows.for_video(session, video.id)) <= 1
