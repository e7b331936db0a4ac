"""The pictures that somebody searches with: from bytes, from text, from an address."""

from __future__ import annotations

import base64
import binascii

from app.domain import Image
from app.errors import InvalidInputError, TooLargeError
from app.media.fetch import SafeFetcher
from app.pixels import decode_image
from app.services.context import Context
from app.services.inspection import max_pixels

MAX_BYTES = 32_000_000
FETCH_SECONDS = 30.0
READ_SECONDS = 10.0


def read_picture(context: Context, data: bytes) -> Image:
    """Decodes a picture.

    Returns:
        ``uint8`` (height, width, 3) RGB.

    Raises:
        TooLargeError: It has too many bytes or pixels.
        MediaError: It is no picture, or a damaged one.
    """
    if len(data) > MAX_BYTES:
        raise _too_large()
    return decode_image(data, max_pixels(context.settings))


def decode_base64(text: str) -> bytes:
    """Decodes base64, also as a ``data:`` address has it.

    Raises:
        InvalidInputError: It is not base64.
        TooLargeError: It is too long.
    """
    if text[:5].lower() == "data:":
        text = text.partition(",")[2]
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise _too_large()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("The picture is not valid base64.") from error


def fetch_picture(context: Context, url: str) -> bytes:
    """Fetches a picture from a public address.

    Raises:
        ForbiddenAddressError: The address, or one that it redirects to, is not public.
        FetchError: It cannot be fetched.
        TooLargeError: It has too many bytes.
    """
    fetcher = SafeFetcher(
        max_bytes=MAX_BYTES,
        allowed_hosts=context.settings.allowed_fetch_hosts,
        timeout=READ_SECONDS,
        max_seconds=FETCH_SECONDS,
    )
    return fetcher.read(url)


def _too_large() -> TooLargeError:
    return TooLargeError(f"A picture to search with may have {MAX_BYTES // 1_000_000} MB at most.", MAX_BYTES)
