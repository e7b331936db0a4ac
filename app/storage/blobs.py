"""The one guardian of paths: nothing else in the program joins names to folders.

A blob is named by a key such as ``videos/12/original.mp4``. Keys are made by the program and kept in the database;
still every key is checked, because a key can have come from a damaged or forged row or from an address.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from app.errors import InvalidInputError, NotFoundError
from app.storage.names import safe_file_name, safe_suffix

__all__ = ["BlobStore", "check_key", "safe_file_name", "safe_suffix"]

MAX_KEY = 300
INCOMING = ".incoming"  # starts with a dot, so no key can reach it


class BlobStore:
    """Files of the library, under keys.

    ``videos/...`` lie in the upload folder, ``faces/...`` in the faces folder, ``thumbnails/...`` in the folder
    ``thumbnails`` among the faces. The folders are made where they are missing.

    Args:
        uploads: Folder of the videos.
        faces: Folder of the face crops.
        temp: Folder for files that are not yet anything.
    """

    def __init__(self, uploads: Path, faces: Path, temp: Path) -> None:
        self._areas = {"videos": uploads, "faces": faces, "thumbnails": faces / "thumbnails"}
        self._temp = temp
        for folder in (*self._areas.values(), temp):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: str) -> Path:
        """Where the blob of a key lies or would lie.

        Raises:
            InvalidInputError: The key is malformed, or a link leads it out of its area.
        """
        area, *rest = check_key(key)
        root = self._areas.get(area)
        if root is None or (area == "faces" and rest[0].lower() == "thumbnails"):
            raise InvalidInputError("This is not the key of a file of the library.")
        path = root.joinpath(*rest)
        if not path.resolve().is_relative_to(root.resolve()):
            raise InvalidInputError("This key leads out of the library.")
        return path

    def exists(self, key: str) -> bool:
        """True when there is a file under this key."""
        return self.path(key).is_file()

    def size(self, key: str) -> int:
        """Bytes of a blob.

        Raises:
            NotFoundError: There is no such blob.
        """
        with self.open(key) as stream:
            return os.fstat(stream.fileno()).st_size

    def open(self, key: str) -> BinaryIO:
        """Opens a blob for reading.

        Raises:
            NotFoundError: There is no such blob.
        """
        try:
            return self.path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise NotFoundError("The file is no longer there.") from error

    def read(self, key: str) -> bytes:
        """Bytes of a small blob, such as a crop.

        Raises:
            NotFoundError: There is no such blob.
        """
        with self.open(key) as stream:
            return stream.read()

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Writes a blob, replacing what was there; readers see the old bytes or the new ones, never a part.

        Args:
            key: Its key.
            data: All of its bytes.
            durable: Wait until the disk has it. False is for what can be made again.
        """
        target = self.path(key)
        with self._incoming(key) as (stream, temporary):
            stream.write(data)
            _finish(stream, durable=durable)
            _replace(temporary, target)

    def adopt(self, source: Path, key: str) -> None:
        """Moves a finished file into the library, also from another file system; the blob appears at once or not.

        Raises:
            NotFoundError: The file is gone.
        """
        target = self.path(key)
        try:
            with source.open("rb") as stream:
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
        """Copies a file into the library; the original stays untouched.

        Raises:
            NotFoundError: There is no such file.
        """
        target = self.path(key)
        try:
            original = source.open("rb")
        except FileNotFoundError as error:
            raise NotFoundError("The file that was to be stored is not there.") from error
        with original, self._incoming(key) as (stream, temporary):
            shutil.copyfileobj(original, stream, 1 << 20)
            _finish(stream, durable=True)
            _replace(temporary, target)

    def delete(self, key: str) -> None:
        """Deletes a blob; one that is gone already is fine."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self.path(key).unlink()

    def delete_tree(self, prefix: str) -> None:
        """Deletes all blobs under a prefix of at least two parts, such as ``faces/12``; none there is fine.

        Raises:
            InvalidInputError: The prefix is malformed or a whole area.
        """
        path = self.path(prefix)
        with contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def new_temp(self, suffix: str = "") -> Path:
        """Makes an empty file with a name of its own, readable by this user only.

        Args:
            suffix: End of its name, such as ``.mp4``; anything but a short plain ending is left out.
        """
        handle, name = tempfile.mkstemp(prefix="t-", suffix=safe_suffix(suffix), dir=self._temp)
        os.close(handle)
        return Path(name)

    def new_temp_folder(self) -> Path:
        """Makes an empty folder with a name of its own; the caller or :meth:`clean_temp` removes it."""
        return Path(tempfile.mkdtemp(prefix="t-", dir=self._temp))

    def clean_temp(self, max_age_seconds: float) -> int:
        """Removes temporary files that nobody has touched for a while.

        A folder's age is that of the youngest thing in it.

        Returns:
            How many were removed.
        """
        limit = time.time() - max_age_seconds
        leftovers = [entry for entry in self._temp.iterdir() if entry.name.startswith("t-")]
        for root in set(self._areas.values()):
            leftovers += (root / INCOMING).glob("*")
        return sum(_remove(entry) for entry in leftovers if _last_touched(entry) < limit)

    @contextlib.contextmanager
    def _incoming(self, key: str) -> Iterator[tuple[BinaryIO, Path]]:
        # In the area itself, because a file can only be put in place at once within one file system.
        folder = self._areas[key.split("/", 1)[0]] / INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="t-", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream, temporary
        finally:
            temporary.unlink(missing_ok=True)


def check_key(key: str) -> list[str]:
    """Takes a key apart.

    Returns:
        Its parts, two or more.

    Raises:
        InvalidInputError: The key is empty, absolute, too long, climbs, or holds anything but plain names.
    """
    parts = key.split("/") if len(key) <= MAX_KEY else []
    if len(parts) < 2 or not all(_is_plain(part) for part in parts):
        raise InvalidInputError("This is not the key of a file of the library.")
    return parts


def _is_plain(part: str) -> bool:
    # What the guardian of names would leave as it is: no slash, no dots around it, nothing invisible, no device.
    return safe_file_name(part) == part


def _finish(stream: BinaryIO, *, durable: bool) -> None:
    stream.flush()
    if durable:
        os.fsync(stream.fileno())


def _replace(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)  # noqa: PTH105 - says what it does: Path.replace is the same call


def _last_touched(entry: Path) -> float:
    try:
        times = [entry.lstat().st_mtime]
        if entry.is_dir() and not entry.is_symlink():
            times += [child.lstat().st_mtime for child in entry.rglob("*")]
    except FileNotFoundError:
        return time.time()  # somebody else is removing it
    return max(times)


def _remove(entry: Path) -> bool:
    try:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    except FileNotFoundError:
        return False
    return True
