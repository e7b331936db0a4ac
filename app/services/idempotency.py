"""Lets a caller repeat a request without its work being done twice.

A caller that does not know whether its request arrived sends it again under the same ``Idempotency-Key``. The first
one does the work and its answer is kept for a day; the others get that answer. Only good answers are kept: after any
other nothing was made, and the request may simply be tried anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import ConflictError, InvalidInputError, MisusedKeyError
from app.models import utc_now
from app.services.context import Context
from app.services.owners import current_owner, is_owner_alive
from app.storage import idempotency as rows

KEPT_HOURS = 24.0
# A process of another machine cannot be asked whether it still lives; no upload takes longer than this.
GIVEN_UP_HOURS = 6.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that an earlier request of the same key had.

    Attributes:
        status: HTTP status.
        body: The JSON that was answered, or ``None``.
    """

    status: int
    body: dict[str, Any] | None


def begin(context: Context, key: str, fingerprint: str) -> Replay | None:
    """Files a request under its key; of several at once one works.

    Args:
        context: The context.
        key: The key that the caller chose, 1 to 255 visible ASCII characters.
        fingerprint: What tells this request from others; for large uploads it need not cover the body.

    Returns:
        The earlier answer, or ``None``: this request is to be worked on, and :func:`finish` or :func:`abandon` follows.

    Raises:
        InvalidInputError: The key is no key.
        MisusedKeyError: The key belongs to another request.
        ConflictError: The same request is being worked on at this moment.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInputError("An Idempotency-Key has 1 to 255 visible ASCII characters.")
    try:
        with context.database.write() as session:
            return _begin(session, key, fingerprint)
    except IntegrityError as error:  # on Postgres both looked before either wrote
        raise _being_worked_on() from error


def finish(context: Context, key: str, status: int, body: dict[str, Any] | None) -> None:
    """Keeps a good answer."""
    with context.database.write() as session:
        rows.answer(session, key, status, body)


def abandon(context: Context, key: str) -> None:
    """Forgets a request that failed, so that it can be tried again."""
    with context.database.write() as session:
        rows.forget(session, key)


def expire(context: Context) -> int:
    """Forgets keys after a day; for the scheduler.

    Returns:
        How many were forgotten.
    """
    with context.database.write() as session:
        return rows.forget_before(session, utc_now() - timedelta(hours=KEPT_HOURS))


def _begin(session: Session, key: str, fingerprint: str) -> Replay | None:
    known = rows.get(session, key)
    if known is not None and known.created_at < utc_now() - timedelta(hours=KEPT_HOURS):
        rows.forget(session, key)
        known = None
    if known is None:
        rows.add(session, key, fingerprint, current_owner())
        return None
    if known.fingerprint != fingerprint:
        raise MisusedKeyError("This Idempotency-Key was used for another request. Choose a new one.")
    if known.status is not None:
        return Replay(known.status, known.body)
    owner = str((known.body or {}).get("owner", ""))
    if is_owner_alive(owner) and known.created_at > utc_now() - timedelta(hours=GIVEN_UP_HOURS):
        raise _being_worked_on()
    rows.forget(session, key)  # whoever worked on it is gone, and so is its answer
    rows.add(session, key, fingerprint, current_owner())
    return None


def _being_worked_on() -> ConflictError:
    return ConflictError("The same request is being worked on. Ask again in a moment.")
