"""Whether browsers can fetch from an S3 service themselves."""

from __future__ import annotations

import contextlib
import ipaddress
from urllib.parse import urlsplit

AMAZON = "https://*.amazonaws.com"
PRIVATE_ENDINGS = (".local", ".internal", ".lan", ".localhost", ".home.arpa", ".svc", ".test")


def browser_origin(address: str | None, endpoint: str | None) -> str | None:
    """Where browsers may be sent for blobs, as a source for a Content-Security-Policy.

    Amazon's service is reached from everywhere, and so most likely is a full name under ``https``. ``http://minio:9000``,
    a number or a short name mean a service behind this server, whose blobs go through us; and a page that came by
    ``https`` may not load anything by ``http``.

    Args:
        address: Address of the store, or ``None``.
        endpoint: Address of an S3 service other than Amazon's.

    Returns:
        The source, or ``None`` where browsers get blobs from us alone.
    """
    if address is None or not address.startswith("s3://"):
        return None
    if endpoint is None:
        return AMAZON
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".")
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    if parts.scheme != "https" or "." not in host or host.endswith(PRIVATE_ENDINGS):
        return None
    return f"https://{host}" + (f":{parts.port}" if parts.port else "")
