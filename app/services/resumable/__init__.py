"""Uploads that may be interrupted and gone on with: by the sender, by the network, by a killed server.

The bytes on disk are the truth about how much has come; the row holds what else has to be known. Whoever writes holds
the lock of the file (:class:`app.storage.partial_files.PartialFile`), also while the complete file is filed.
"""

from app.services.resumable.ending import expire
from app.services.resumable.state import Checksum, Chunk, UploadState, Wishes
from app.services.resumable.taking import create_upload, look, receive, remove_upload, unfinished_uploads

__all__ = [
    "Checksum",
    "Chunk",
    "UploadState",
    "Wishes",
    "create_upload",
    "expire",
    "look",
    "receive",
    "remove_upload",
    "unfinished_uploads",
]
