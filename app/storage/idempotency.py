"""Keys of requests that must not be done twice, and the answers that they had."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.models import IdempotencyKey


def get(session: Session, key: str) -> IdempotencyKey | None:
    """What is known of a key, or ``None``."""
    return session.get(IdempotencyKey, key, populate_existing=True)


def add(session: Session, key: str, fingerprint: str, owner: str) -> None:
    """Files a request that is being worked on.

    Args:
        session: A writing session.
        key: The key that the caller chose.
        fingerprint: What tells this request from others.
        owner: The process that works on it; kept in the place of the answer until there is one.

    Raises:
        sqlalchemy.exc.IntegrityError: Somebody else filed the key in the same moment.
    """
    session.add(IdempotencyKey(key=key, fingerprint=fingerprint, body={"owner": owner}))
    session.flush()


def answer(session: Session, key: str, status: int, body: dict[str, Any] | None) -> None:
    """Keeps the answer."""
    session.execute(update(IdempotencyKey).where(IdempotencyKey.key == key).values(status=status, body=body))


def forget(session: Session, key: str) -> None:
    """Lets the key be used anew."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.key == key))


def forget_before(session: Session, moment: datetime) -> int:
    """Forgets all keys that are older; returns how many there were."""
    gone = session.scalars(
        delete(IdempotencyKey).where(IdempotencyKey.created_at < moment).returning(IdempotencyKey.key)
    )
    return len(gone.all())
