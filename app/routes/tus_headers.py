"""Reads the headers of the tus protocol."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from flask import Request

from app.errors import InvalidInputError
from app.routes.api.bodies import read_options
from app.routes.tus_metadata import decode, read_metadata
from app.services.resumable import Checksum, Wishes

ALGORITHMS = ("sha1", "sha256", "md5")
MAX_LENGTH_DIGITS = 18
_BATCH = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


def read_number(request: Request, name: str) -> int | None:
    """A header that holds a number of bytes; ``None`` where it is missing.

    Raises:
        InvalidInputError: It is no whole number of zero or more.
    """
    text = request.headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_LENGTH_DIGITS):
        raise InvalidInputError(f"{name} must be a number of bytes, such as 1000.")
    return int(text)


def read_size(request: Request) -> int | None:
    """``Upload-Length`` of a new upload; ``None`` where ``Upload-Defer-Length`` promises it for later.

    Raises:
        InvalidInputError: There is neither, or both.
    """
    size, deferred = read_number(request, "Upload-Length"), request.headers.get("Upload-Defer-Length")
    if deferred not in (None, "1"):
        raise InvalidInputError("Upload-Defer-Length can only be 1.")
    if (size is None) == (deferred is None):
        raise InvalidInputError("Send either Upload-Length, or Upload-Defer-Length: 1.")
    return size


def read_checksum(request: Request) -> Checksum | None:
    """``Upload-Checksum``; ``None`` where it is missing.

    Raises:
        InvalidInputError: It is malformed, or by an algorithm that is not offered.
    """
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidInputError(f"Upload-Checksum can be by {', '.join(ALGORITHMS)}.")
    # Against faults on the way, not against forgers; the protocol demands these algorithms.
    state = hashlib.new(algorithm, usedforsecurity=False)
    digest = decode(encoded.strip())
    if digest is None or len(digest) != state.digest_size:
        raise InvalidInputError(f"Upload-Checksum must be the word {algorithm}, a blank and the digest in Base64.")
    return Checksum(state, digest)


def read_wishes(request: Request) -> Wishes:
    """``Upload-Metadata``: ``filename``, ``interval``, ``sampling``, ``again`` and ``batch``; what else is in it is only kept.

    Raises:
        InvalidInputError: It is malformed, or one of these cannot be used.
    """
    text = request.headers.get("Upload-Metadata", "")
    values = read_metadata(text)
    batch = values.get("batch") or None
    if batch is not None and _BATCH.fullmatch(batch) is None:
        raise InvalidInputError("The batch must be up to 32 letters, digits, _ and -.")
    return Wishes(
        file_name=values.get("filename") or values.get("name") or "video",
        options=replace(read_options(values), batch_id=batch),
        metadata_text=text,
    )
