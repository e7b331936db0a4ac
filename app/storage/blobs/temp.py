"""Files that are not yet anything: uploads and downloads on their way."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.errors import InvalidInputError
from app.storage.disk import disk_full_said
from app.storage.names import safe_suffix

PREFIX = "t-"
RESUMABLE_PREFIX = "u-"


class TempFiles:
    """A folder of files that are not yet anything.

    Attributes:
        folder: Where they lie; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def new(self, suffix: str = "") -> Path:
        """Makes an empty file with a name of its own, readable by this user only.

        Args:
            suffix: End of its name, such as ``.mp4``; anything but a short plain ending is left out.

        Raises:
            DiskFullError: The disk is full.
        """
        with disk_full_said():
            handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=safe_suffix(suffix), dir=self.folder)
        os.close(handle)
        return Path(name)

    def new_folder(self) -> Path:
        """Makes an empty folder with a name of its own; the caller or :meth:`clean` removes it.

        Raises:
            DiskFullError: The disk is full.
        """
        with disk_full_said():
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.folder))

    def folder_for(self, job_id: str) -> Path:
        """The folder of a job, the same one at each try; made where it is missing. :meth:`clean` removes it by its age.

        Raises:
            InvalidInputError: This is no id.
        """
        if not re.fullmatch(r"[0-9a-f]{32}", job_id):
            raise InvalidInputError("This is not the id of a job.")
        folder = self.folder / f"{PREFIX}{job_id}"
        with disk_full_said():
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def resumable(self, upload_id: str) -> Path:
        """Where the bytes of an upload lie that may be gone on with later; :meth:`clean` leaves it alone.

        Raises:
            InvalidInputError: This is no id.
        """
        if not re.fullmatch(r"[0-9a-f]{32}", upload_id):
            raise InvalidInputError("This is not the id of an upload.")
        return self.folder / f"{RESUMABLE_PREFIX}{upload_id}"

    def resumables(self) -> Iterator[tuple[str, Path]]:
        """Ids and files of the uploads that may be gone on with."""
        for path in sorted(self.folder.glob(f"{RESUMABLE_PREFIX}*")):
            if re.fullmatch(r"[0-9a-f]{32}", path.name.removeprefix(RESUMABLE_PREFIX)):
                yield path.name.removeprefix(RESUMABLE_PREFIX), path

    def leftovers(self) -> Iterator[Path]:
        """Files and folders that :meth:`new` and :meth:`new_folder` made."""
        return self.folder.glob(f"{PREFIX}*")

    def clean(self, max_age_seconds: float) -> int:
        """Removes what nobody has touched for a while. A folder's age is that of the youngest thing in it.

        Returns:
            How many were removed.
        """
        return remove_old(self.leftovers(), max_age_seconds)


def remove_old(entries: Iterable[Path], max_age_seconds: float) -> int:
    """Removes files and folders that nobody has touched for a while.

    Returns:
        How many were removed.
    """
    limit = time.time() - max_age_seconds
    return sum(remove_file_or_folder(entry) for entry in list(entries) if last_touched(entry) < limit)


def last_touched(entry: Path) -> float:
    """When a file, or the youngest thing in a folder, was changed last, as seconds since 1970."""
    try:
        times = [entry.lstat().st_mtime]
        if entry.is_dir() and not entry.is_symlink():
            times += [child.lstat().st_mtime for child in entry.rglob("*")]
    except FileNotFoundError:
        return time.time()  # somebody else is removing it
    return max(times)


def remove_file_or_folder(entry: Path) -> bool:
    """Removes a file, or a folder with all that is in it; False when it was gone already."""
    try:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    except FileNotFoundError:
        return False
    return True
