"""Files that are used where they lie: which they are, and whether they are still what they were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.errors import ConflictError, InvalidInputError, NotFoundError
from app.services.uploads import hash_file


@dataclass(frozen=True, slots=True)
class FileMark:
    """By what a file is recognised without reading it.

    Attributes:
        size: Bytes.
        modified_ns: When it was last changed, nanoseconds since 1970.
    """

    size: int
    modified_ns: int

    def check_settled(self, path: Path) -> None:
        """Makes sure that a file did not change since the mark was taken.

        Raises:
            InvalidInputError: It did: somebody is still writing it.
        """
        if mark_of(path) != self:
            raise InvalidInputError(f"{path.name} is still being written. Add it when that has ended.")


def mark_of(path: Path) -> FileMark:
    """The present mark of a file.

    Raises:
        OSError: There is no such file.
    """
    status = path.stat()
    return FileMark(status.st_size, status.st_mtime_ns)


def check_unchanged(path: Path, mark: FileMark | None, sha256: str | None) -> None:
    """Makes sure that a file is the one that was added. Where its date alone differs, its content decides.

    Args:
        path: Where it lay when it was added.
        mark: Its mark at that time, where it is known.
        sha256: Of its bytes at that time.

    Raises:
        NotFoundError: It is no longer there.
        ConflictError: It is another file now.
    """
    name = path.name
    try:
        now = mark_of(path)
        if not path.is_file():
            raise NotFoundError(f"{name} is no longer a file. Put it back, or add it again from where it is now.")
        if now == mark:
            return
        same = (mark is None or now.size == mark.size) and sha256 is not None and hash_file(path)[0] == sha256
    except OSError as error:
        raise NotFoundError(
            f"{name} is no longer where it was when it was added. Put it back, or add it again from where it is now."
        ) from error
    if not same:
        raise ConflictError(f"{name} was changed since it was added. Add it again.")
