"""Videos, pictures and exports of the library, under keys, in folders or in a bucket."""

from app.storage.blobs.browsers import browser_origin
from app.storage.blobs.folders import FolderStore
from app.storage.blobs.keys import check_key
from app.storage.blobs.opening import BlobPlaces, open_store
from app.storage.blobs.store import Arrival, BlobInfo, BlobStore
from app.storage.names import safe_file_name, safe_suffix

__all__ = [
    "Arrival",
    "BlobInfo",
    "BlobPlaces",
    "BlobStore",
    "FolderStore",
    "browser_origin",
    "check_key",
    "open_store",
    "safe_file_name",
    "safe_suffix",
]
