"""Which store an address stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.errors import ConfigError
from app.storage.blobs.folders import FolderStore
from app.storage.blobs.keys import AREAS
from app.storage.blobs.store import BlobStore
from app.storage.blobs.temp import TempFiles

HINT = "Use file:///folder or s3://bucket/prefix, or leave it empty."


@dataclass(frozen=True)
class BlobPlaces:
    """Where blobs are kept.

    Attributes:
        uploads: Folder of the videos, where no address is given.
        faces: Folder of the face crops, and in it of the thumbnails, where no address is given.
        exports: Folder of the exports, where no address is given.
        temp: Folder for files that are not yet anything.
        address: ``file:///folder``, ``s3://bucket/prefix`` or ``None``.
        endpoint: Address of an S3 service other than Amazon's.
        key_id: Access key of the bucket.
        secret: Its secret.
        token: Goes with a key that is good for a while only.
        region: Region of the bucket.
        cache_bytes: How much copies of the bucket's blobs may take on this machine.
    """

    uploads: Path
    faces: Path
    exports: Path
    temp: Path
    address: str | None = None
    endpoint: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    region: str | None = None
    cache_bytes: int = 0


def open_store(places: BlobPlaces) -> BlobStore:
    """Opens the store; connects to nothing yet.

    Raises:
        ConfigError: The address is of a kind that is not supported.
    """
    temp = TempFiles(places.temp)
    if places.address is None:
        folders = {
            "videos": places.uploads,
            "faces": places.faces,
            "thumbnails": places.faces / "thumbnails",
            "exports": places.exports,
        }
        return FolderStore(folders, temp)
    parts = urlsplit(places.address)
    if parts.scheme == "file":
        return FolderStore({area: _folder(parts.netloc, parts.path) / area for area in AREAS}, temp)
    if parts.scheme == "s3":
        # costs every process a second and 40 MB
        from app.storage.blobs.bucket import Bucket  # noqa: PLC0415
        from app.storage.blobs.cache import LocalCopies  # noqa: PLC0415
        from app.storage.blobs.s3 import S3Store  # noqa: PLC0415

        name, prefix = _bucket(parts.netloc, parts.path)
        bucket = Bucket(
            name, prefix, _endpoint(places.endpoint), places.key_id, places.secret, places.token, places.region
        )
        return S3Store(bucket, temp, LocalCopies(places.temp / "cache", places.cache_bytes))
    raise ConfigError(f"BLOB_STORE is not an address of a store. {HINT}")


def _folder(host: str, path: str) -> Path:
    folder = Path(unquote(path))
    if host not in ("", "localhost") or not folder.is_absolute() or folder == Path("/"):
        raise ConfigError(f"BLOB_STORE does not name a folder of this machine. {HINT}")
    return folder


def _bucket(name: str, path: str) -> tuple[str, str]:
    prefix = unquote(path).strip("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise ConfigError(f"BLOB_STORE does not name a bucket. {HINT}")
    if (prefix and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._/-]*", prefix)) or "//" in prefix or ".." in prefix:
        raise ConfigError("The prefix in BLOB_STORE may hold letters, digits, dots, dashes and slashes only.")
    return name, prefix


def _endpoint(address: str | None) -> str | None:
    if address is None:
        return None
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("BLOB_STORE_ENDPOINT must be the address of an S3 service, such as http://minio:9000.")
    return address
