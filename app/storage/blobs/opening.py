"""Which store an address stands for."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    uploads: Path
    faces: Path
    exports: Path
    temp: Path
    address: str | None = None


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
    raise ConfigError(f"BLOB_STORE is not an address of a store. {HINT}")


def _folder(host: str, path: str) -> Path:
    folder = Path(unquote(path))
    if host not in ("", "localhost") or not folder.is_absolute() or folder == Path("/"):
        raise ConfigError(f"BLOB_STORE does not name a folder of this machine. {HINT}")
    return folder
