"""Blobs in folders of this machine. The one guardian of paths: nothing else joins names to folders."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from app.errors import InvalidInputError, NotFoundError, StorageError
from app.storage.blobs.keys import check_area, check_key
from app.storage.blobs.store import BlobInfo, BlobStore
from app.storage.blobs.temp import PREFIX, TempFiles, remove_old
from app.storage.disk import disk_full_said

INCOMING = ".incoming"  # starts with a dot, so no key can reach it
GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FolderStore(BlobStore):
    """Blobs as files in folders, one for each area. The folders are made where they are missing.

    Args:
        folders: For each area its folder.
        temp: Files that are not yet anything.
    """

    def __init__(self, folders: Mapping[str, Path], temp: TempFiles) -> None:
        super().__init__(temp)
        self._areas = dict(folders)
        for folder in self._areas.values():
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def places(self) -> tuple[Path, ...]:
        """See :attr:`BlobStore.places`."""
        return (*super().places, *self._areas.values())

    def check(self) -> None:
        """See :meth:`BlobStore.check`."""
        for folder in self._areas.values():
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise StorageError("A folder of the library is missing or cannot be written to.")

    def path(self, key: str) -> Path:
        """Where the blob of a key lies or would lie.

        Raises:
            InvalidInputError: The key is malformed, or a link leads it out of its area.
        """
        area, *rest = check_key(key)
        root = self._areas[area]
        path = root.joinpath(*rest)
        if not path.resolve().is_relative_to(root.resolve()):
            raise InvalidInputError("This key leads out of the library.")
        return path

    def local_path(self, key: str) -> Path | None:
        """See :meth:`BlobStore.local_path`."""
        return self.path(key)

    def info(self, key: str) -> BlobInfo:
        """See :meth:`BlobStore.info`."""
        with self.open(key) as stream:
            return _info(key, os.fstat(stream.fileno()))

    def open(self, key: str, known: BlobInfo | None = None) -> BinaryIO:
        """See :meth:`BlobStore.open`."""
        try:
            return self.path(key).open("rb")
        except GONE as error:
            raise NotFoundError("The file is no longer there.") from error

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """See :meth:`BlobStore.write`."""
        target = self.path(key)
        with disk_full_said(), self._incoming(key) as (stream, temporary):
            stream.write(data)
            _finish(stream, durable=durable)
            _replace(temporary, target)

    def adopt(self, source: Path, key: str) -> None:
        """See :meth:`BlobStore.adopt`; also from another file system."""
        target = self.path(key)
        try:
            with disk_full_said(), source.open("rb") as stream:
                os.fsync(stream.fileno())
                _replace(source, target)
        except FileNotFoundError as error:
            raise NotFoundError("The file that was to be stored is no longer there.") from error
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self.copy(source, key)
            source.unlink(missing_ok=True)

    def copy(self, source: Path, key: str) -> None:
        """See :meth:`BlobStore.copy`."""
        target = self.path(key)
        try:
            original = source.open("rb")
        except FileNotFoundError as error:
            raise NotFoundError("The file that was to be stored is not there.") from error
        with disk_full_said(), original, self._incoming(key) as (stream, temporary):
            shutil.copyfileobj(original, stream, 1 << 20)
            _finish(stream, durable=True)
            _replace(temporary, target)

    def delete(self, key: str) -> None:
        """See :meth:`BlobStore.delete`."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.path(key).unlink()

    def delete_tree(self, prefix: str) -> None:
        """See :meth:`BlobStore.delete_tree`."""
        path = self.path(prefix)
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def list(self, area: str) -> Iterator[BlobInfo]:
        """See :meth:`BlobStore.list`. Links are not followed; other areas' folders inside this one are left out."""
        return self._walk(check_area(area), self._areas[area])

    def list_folder(self, prefix: str) -> Iterator[BlobInfo]:
        """See :meth:`BlobStore.list_folder`."""
        return self._walk(prefix.split("/", 1)[0], self.path(prefix))

    def _walk(self, area: str, top: Path) -> Iterator[BlobInfo]:
        root = self._areas[area]
        others = {folder for name, folder in self._areas.items() if name != area}
        for place, names, files in os.walk(top):
            folder = Path(place)
            names[:] = [name for name in names if not name.startswith(".") and folder / name not in others]
            for name in files:
                path = folder / name
                with contextlib.suppress(FileNotFoundError):
                    if not name.startswith("."):
                        yield _info(f"{area}/{path.relative_to(root).as_posix()}", path.lstat())

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        """See :meth:`BlobStore.local_copy`: the blob itself."""
        path = self.path(key)
        if not path.is_file():
            raise NotFoundError("The file is no longer there.")
        yield path

    def url(self, key: str, expires: float, *, content_type: str, download_name: str | None = None) -> str | None:
        """See :meth:`BlobStore.url`: there is none."""
        return None

    @contextlib.contextmanager
    def arriving(self, source: Path, file_name: str) -> Iterator[_Moving]:
        """See :meth:`BlobStore.arriving`."""
        moving = _Moving(self, source, file_name)
        try:
            yield moving
        except BaseException:
            moving.go_back()
            raise

    def clean_temp(self, max_age_seconds: float) -> int:
        """See :meth:`BlobStore.clean_temp`; among them what a killed write left in the areas."""
        return remove_old(self.leftovers(), max_age_seconds)

    def leftovers(self) -> Iterator[Path]:
        """See :meth:`BlobStore.leftovers`."""
        yield from super().leftovers()
        for root in self._areas.values():
            yield from (root / INCOMING).glob(f"{PREFIX}*")

    @contextlib.contextmanager
    def _incoming(self, key: str) -> Iterator[tuple[BinaryIO, Path]]:
        # In the area itself, because a file can only be put in place at once within one file system.
        folder = self._areas[key.split("/", 1)[0]] / INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream, temporary
        finally:
            temporary.unlink(missing_ok=True)


class _Moving:
    """An arrival by renaming, which is quick enough for a transaction."""

    def __init__(self, store: FolderStore, source: Path, file_name: str) -> None:
        self._store = store
        self._source = source
        self._file_name = file_name
        self._key: str | None = None

    def keep(self, video_id: int) -> str:
        key = f"videos/{video_id}/{self._file_name}"
        self._store.adopt(self._source, key)
        self._key = key
        return key

    def go_back(self) -> None:
        """The row was not written, so the bytes go back."""
        if self._key is not None and not self._source.exists():
            with contextlib.suppress(FileNotFoundError):
                shutil.move(self._store.path(self._key), self._source)


def _info(key: str, status: os.stat_result) -> BlobInfo:
    return BlobInfo(key, status.st_size, status.st_mtime, f"{status.st_mtime_ns:x}-{status.st_size:x}")


def _finish(stream: BinaryIO, *, durable: bool) -> None:
    stream.flush()
    if durable:
        os.fsync(stream.fileno())


def _replace(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)  # noqa: PTH105 - says what it does: Path.replace is the same call
