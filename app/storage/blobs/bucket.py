"""A place in a bucket, and the connection to it through fsspec."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import fsspec

SMALL_AT_ONCE = 16  # small blobs that are written side by side


@dataclass(frozen=True)
class Bucket:
    """A place in a bucket.

    Attributes:
        name: The bucket.
        prefix: Where in it the library lies, without slashes around; may be empty.
        endpoint: Address of the service; ``None`` for Amazon's.
        key_id: Access key; ``None``: as Amazon's own tools find it (environment, profile, role of the machine).
        secret: Its secret.
        token: Goes with a key that is good for a while only.
        region: Region of the bucket; ``None``: as Amazon's own tools find it.
    """

    name: str
    prefix: str = ""
    endpoint: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    region: str | None = None


def connect(bucket: Bucket) -> Any:
    """Fsspec's file system of the bucket's service; asks nothing of it yet."""
    config: dict[str, Any] = {
        "signature_version": "s3v4",
        "connect_timeout": 5,
        "read_timeout": 60,
        "max_pool_connections": 2 * SMALL_AT_ONCE,
        "retries": {"max_attempts": 3, "mode": "standard"},
    }
    if bucket.endpoint is not None:
        # services other than Amazon's need not know its newer checksums
        config |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    return fsspec.filesystem(
        "s3",
        key=bucket.key_id,
        secret=bucket.secret,
        token=bucket.token,
        endpoint_url=bucket.endpoint,
        client_kwargs={"region_name": bucket.region} if bucket.region else None,
        config_kwargs=config,
        # never an answer of yesterday, never the connection of another process
        use_listings_cache=False,
        skip_instance_cache=True,
    )
