"""The files of the search index: vectors as plain numbers, in a folder that is written once and then only read.

``current`` names the folder that counts. A new one is put in its place as a whole; who still reads the old one goes on
reading it, because a file that is open or mapped stays until it is closed.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.domain import FloatArray, IntArray
from app.storage.disk import disk_full_said
from app.storage.face_changes import Place
from app.storage.face_vectors import FaceVectors

FORMAT = 1
ID, VALUE = np.dtype("<i8"), np.dtype("<f4")
_STATE, _IDS, _VALUES, _EXTRAS = "state.json", "ids.i64", "vectors.f32", "codes"


@dataclass(frozen=True, slots=True)
class FileState:
    """What a folder holds.

    Attributes:
        space_id: Row of the space.
        space: Its name.
        dimension: Length of its vectors.
        count: Number of faces.
        place: Up to where the log of changes is contained.
    """

    space_id: int
    space: str
    dimension: int
    count: int
    place: Place


@dataclass(frozen=True, slots=True)
class FiledVectors:
    """A folder that was opened.

    Attributes:
        folder: The folder.
        state: What it holds.
        ids: ``int64`` (n,), ascending, mapped.
        values: ``float32`` (n, dimension), mapped.
    """

    folder: Path
    state: FileState
    ids: IntArray
    values: FloatArray

    @property
    def extras(self) -> Path:
        """A folder for what is made of the vectors; there when :meth:`SearchFiles.adding` has ended."""
        return self.folder / _EXTRAS


class SearchFiles:
    """The files of one library's search index.

    Args:
        folder: Where they are; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> FiledVectors | None:
        """Opens what counts; ``None`` where there is nothing, or nothing that this version of the program reads."""
        for _ in range(3):  # another process may put a new folder in its place between two steps
            with suppress(OSError, ValueError, KeyError, TypeError):
                return _opened(self.folder / (self.folder / "current").read_text("utf-8").strip())
        return None

    def write(self, state: FileState, blocks: Iterable[FaceVectors]) -> FiledVectors:
        """Writes a new folder and lets it count; older ones are removed.

        Args:
            state: What it holds; the number of faces is set here.
            blocks: The faces, by id.

        Raises:
            DiskFullError: There is no room for it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        part = self.folder / f"{name}.part"
        count = 0
        try:
            with disk_full_said():
                part.mkdir()
                with (part / _IDS).open("wb") as ids, (part / _VALUES).open("wb") as values:
                    for block in blocks:
                        ids.write(np.ascontiguousarray(block.ids, ID).data)
                        values.write(np.ascontiguousarray(block.values, VALUE).data)
                        count += len(block.ids)
                kept = {"format": FORMAT, **asdict(state), "count": count}
                (part / _STATE).write_text(json.dumps(kept), "utf-8")
                part.rename(self.folder / name)
                marker = self.folder / f"{name}.current"
                marker.write_text(name, "utf-8")
                marker.replace(self.folder / "current")
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        self._remove_others(name)
        return _opened(self.folder / name)

    @contextmanager
    def adding(self, filed: FiledVectors) -> Iterator[Path]:
        """An empty folder that becomes ``filed.extras`` when the block ends well."""
        part = filed.folder / f"{_EXTRAS}.{uuid.uuid4().hex}"
        try:
            with disk_full_said():
                part.mkdir()
                yield part
                part.rename(filed.extras)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    @contextmanager
    def alone(self, *, wait: bool) -> Iterator[bool]:
        """Keeps other processes from writing.

        Args:
            wait: Whether to wait for one that is at it.

        Yields:
            Whether nobody else is writing; always true where waiting is allowed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True

    def remove(self) -> None:
        """Removes everything; it is made again when it is needed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_others(self, name: str) -> None:
        for path in self.folder.iterdir():
            if path.is_dir() and path.name != name:
                shutil.rmtree(path, ignore_errors=True)


def _opened(folder: Path) -> FiledVectors:
    """Raises OSError, ValueError, KeyError or TypeError where a file is missing or not as it should be."""
    kept: dict[str, Any] = json.loads((folder / _STATE).read_text("utf-8"))
    if kept.pop("format") != FORMAT:
        raise ValueError("another version wrote this")
    state = FileState(**{**kept, "place": Place(**kept["place"])})
    if state.count == 0:
        return FiledVectors(folder, state, np.empty(0, np.int64), np.empty((0, state.dimension), np.float32))
    ids = np.memmap(folder / _IDS, ID, "r")
    values = np.memmap(folder / _VALUES, VALUE, "r")
    if len(ids) != state.count:
        raise ValueError("the files do not fit together")
    # plain arrays over the same memory: a memmap costs more with every slice of it
    return FiledVectors(folder, state, np.asarray(ids), np.asarray(values).reshape(state.count, state.dimension))
