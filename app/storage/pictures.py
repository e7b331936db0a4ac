"""The stills of sets of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.models import Picture
from app.storage.rows import batches, run


def replace_all(session: Session, video_id: int, rows: Iterable[dict[str, Any]]) -> None:
    """Puts the stills of a set in place; what was there goes.

    Args:
        session: A writing session.
        video_id: The set.
        rows: Columns of :class:`app.models.Picture` without ``video_id`` and ``number``, in order.
    """
    run(session, delete(Picture).where(Picture.video_id == video_id))
    numbered = [{**row, "video_id": video_id, "number": number} for number, row in enumerate(rows)]
    for part in batches(numbered, 500):
        session.execute(insert(Picture), part)


def of_video(session: Session, video_id: int, *, first: int = 0, limit: int | None = None) -> list[Picture]:
    """The stills of a set from a number on, in order."""
    statement = select(Picture).where(Picture.video_id == video_id, Picture.number >= first).order_by(Picture.number)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count(session: Session, video_id: int, *, broken: bool = False) -> int:
    """How many stills a set has, or how many of them cannot be read."""
    statement = select(func.count(Picture.id)).where(Picture.video_id == video_id)
    return session.scalar(statement.where(Picture.error.is_not(None)) if broken else statement) or 0


def get(session: Session, video_id: int, number: int) -> Picture | None:
    """One still, or ``None``."""
    return session.scalar(select(Picture).where(Picture.video_id == video_id, Picture.number == number))


def change(session: Session, pictures: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Changes columns of some stills.

    Args:
        session: A writing session.
        pictures: Ids, each with its new values.
    """
    for picture_id, values in pictures:
        run(session, update(Picture).where(Picture.id == picture_id).values(**values))
