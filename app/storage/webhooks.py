"""Messages to other programs: filed with what they tell of, sent afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.models import WebhookDelivery
from app.storage.jobs import new_id


def add(session: Session, url: str, event: str, body: dict[str, Any], *, now: datetime) -> None:
    """Files a message, to be sent as soon as possible.

    Args:
        session: The transaction in which the thing happens that the message tells of, so that neither is without the other.
        url: Where to.
        event: What happened, such as ``job.succeeded``.
        body: The message; the id of the delivery is put into it.
        now: The present moment.
    """
    delivery_id = new_id()
    message = {"id": delivery_id, "event": event, **body}
    session.add(WebhookDelivery(id=delivery_id, url=url, event=event, body=message, next_try_at=now, created_at=now))


def is_due(session: Session, now: datetime) -> bool:
    """Whether any message is due; spares everybody a writing transaction."""
    return session.scalar(select(WebhookDelivery.id).where(WebhookDelivery.next_try_at <= now).limit(1)) is not None


def take_due(session: Session, now: datetime, seconds: float) -> WebhookDelivery | None:
    """Takes the message that has waited longest; nobody else gets it for a while.

    Args:
        session: A writing session.
        now: The present moment.
        seconds: For how long; if whoever took it dies, it is due again afterwards.

    Returns:
        The message, or ``None`` where none is due.
    """
    due = WebhookDelivery.next_try_at
    query = select(WebhookDelivery).where(due <= now).order_by(due, WebhookDelivery.id).limit(1)
    found = session.scalar(query.with_for_update(skip_locked=True))
    if found is not None:
        found.next_try_at = now + timedelta(seconds=seconds)
        session.flush()
    return found


def delivered(session: Session, delivery_id: str, now: datetime) -> None:
    """Notes that the message has arrived."""
    done: dict[str, Any] = {"delivered_at": now, "next_try_at": None, "error": None}
    mine = WebhookDelivery.id == delivery_id
    session.execute(update(WebhookDelivery).where(mine).values(attempts=WebhookDelivery.attempts + 1, **done))


def failed(session: Session, delivery_id: str, error: str, next_try_at: datetime | None) -> None:
    """Notes a try that failed, and when the next one is; ``None`` gives the message up."""
    mine = WebhookDelivery.id == delivery_id
    session.execute(
        update(WebhookDelivery)
        .where(mine)
        .values(attempts=WebhookDelivery.attempts + 1, error=error, next_try_at=next_try_at)
    )


def postpone(session: Session, url: str, now: datetime, until: datetime) -> None:
    """Lets all messages that are due for an address wait; these tries do not count."""
    due = (WebhookDelivery.url == url, WebhookDelivery.next_try_at <= now)
    session.execute(update(WebhookDelivery).where(*due).values(next_try_at=until))


def forget_before(session: Session, moment: datetime) -> int:
    """Removes messages that are over and older; returns how many there were."""
    over = (WebhookDelivery.next_try_at.is_(None), WebhookDelivery.created_at < moment)
    return len(session.scalars(delete(WebhookDelivery).where(*over).returning(WebhookDelivery.id)).all())
