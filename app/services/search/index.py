"""The search's index of a library: right after every change, whichever process made it.

Each process has its own. Before each search it reads from the log of changes what came or went since (see
:mod:`app.storage.face_changes`), so there is nothing that anybody would have to be told, and nothing that could be
forgotten. Small libraries are kept in memory. Large ones are written to files that all processes map; what came since
is in memory until there is enough of it to write them anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.search_index import Codes, ShortCodes
from app.models import EmbeddingSpace
from app.services.search.snapshot import CODES, SHORT_CODES, SHORT_FROM, Snapshot
from app.storage import face_changes, face_vectors
from app.storage import spaces as space_rows
from app.storage.database import Database
from app.storage.face_vectors import FaceVectors
from app.storage.search_files import FiledVectors, FileState, SearchFiles

logger = logging.getLogger(__name__)

FILED_ROWS = 20_000
"""From here on there are files; below, reading all faces takes a process less than a second."""
CODED_ROWS = 50_000
"""From here on codes are made; below, comparing with all faces takes a few milliseconds."""
AT_ONCE_ROWS = 200_000
"""Up to here a search itself writes the files anew; above, the scheduler does it."""
MANY_CHANGES = 50_000


class SearchIndex:
    """A process's index of one library. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None

    def current(self, database: Database, folder: Path) -> Snapshot | None:
        """What can be found now: everything that was committed before the call, and nothing that was deleted.

        Args:
            database: The library.
            folder: Where its files are, or will be.

        Returns:
            The faces of the library's space; ``None`` before its first face.
        """
        files = SearchFiles(folder)
        with self._lock:
            with database.session() as session:
                space = space_rows.pinned(session)
                if space is None:
                    self._snapshot = None
                    return None
                snapshot = _continued(session, space, self._snapshot)
                if snapshot is None or _is_full(snapshot):
                    # another process may have written files that contain more
                    snapshot = _continued(session, space, _from(files.current())) or snapshot
                if snapshot is None:
                    snapshot = _read(session, space, files)
            if _is_full(snapshot) and len(snapshot) <= AT_ONCE_ROWS:
                snapshot = _rewritten(snapshot, files)
            self._snapshot = snapshot = snapshot.coded()
            return snapshot

    def tidy(self, database: Database, folder: Path) -> bool:
        """Does what takes long: writes files anew, so that nothing deleted stays in them, and makes codes.

        Returns:
            Whether there was anything to do.
        """
        snapshot = self.current(database, folder)
        files = SearchFiles(folder)
        if snapshot is None or len(snapshot) < FILED_ROWS:
            if files.folder.exists():
                files.remove()
                return True
            return False
        with files.alone(wait=False) as mine:
            if not mine:
                return False
            written = snapshot.dead > 0 or snapshot.filed is None or _is_full(snapshot)
            filed = (
                files.write(snapshot.state, snapshot.blocks()) if written or snapshot.filed is None else snapshot.filed
            )
            coded = len(filed.ids) >= CODED_ROWS and not filed.extras.exists()
            if coded:
                make_codes(files, filed)
        if written or coded:
            with self._lock:
                self._snapshot = Snapshot.of_files(filed)
        return written or coded


def make_codes(files: SearchFiles, filed: FiledVectors) -> None:
    """Makes the codes of vectors that were written."""
    with files.adding(filed) as folder:
        Codes.build(filed.values, folder / CODES)
        if filed.state.dimension >= SHORT_FROM:
            ShortCodes.build(filed.values, folder / SHORT_CODES)
    logger.info("search index made", extra={"faces": len(filed.ids)})


def _from(filed: FiledVectors | None) -> Snapshot | None:
    return None if filed is None else Snapshot.of_files(filed)


def _continued(session: Session, space: EmbeddingSpace, old: Snapshot | None) -> Snapshot | None:
    """The present state made of an older one; ``None`` where that cannot be, or where reading anew is quicker."""
    if old is None or (old.state.space_id, old.state.space, old.state.dimension) != _name(space):
        return None
    here = face_changes.place(session)  # before what follows, so that nothing falls in between
    if not face_changes.is_known(session, old.state.place):
        return None
    changes = face_changes.since(session, old.state.place)
    ids = {face for number, face in changes.items() if number not in old.seen}
    if len(ids) > max(MANY_CHANGES, len(old) // 2):
        return None
    return old.changed(ids, face_vectors.of_faces(session, space, list(ids)), here, changes.keys())


def _read(session: Session, space: EmbeddingSpace, files: SearchFiles) -> Snapshot:
    """Reads the whole library."""
    count = face_vectors.count(session, space)
    state = FileState(*_name(space), count, face_changes.place(session))
    blocks = face_vectors.blocks(session, space)
    if count < FILED_ROWS:
        return Snapshot.in_memory(state, _whole(blocks, space.dimension))
    with files.alone(wait=True):
        # whoever was waited for has most likely done it
        there = _continued(session, space, _from(files.current()))
        return there or Snapshot.of_files(files.write(state, blocks))


def _rewritten(snapshot: Snapshot, files: SearchFiles) -> Snapshot:
    """The same with everything in its base."""
    if len(snapshot) < FILED_ROWS:
        return Snapshot.in_memory(snapshot.state, _whole(snapshot.blocks(), snapshot.state.dimension))
    with files.alone(wait=False) as mine:
        return Snapshot.of_files(files.write(snapshot.state, snapshot.blocks())) if mine else snapshot


def _is_full(snapshot: Snapshot) -> bool:
    """Whether so much has changed that searching suffers."""
    return max(len(snapshot.extra), snapshot.dead) > max(5_000, len(snapshot.base.ids) // 20)


def _name(space: EmbeddingSpace) -> tuple[int, str, int]:
    return space.id, space.name, space.dimension


def _whole(blocks: Iterable[FaceVectors], dimension: int) -> FaceVectors:
    parts = [FaceVectors(np.empty(0, np.int64), np.empty((0, dimension), np.float32)), *blocks]
    return FaceVectors(*(np.concatenate(column) for column in zip(*parts, strict=True)))
