"""What every store of blobs can do, wherever it keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import NotFoundError
from app.storage.blobs.temp import TempFiles, remove_file_or_folder


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """One blob.

    Attributes:
        key: Its key.
        size: Bytes.
        modified: When it was written, as seconds since 1970.
        etag: Changes when the bytes do.
    """

    key: str
    size: int
    modified: float
    etag: str


class Arrival(Protocol):
    """A finished file on its way into the library; see :meth:`BlobStore.arriving`."""

    def keep(self, video_id: int) -> str:
        """Makes it the file of a video; called within the transaction that files the video, hence quick.

        Returns:
            The key under which it lies.
        """


class BlobStore(ABC):
    """Files of the library, under keys such as ``videos/12/film.mp4``.

    All methods that take a key raise InvalidInputError where it is malformed, DiskFullError where the disk is full,
    and StorageError where the store cannot be reached.

    Attributes:
        temp: Files that are not yet anything; always on a disk of this machine.
    """

    def __init__(self, temp: TempFiles) -> None:
        self.temp = temp

    @property
    def places(self) -> tuple[Path, ...]:
        """Folders of this machine that bytes are written to."""
        return (self.temp.folder,)

    @abstractmethod
    def check(self) -> None:
        """Looks whether the store is there.

        Raises:
            StorageError: It is missing, closed to us or away.
        """

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """Where the blob lies or would lie on this machine; ``None`` where it is kept elsewhere."""

    @abstractmethod
    def info(self, key: str) -> BlobInfo:
        """Size and age of a blob.

        Raises:
            NotFoundError: There is no such blob.
        """

    @abstractmethod
    def open(self, key: str, known: BlobInfo | None = None) -> BinaryIO:
        """Opens a blob for reading; the stream can be wound to any place.

        Args:
            key: Its key.
            known: What :meth:`info` just said of it, which saves asking again.

        Raises:
            NotFoundError: There is no such blob.
        """

    @abstractmethod
    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Writes a blob, replacing what was there; readers see the old bytes or the new ones, never a part.

        Args:
            key: Its key.
            data: All of its bytes.
            durable: Wait until the disk has it. False is for what can be made again.
        """

    @abstractmethod
    def adopt(self, source: Path, key: str) -> None:
        """Moves a finished file into the library; the blob appears at once or not. May take long: no transaction around it.

        Raises:
            NotFoundError: The file is gone.
        """

    @abstractmethod
    def copy(self, source: Path, key: str) -> None:
        """Copies a file into the library; the original stays untouched. May take long: no transaction around it.

        Raises:
            NotFoundError: There is no such file.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Deletes a blob; one that is gone already is fine."""

    @abstractmethod
    def delete_tree(self, prefix: str) -> None:
        """Deletes all blobs under a prefix of at least two parts, such as ``faces/12``; none there is fine."""

    @abstractmethod
    def list(self, area: str) -> Iterator[BlobInfo]:
        """All blobs of an area, one of ``videos``, ``faces``, ``thumbnails`` and ``exports``, in no certain order."""

    @abstractmethod
    def list_folder(self, prefix: str) -> Iterator[BlobInfo]:
        """All blobs under a prefix of at least two parts, such as ``faces/12``."""

    @abstractmethod
    def local_copy(self, key: str) -> AbstractContextManager[Path]:
        """A file of this machine with the bytes of a blob: the blob itself, or a copy that is kept for a while.

        It is for reading only, and for as long as the ``with`` block runs.

        Raises:
            NotFoundError: There is no such blob.
        """

    @abstractmethod
    def url(self, key: str, expires: float, *, content_type: str, download_name: str | None = None) -> str | None:
        """An address under which a browser gets the blob without us; ``None`` where there is no such.

        Args:
            key: Its key.
            expires: For how many seconds the address is good.
            content_type: What the browser is to be told it is.
            download_name: Makes the browser save it under this name.
        """

    @abstractmethod
    def arriving(self, source: Path, file_name: str) -> AbstractContextManager[Arrival]:
        """Brings a finished file into the library in two steps, so that no transaction waits for a network.

        What takes long is done before the ``with`` block. In it, a transaction calls ``keep`` and stores the key. Where
        the block fails, the file lies at ``source`` again; where it does not call ``keep``, the file stays there too.

        Args:
            source: The file.
            file_name: Its safe name, which its key ends with.

        Raises:
            NotFoundError: The file is gone.
        """

    def exists(self, key: str) -> bool:
        """True when there is a blob under this key."""
        try:
            self.info(key)
        except NotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        """Bytes of a blob.

        Raises:
            NotFoundError: There is no such blob.
        """
        return self.info(key).size

    def read(self, key: str) -> bytes:
        """Bytes of a small blob, such as a crop.

        Raises:
            NotFoundError: There is no such blob.
        """
        with self.open(key) as stream:
            return stream.read()

    def write_many(self, blobs: Iterable[tuple[str, bytes]], *, durable: bool = True) -> None:
        """Writes many small blobs, side by side where that is quicker; returns when all are there."""
        for key, data in blobs:
            self.write(key, data, durable=durable)

    def leftovers(self) -> Iterator[Path]:
        """Files and folders of this machine that are not yet anything, or that a killed process left."""
        return self.temp.leftovers()

    def remove_leftovers(self, is_old: Callable[[Path], bool], *, repair: bool = True) -> int:
        """Removes the leftovers that a function picks.

        Args:
            is_old: Picks them.
            repair: False only counts them.

        Returns:
            How many.
        """
        old = [path for path in self.leftovers() if is_old(path)]
        return sum(remove_file_or_folder(path) for path in old) if repair else len(old)

    def abort_uploads(self, before: float) -> int:
        """Ends uploads to the store that were begun before a moment (seconds since 1970) and cut off.

        Returns:
            How many.
        """
        return 0

    def new_temp(self, suffix: str = "") -> Path:
        """See :meth:`TempFiles.new`."""
        return self.temp.new(suffix)

    def new_temp_folder(self) -> Path:
        """See :meth:`TempFiles.new_folder`."""
        return self.temp.new_folder()

    def clean_temp(self, max_age_seconds: float) -> int:
        """Removes temporary files, and copies of blobs, that nobody has touched for a while; returns how many."""
        return self.temp.clean(max_age_seconds)
