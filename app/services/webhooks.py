"""Sends what ``webhook_messages.py`` filed; docs/webhooks.md describes it for those who receive.

A message is sent right after the end of the job by the process that ended it, and again by the scheduler until it
arrives or time is up.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time
from datetime import timedelta
from urllib.parse import urlsplit

from app.errors import AppError, ForbiddenAddressError
from app.media.post import post_json
from app.models import WebhookDelivery, utc_now
from app.services.context import Context
from app.storage import webhooks as rows

logger = logging.getLogger(__name__)

WAITS = (10.0, 60.0, 300.0, 1800.0, 7200.0)  # seconds before each further try
TAKEN_SECONDS = 60.0  # longer than any try takes
ROUND_SECONDS = 30.0  # then whoever sends has other work to do; the next round is soon
KEPT_DAYS = 7
_sending = threading.Lock()


def deliver_due(context: Context) -> int:
    """Sends the messages that are due, one after the other.

    Returns:
        How many arrived.
    """
    arrived = 0
    until = time.monotonic() + ROUND_SECONDS
    while not context.stopping.is_set() and time.monotonic() < until:
        with context.database.session() as session:
            if not rows.is_due(session, utc_now()):
                break
        with context.database.write() as session:
            delivery = rows.take_due(session, utc_now(), TAKEN_SECONDS)
        if delivery is None:
            break
        arrived += _try(context, delivery)
    return arrived


def deliver_soon(context: Context) -> None:
    """Sends what is due from a thread of its own: a receiver that is slow must not hold up the next job."""
    with context.database.session() as session:
        due = rows.is_due(session, utc_now())
    if due and not _sending.locked():
        threading.Thread(target=_deliver_alone, args=(context,), name="webhooks", daemon=True).start()


def expire(context: Context) -> int:
    """Removes messages that arrived or were given up a week ago; for the scheduler."""
    with context.database.write() as session:
        return rows.forget_before(session, utc_now() - timedelta(days=KEPT_DAYS))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 over ``timestamp.body``, as ``v1=`` and 64 hexadecimal digits."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def _deliver_alone(context: Context) -> None:
    with _sending:
        try:
            deliver_due(context)
        except Exception:  # nobody waits for this thread; the scheduler sends what is left
            logger.warning("messages not sent, the scheduler will do it", exc_info=True)


def _try(context: Context, delivery: WebhookDelivery) -> bool:
    try:
        _send(context, delivery)
    except AppError as error:
        _note_failure(context, delivery, error)
        return False
    with context.database.write() as session:
        rows.delivered(session, delivery.id, utc_now())
    return True


def _send(context: Context, delivery: WebhookDelivery) -> None:
    settings = context.settings
    body = json.dumps(delivery.body, separators=(",", ":"), ensure_ascii=False).encode()
    timestamp = str(int(utc_now().timestamp()))
    headers = {"X-Faaaaaces-Id": delivery.id, "X-Faaaaaces-Timestamp": timestamp}
    if settings.webhook_secret:
        headers["X-Faaaaaces-Signature"] = signature(settings.webhook_secret, timestamp, body)
    allowed = list(settings.allowed_fetch_hosts)
    if delivery.url == settings.webhook_url:
        # whoever runs the server chose this one, and may mean a program in the same network
        allowed.append(urlsplit(delivery.url).hostname or "")
    post_json(delivery.url, body, headers, allowed_hosts=allowed)


def _note_failure(context: Context, delivery: WebhookDelivery, error: AppError) -> None:
    tried = delivery.attempts + 1
    hopeless = isinstance(error, ForbiddenAddressError)
    wait = WAITS[tried - 1] if tried <= len(WAITS) and not hopeless else None
    logger.info("message not delivered", extra={"delivery_id": delivery.id, "attempts": tried, "again": wait})
    with context.database.write() as session:
        now = utc_now()
        rows.failed(session, delivery.id, error.message, now + timedelta(seconds=wait) if wait is not None else None)
        # a receiver that is away must not hold up those of others, each message waiting for it in turn
        rows.postpone(session, delivery.url, now, now + timedelta(seconds=WAITS[0]))
