"""One attempt at a job: its lease, its progress, its checkpoint."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from sqlalchemy.orm import Session

from app.domain import JobKind, QueueName
from app.errors import WorkerStoppingError
from app.models import Job
from app.services.context import Context
from app.services.job_log import log
from app.services.leases import LeaseKeeper
from app.services.outcomes import Outcome
from app.storage import jobs as job_rows

LEASE_SECONDS = 60.0
BEAT_SECONDS = 10.0
LOOK_SECONDS = 0.5  # a person who cancels or pauses waits for this, and for the piece of work in hand
REPORT_SECONDS = 0.5
SPEED_WINDOW_SECONDS = 20.0
SUM_SECONDS = 1.0  # between two sums of a video's segments


class JobRun:
    """An attempt that owns a job. Use as a context manager: a thread renews the lease while the block runs.

    Every write goes through :meth:`fence` or :meth:`checkpoint`, so an attempt that was given up for dead cannot
    write beside the one that replaced it.

    Attributes:
        job_id: The job.
        kind: What it does.
        queue: The queue that it was taken from.
        parent_id: The job whose segment it is, if it is one.
        video_id: The video that it works on, if any.
        params: What was asked for, such as ``interval`` in seconds.
        next_sample: The checkpoint; samples below it are stored.
        done: Units of work done: frames, or bytes while downloading.
        note: A remark for the user on a success.
        left: How the attempt ended, where it ended before its work was done.
    """

    def __init__(self, context: Context, job: Job, token: str) -> None:
        self.job_id = job.id
        self.kind = JobKind(job.kind)
        self.queue = QueueName(job.queue)
        self.parent_id = job.parent_id
        self.video_id = job.video_id
        self.params: dict[str, Any] = dict(job.params)
        self.next_sample = job.next_sample
        self.done = job.done
        self.note: str | None = None
        self.left: Outcome | None = None
        self._context = context
        self._token = token
        self._faces = job.faces_found
        self._total = job.total
        self._recent: deque[tuple[float, float]] = deque([(time.monotonic(), job.done)])
        self._last_report = 0.0
        self._summed = (job.done, 0.0)  # done, and when: what the whole was last told of this segment
        self._keeper = LeaseKeeper(
            self._renew, BEAT_SECONDS, f"lease-{job.id[:8]}", look=self._look, look_every=LOOK_SECONDS
        )

    def __enter__(self) -> JobRun:
        self._keeper.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.__exit__(kind, error, trace)

    @property
    def token(self) -> str:
        """The token that fences this attempt's writes."""
        return self._token

    def check(self) -> None:
        """Call between pieces of work.

        Raises:
            JobLostError: Another attempt took over, or the job was deleted.
            JobCancelledError: A person cancelled the job.
            JobPausedError: A person paused the job.
            WorkerStoppingError: This process was told to stop.
        """
        self._keeper.check()
        if self._context.stopping.is_set():
            raise WorkerStoppingError("This worker stops; the job goes on with the next one.")

    def fence(self, session: Session) -> None:
        """Makes sure, within a writing transaction, that this attempt still owns the job.

        Raises:
            JobLostError: Another attempt took over, or the job was deleted.
            JobCancelledError: A person cancelled the job.
            JobPausedError: A person paused the job.
        """
        job_rows.heartbeat(session, self.job_id, self._token, LEASE_SECONDS)

    def checkpoint(self, session: Session, *, next_sample: int, done: float, new_faces: int) -> None:
        """Records stored work in the transaction that stores it.

        Args:
            session: The writing session.
            next_sample: First sample that is not stored.
            done: Frames done.
            new_faces: Faces stored with this checkpoint.

        Raises:
            JobLostError: Another attempt took over, or the job was deleted.
            JobCancelledError: A person cancelled the job.
            JobPausedError: A person paused the job.
        """
        progress = self._progress(done)
        progress["faces_found"] = self._faces + new_faces
        job_rows.checkpoint(session, self.job_id, self._token, next_sample, LEASE_SECONDS, **progress)
        self.next_sample, self._faces = next_sample, self._faces + new_faces

    def report(
        self, *, step: str | None = None, done: float | None = None, total: float | None = None, force: bool = False
    ) -> None:
        """Tells people how far the work is; called often, written at most twice a second.

        Args:
            step: What is being done now; a new step is always written.
            done: Units done.
            total: Units in all, where known.
            force: Write even when the last report is recent.
        """
        self._total = total if total is not None else self._total
        now = time.monotonic()
        if step is None and total is None and not force and now - self._last_report < REPORT_SECONDS:
            return
        self._last_report = now
        progress = self._progress(self.done if done is None else done)
        if step is not None:
            progress["step"] = step
        with self._context.database.write() as session:
            job_rows.report(session, self.job_id, self._token, LEASE_SECONDS, **progress)

    def log(self, message: str, level: str = "info") -> None:
        """Adds a line to the job's log.

        Args:
            message: A plain sentence without paths and secrets.
            level: ``info``, ``warning`` or ``error``.
        """
        with self._context.database.write() as session:
            log(session, self.job_id, message, level)

    def hand_over(self, session: Session, queue: QueueName) -> None:
        """Lets the job go on in another queue; return from the handler after the commit.

        Args:
            session: The writing session; what else it writes is committed with it or not at all.
            queue: Where the job waits now.

        Raises:
            JobLostError: Another attempt took over, or the job was deleted.
            JobCancelledError: A person cancelled the job.
            JobPausedError: A person paused the job.
        """
        job_rows.hand_over(session, self.job_id, self._token, queue)
        self.left = Outcome.HANDED_OVER

    def split(self, session: Session, params: Sequence[dict[str, Any]], totals: Sequence[float | None]) -> list[str]:
        """Cuts the job into segments that wait for workers; return from the handler after the commit.

        When the last of them has ended well, the job waits once more, to join what they found.

        Args:
            session: The writing session; what else it writes is committed with it or not at all.
            params: What each segment has to do, in order.
            totals: Units of work of each, where known.

        Returns:
            Ids of the segments, in order.

        Raises:
            JobLostError: Another attempt took over, or the job was deleted.
            JobCancelledError: A person cancelled the job.
            JobPausedError: A person paused the job.
        """
        job = session.get_one(Job, self.job_id, populate_existing=True)
        ids = job_rows.add_children(session, job, self._token, params, totals)
        self.left = Outcome.SPLIT
        return ids

    def set_total(self, total: float) -> None:
        """Sets the units in all, without writing yet."""
        self._total = total

    def restart_progress(self) -> None:
        """Begins to count another unit, such as frames after bytes."""
        self.done, self._total = 0.0, None
        self._recent = deque([(time.monotonic(), 0.0)])

    def _progress(self, done: float) -> job_rows.Progress:
        now = time.monotonic()
        self.done = done
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > SPEED_WINDOW_SECONDS:
            self._recent.popleft()
        since, before = self._recent[0]
        speed = (done - before) / (now - since) if now > since and done > before else None
        left = max(self._total - done, 0.0) / speed if speed and self._total is not None else None
        return {"done": done, "total": self._total, "speed": speed, "seconds_left": left}

    def _renew(self) -> None:
        with self._context.database.write() as session:
            self.fence(session)

    def _look(self) -> None:
        with self._context.database.session() as session:
            job_rows.look(session, self.job_id, self._token)
        done, now = self.done, time.monotonic()
        if self.parent_id is not None and self._summed[0] != done and now - self._summed[1] >= SUM_SECONDS:
            self._summed = (done, now)
            with self._context.database.write() as session:
                job_rows.refresh_parent(session, self.parent_id)
