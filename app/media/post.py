"""Sends a small message to an address that a stranger gave, through the same guard as everything that is fetched."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping

from urllib3 import Timeout

from app.errors import FetchError
from app.media.addresses import Guard, parse_address
from app.media.connections import GuardedPoolManager, tls_context
from app.media.fetch_errors import plain_words

MAX_ANSWER_BYTES = 64 * 1024
_HEADERS = {"User-Agent": "FAAAAACES", "Content-Type": "application/json", "Accept-Encoding": "identity"}


def post_json(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed_hosts: Iterable[str] = (),
    timeout: float = 10.0,
    max_seconds: float = 15.0,
    tls: ssl.SSLContext | None = None,
) -> int:
    """Posts JSON to a public address. Redirects are not followed: a message goes where it was asked for or nowhere.

    Args:
        url: ``http`` or ``https``.
        body: The message.
        headers: Sent beside the usual ones.
        allowed_hosts: Hosts that may be private.
        timeout: Seconds to wait for the connection and for each piece of the answer.
        max_seconds: Seconds for the whole.
        tls: Which certificates count; the well-known authorities' when ``None``.

    Returns:
        The status of the answer, 200 to 299.

    Raises:
        ForbiddenAddressError: The address is not public.
        FetchError: There was no such answer; the message says why, ``retryable`` whether it may work later.
    """
    with (
        Guard(allowed_hosts, max_seconds, timeout) as guard,
        GuardedPoolManager(guard, retries=False, ssl_context=tls or tls_context()) as pool,
    ):
        target = str(parse_address(url))
        with plain_words(target, guard):
            response = pool.request(
                "POST",
                target,
                body=body,
                headers={**_HEADERS, **headers},
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=timeout, read=timeout),
            )
            try:
                # a receiver hears that its answer was read; what it says beyond its status is of no interest
                response.read(MAX_ANSWER_BYTES)
            finally:
                response.close()
        if guard.expired:
            raise FetchError("The receiver did not answer in time.", retryable=True)
        if not 200 <= response.status < 300:
            raise _refusal(response.status)
        return int(response.status)


def _refusal(status: int) -> FetchError:
    if 300 <= status < 400:
        return FetchError(f"The receiver sends us elsewhere (status {status}); that is not followed.")
    retryable = status >= 500 or status in (408, 425, 429)
    return FetchError(f"The receiver answered with status {status}.", retryable=retryable)
