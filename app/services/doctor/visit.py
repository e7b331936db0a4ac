"""What every step of the doctor needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.models import Job
from app.services.context import Context
from app.services.doctor.report import Report
from app.storage.blobs import BlobInfo
from app.storage.jobs import UNFINISHED

YOUNG_SECONDS = 3600.0  # what is younger may belong to work that goes on at this moment


class _TakenBack(Exception):  # noqa: N818 - no error: it ends a dry run's transaction
    pass


@dataclass(frozen=True)
class Visit:
    """One examination.

    Attributes:
        context: The context.
        report: Where findings are noted.
        now: When it began.
        force: Goes on also where so many files are unknown or missing that the database may be the wrong one.
    """

    context: Context
    report: Report
    now: datetime
    force: bool = False

    @property
    def repairs(self) -> bool:
        """False in a dry run."""
        return not self.report.dry_run

    @contextmanager
    def changes(self) -> Iterator[Session]:
        """A session whose changes stay, but for a dry run, in which they are taken back."""
        try:
            with self.context.database.write() as session:
                yield session
                if not self.repairs:
                    raise _TakenBack
        except _TakenBack:
            pass

    def is_young(self, modified: float) -> bool:
        """True for what may belong to work that goes on."""
        return modified > self.now.timestamp() - YOUNG_SECONDS

    def busy_videos(self) -> set[int]:
        """Videos with a job that has not ended."""
        with self.context.database.session() as session:
            found = session.scalars(select(Job.video_id).where(Job.state.in_(UNFINISHED), Job.video_id.is_not(None)))
            return {video_id for video_id in found if video_id is not None}

    def is_busy(self, video_id: int) -> bool:
        """True for a video with a job that has not ended."""
        with self.context.database.session() as session:
            waits = select(Job.id).where(Job.state.in_(UNFINISHED), Job.video_id == video_id)
            return session.scalar(waits.limit(1)) is not None

    def remove(self, blob: BlobInfo) -> None:
        """Deletes a blob, unless somebody wrote it anew since it was listed."""
        if self.repairs:
            with suppress(NotFoundError):
                if self.context.blobs.info(blob.key).etag == blob.etag:
                    self.context.blobs.delete(blob.key)
