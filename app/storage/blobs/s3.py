"""Blobs in a bucket, by the S3 protocol, through fsspec."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from app.errors import NotFoundError, StorageError
from app.storage.blobs.browsers import browser_origin
from app.storage.blobs.bucket import SMALL_AT_ONCE, Bucket, connect
from app.storage.blobs.cache import LocalCopies
from app.storage.blobs.keys import check_area, check_key
from app.storage.blobs.s3_errors import NO_BUCKET, said_plainly
from app.storage.blobs.store import BlobInfo, BlobStore
from app.storage.blobs.temp import TempFiles

MIB = 1 << 20
PART_BYTES = 8 * MIB  # S3 takes 10,000 parts at most: 80 GB, beyond which parts grow
PARTS_AT_ONCE = 4  # of an upload or a download: 32 MiB in memory
STREAM_BYTES = 2 * MIB  # read at once while a player is served
MAX_PARTS = 9_000
PAGE_KEYS = 1000  # of a list; also the most that S3 deletes at once
NEW_PREFIX = "n-"


class S3Store(BlobStore):
    """Blobs as objects of a bucket.

    Args:
        bucket: Where.
        temp: Files that are not yet anything.
        copies: Copies of blobs on this machine, for those who need a file.
    """

    def __init__(self, bucket: Bucket, temp: TempFiles, copies: LocalCopies) -> None:
        super().__init__(temp)
        self._bucket = bucket
        self._copies = copies
        self._lock = threading.Lock()
        self._connected: tuple[int, Any] | None = None

    def check(self) -> None:
        """See :meth:`BlobStore.check`."""
        try:
            with said_plainly():
                self._files.call_s3("head_bucket", Bucket=self._bucket.name)
        except NotFoundError as error:
            raise StorageError(NO_BUCKET) from error

    def local_path(self, key: str) -> Path | None:
        """See :meth:`BlobStore.local_path`: there is none."""
        check_key(key)
        return None

    def info(self, key: str) -> BlobInfo:
        """See :meth:`BlobStore.info`."""
        name = self._name(key)
        with said_plainly():
            found = self._files.call_s3("head_object", Bucket=self._bucket.name, Key=name)
        return BlobInfo(key, int(found["ContentLength"]), found["LastModified"].timestamp(), _plain(found["ETag"]))

    def open(self, key: str, known: BlobInfo | None = None) -> BinaryIO:
        """See :meth:`BlobStore.open`."""
        return cast("BinaryIO", io.BufferedReader(_Stream(self, known or self.info(key)), STREAM_BYTES))

    def read(self, key: str) -> bytes:
        """See :meth:`BlobStore.read`."""
        name = self._name(key)
        with said_plainly():
            return cast("bytes", self._files.cat_file(f"{self._bucket.name}/{name}", max_concurrency=1))

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Bytes ``start`` to ``end`` (excluded) of a blob.

        Raises:
            NotFoundError: There is no such blob.
        """
        name = self._name(key)
        with said_plainly():
            return cast("bytes", self._files.cat_file(f"{self._bucket.name}/{name}", start=start, end=end))

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """See :meth:`BlobStore.write`."""
        self.write_many([(key, data)], durable=durable)

    def write_many(self, blobs: Iterable[tuple[str, bytes]], *, durable: bool = True) -> None:
        """See :meth:`BlobStore.write_many`."""
        named = {f"{self._bucket.name}/{self._name(key)}": data for key, data in blobs}
        if named:
            with said_plainly(NO_BUCKET):
                self._files.pipe(named, batch_size=SMALL_AT_ONCE)

    def adopt(self, source: Path, key: str) -> None:
        """See :meth:`BlobStore.adopt`."""
        self.copy(source, key)
        source.unlink(missing_ok=True)

    def copy(self, source: Path, key: str) -> None:
        """See :meth:`BlobStore.copy`; in parts, of which each is tried again where it fails."""
        name = self._name(key)
        if not source.is_file():
            raise NotFoundError("The file that was to be stored is not there.")
        part = max(PART_BYTES, -(-source.stat().st_size // MAX_PARTS))
        with said_plainly(NO_BUCKET):
            self._files.put_file(
                str(source), f"{self._bucket.name}/{name}", chunksize=part, max_concurrency=PARTS_AT_ONCE
            )

    def delete(self, key: str) -> None:
        """See :meth:`BlobStore.delete`."""
        name = self._name(key)
        with contextlib.suppress(NotFoundError), said_plainly():
            self._files.call_s3("delete_object", Bucket=self._bucket.name, Key=name)

    def delete_tree(self, prefix: str) -> None:
        """See :meth:`BlobStore.delete_tree`."""
        name = self._name(prefix)
        for page in self._pages(f"{name}/"):
            objects = [{"Key": found["Key"]} for found in page]
            with said_plainly():
                self._files.call_s3(
                    "delete_objects", Bucket=self._bucket.name, Delete={"Objects": objects, "Quiet": True}
                )
        self.delete(prefix)

    def list(self, area: str) -> Iterator[BlobInfo]:
        """See :meth:`BlobStore.list`; asks page by page, so that a large library needs no large memory."""
        return self._walk(f"{self._root()}{check_area(area)}/")

    def list_folder(self, prefix: str) -> Iterator[BlobInfo]:
        """See :meth:`BlobStore.list_folder`."""
        return self._walk(f"{self._name(prefix)}/")

    def _walk(self, prefix: str) -> Iterator[BlobInfo]:
        root = self._root()
        for page in self._pages(prefix):
            for found in page:
                key = str(found["Key"]).removeprefix(root)
                yield BlobInfo(key, int(found["Size"]), found["LastModified"].timestamp(), _plain(found["ETag"]))

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """See :meth:`BlobStore.local_copy`."""
        name = self._name(key)

        def download(target: Path) -> None:
            with said_plainly():
                self._files.get_file(
                    f"{self._bucket.name}/{name}", str(target), chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE
                )

        with self._copies.use(self.info(key), download) as path:
            yield path

    def url(self, key: str, expires: float, *, content_type: str, download_name: str | None = None) -> str | None:
        """See :meth:`BlobStore.url`."""
        name = self._name(key)
        if browser_origin("s3://", self._bucket.endpoint) is None:
            return None
        more = {"ResponseContentType": content_type}
        if download_name is not None:
            more["ResponseContentDisposition"] = _attachment(download_name)
        with said_plainly():
            return str(self._files.url(f"{self._bucket.name}/{name}", expires=int(expires), **more))

    @contextlib.contextmanager
    def arriving(self, source: Path, file_name: str) -> Iterator[_Uploaded]:
        """See :meth:`BlobStore.arriving`: the upload is over when the block begins.

        The video's id is not known by then, so the key holds a random name in its place.
        """
        uploaded = _Uploaded(f"videos/{NEW_PREFIX}{uuid.uuid4().hex}/{file_name}")
        self.copy(source, uploaded.key)
        try:
            yield uploaded
        except BaseException:
            with contextlib.suppress(StorageError):
                self.delete(uploaded.key)
            raise
        if uploaded.kept:
            source.unlink(missing_ok=True)
        else:
            self.delete(uploaded.key)

    def clean_temp(self, max_age_seconds: float) -> int:
        """See :meth:`BlobStore.clean_temp`."""
        return super().clean_temp(max_age_seconds) + self._copies.clean(max_age_seconds)

    def abort_uploads(self, before: float) -> int:
        """See :meth:`BlobStore.abort_uploads`: a killed process leaves parts that cost space unseen."""
        with said_plainly(NO_BUCKET):
            found = self._files.call_s3("list_multipart_uploads", Bucket=self._bucket.name, Prefix=self._root())
            old = [one for one in found.get("Uploads", []) if one["Initiated"].timestamp() < before]
            for one in old:
                self._files.call_s3(
                    "abort_multipart_upload", Bucket=self._bucket.name, Key=one["Key"], UploadId=one["UploadId"]
                )
        return len(old)

    def _pages(self, prefix: str) -> Iterator[Sequence[dict[str, Any]]]:
        more: dict[str, Any] = {"MaxKeys": PAGE_KEYS}
        while True:
            with said_plainly(NO_BUCKET):
                page = self._files.call_s3("list_objects_v2", Bucket=self._bucket.name, Prefix=prefix, **more)
            if page.get("Contents"):
                yield page["Contents"]
            if not page.get("IsTruncated"):
                return
            more["ContinuationToken"] = page["NextContinuationToken"]

    def _root(self) -> str:
        return f"{self._bucket.prefix}/" if self._bucket.prefix else ""

    def _name(self, key: str) -> str:
        check_key(key)
        return f"{self._root()}{key}"

    @property
    def _files(self) -> Any:
        # fsspec's event loop does not live on in a forked process, so each process makes its own
        with self._lock:
            if self._connected is None or self._connected[0] != os.getpid():
                self._connected = (os.getpid(), connect(self._bucket))
            return self._connected[1]


class _Uploaded:
    """An arrival whose upload is over."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.kept = False

    def keep(self, video_id: int) -> str:
        self.kept = True
        return self.key


class _Stream(io.RawIOBase):
    """Reads an object piece by piece; each piece is a request of its own, so a broken connection does no harm."""

    def __init__(self, store: S3Store, blob: BlobInfo) -> None:
        super().__init__()
        self._store = store
        self._blob = blob
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._blob.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._blob.size)
        if end <= self._place:
            return 0
        data = self._store.read_range(self._blob.key, self._place, end)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _attachment(name: str) -> str:
    """A Content-Disposition for a name in any script (RFC 6266)."""
    plain = "".join(char if char.isascii() and char not in '"\\%' else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _plain(etag: str) -> str:
    return etag.strip('"')
