"""Rows of uploads that may be interrupted and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.models import Upload
from app.storage.rows import run


def get(session: Session, upload_id: str) -> Upload | None:
    """The upload, fresh from the database, or ``None``."""
    return session.get(Upload, upload_id, populate_existing=True)


def change(session: Session, upload_id: str, **values: object) -> None:
    """Sets columns of the row; one that is gone is fine."""
    run(session, update(Upload).where(Upload.id == upload_id).values(**values))


def unfinished(session: Session, limit: int) -> Sequence[Upload]:
    """Uploads of which bytes are still missing, or that wait to be filed; the newest first."""
    rows = select(Upload).where(Upload.finished_at.is_(None)).order_by(Upload.created_at.desc(), Upload.id)
    return session.scalars(rows.limit(limit)).all()


def expired(session: Session, now: datetime) -> Sequence[str]:
    """Ids of the uploads whose time has run out, finished or not."""
    return session.scalars(select(Upload.id).where(Upload.expires_at < now).order_by(Upload.expires_at)).all()


def complete(session: Session) -> Sequence[str]:
    """Ids of the uploads whose size is known and that are not filed yet."""
    return session.scalars(select(Upload.id).where(Upload.finished_at.is_(None), Upload.size.is_not(None))).all()


def is_known(session: Session, upload_id: str) -> bool:
    """True when there is a row of this id."""
    return session.scalar(select(Upload.id).where(Upload.id == upload_id)) is not None


def remove(session: Session, upload_id: str) -> bool:
    """Deletes the row; False when there was none."""
    return run(session, delete(Upload).where(Upload.id == upload_id)) == 1
