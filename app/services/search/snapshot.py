"""What can be found at one moment: many vectors that were read once, and few that came since."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.clustering.search_index import Codes, Near, ShortCodes, Vectors, merged
from app.clustering.search_index.codes import Mask
from app.domain import FloatArray, IntArray
from app.storage.face_changes import Place
from app.storage.face_vectors import FaceVectors
from app.storage.search_files import FiledVectors, FileState

BLOCK_ROWS = 16_384
CODES, SHORT_CODES = "full", "short"
SHORT_FROM = 256
"""Numbers of a vector from which on short codes are worth while: below, exact searches are as quick."""


@dataclass(frozen=True)
class Part:
    """Faces as parallel arrays.

    Attributes:
        ids: ``int64`` (n,), ascending.
        vectors: Their vectors.
        alive: ``bool`` (n,) which of them can still be found; all when ``None``.
    """

    ids: IntArray
    vectors: Vectors
    alive: Mask | None = None

    def __len__(self) -> int:
        return len(self.ids) if self.alive is None else int(np.count_nonzero(self.alive))

    def without(self, gone: IntArray) -> Part:
        """The same, except for some faces."""
        rows = rows_of(self.ids, gone)
        if not len(rows):
            return self
        alive = np.ones(len(self.ids), dtype=bool) if self.alive is None else self.alive.copy()
        alive[rows] = False
        return replace(self, alive=alive)

    def nearest(self, query: FloatArray, k: int, wanted: IntArray | None, *, approximate: bool) -> Near:
        """As :meth:`Vectors.nearest`; ``wanted`` are ids, ascending, that alone may be found."""
        allowed = self.alive
        if wanted is not None:
            allowed = np.zeros(len(self.ids), dtype=bool)
            allowed[rows_of(self.ids, wanted)] = True
            if self.alive is not None:
                allowed &= self.alive
        return self.vectors.nearest(query, k, allowed=allowed, approximate=approximate)


@dataclass(frozen=True)
class Snapshot:
    """What can be found in a space.

    Attributes:
        state: The space, and up to where the log of changes is contained.
        base: What was read once.
        extra: What came or changed since.
        filed: The files of ``base``; ``None`` where it is in memory alone.
        seen: Changes after ``state.place`` that are contained, too.
    """

    state: FileState
    base: Part
    extra: Part
    filed: FiledVectors | None = None
    seen: frozenset[int] = frozenset()

    @classmethod
    def of_files(cls, filed: FiledVectors) -> Snapshot:
        """What was written to files."""
        return cls(filed.state, Part(filed.ids, Vectors(filed.values)), nothing(filed.state.dimension), filed).coded()

    @classmethod
    def in_memory(cls, state: FileState, faces: FaceVectors) -> Snapshot:
        """What was read from the database."""
        return cls(state, Part(faces.ids, Vectors(faces.values)), nothing(state.dimension))

    def __len__(self) -> int:
        return len(self.base) + len(self.extra)

    @property
    def dead(self) -> int:
        """Faces of the base that cannot be found any more."""
        return len(self.base.ids) - len(self.base)

    def coded(self) -> Snapshot:
        """The same with codes, where some were made of its files."""
        if self.filed is None or self.base.vectors.codes is not None or not self.filed.extras.exists():
            return self
        codes, short = (self.filed.extras / name for name in (CODES, SHORT_CODES))
        has_short = self.state.dimension >= SHORT_FROM
        vectors = Vectors(self.filed.values, Codes.open(codes), ShortCodes.open(short) if has_short else None)
        return replace(self, base=replace(self.base, vectors=vectors))

    def changed(self, ids: Collection[int], present: FaceVectors, place: Place, seen: Collection[int]) -> Snapshot:
        """The next state.

        Args:
            ids: Faces that came, changed or went.
            present: Those of them that can be found.
            place: Up to where the log was read.
            seen: Changes that were read.
        """
        state, read = replace(self.state, place=place), frozenset(seen)
        if not ids:
            return replace(self, state=state, seen=read)
        gone = np.fromiter(ids, np.int64, len(ids))
        stay = ~np.isin(self.extra.ids, gone)
        extra = _joined(FaceVectors(self.extra.ids[stay], self.extra.vectors.values[stay]), present)
        return replace(
            self, state=state, seen=read, base=self.base.without(gone), extra=Part(extra.ids, Vectors(extra.values))
        )

    def nearest(self, query: FloatArray, k: int, *, wanted: IntArray | None = None, approximate: bool = False) -> Near:
        """Finds the nearest faces.

        Args:
            query: ``float32`` (dimension,), unit length.
            k: How many at most, above 0.
            wanted: ``int64`` ids of the faces that may be found, ascending; all when ``None``.
            approximate: Whether a few may be missed, for speed.

        Returns:
            Ids of faces in place of rows, nearest first.
        """
        parts = [
            (part.nearest(query, k, wanted, approximate=approximate), part.ids) for part in (self.base, self.extra)
        ]
        return merged(parts, k)

    def vector(self, face_id: int) -> FloatArray | None:
        """The vector of a face, ``float32`` (dimension,); ``None`` where it cannot be found."""
        for part in (self.extra, self.base):
            row = rows_of(part.ids, np.array([face_id]))
            if len(row) and (part.alive is None or part.alive[row[0]]):
                return np.array(part.vectors.values[row[0]])
        return None

    def blocks(self) -> Iterator[FaceVectors]:
        """Everything that can be found, by id, in pieces."""
        alive = np.arange(len(self.base.ids)) if self.base.alive is None else np.flatnonzero(self.base.alive)
        ids = np.concatenate([self.base.ids[alive], self.extra.ids])
        rows = np.concatenate([alive, len(self.base.ids) + np.arange(len(self.extra.ids))])
        order = np.argsort(ids)
        for start in range(0, len(order), BLOCK_ROWS):
            part = order[start : start + BLOCK_ROWS]
            values = np.empty((len(part), self.state.dimension), np.float32)
            old = rows[part] < len(self.base.ids)
            values[old] = self.base.vectors.values[rows[part][old]]
            values[~old] = self.extra.vectors.values[rows[part][~old] - len(self.base.ids)]
            yield FaceVectors(ids[part], values)


def nothing(dimension: int) -> Part:
    """No faces."""
    return Part(np.empty(0, np.int64), Vectors(np.empty((0, dimension), np.float32)))


def rows_of(ids: IntArray, wanted: IntArray) -> IntArray:
    """Where some ids stand among others, which are ascending; those that are not there are left out."""
    if not len(ids):
        return np.empty(0, np.int64)
    rows = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    found: IntArray = rows[ids[rows] == wanted].astype(np.int64)
    return found


def _joined(one: FaceVectors, other: FaceVectors) -> FaceVectors:
    ids = np.concatenate([one.ids, other.ids])
    order = np.argsort(ids)
    return FaceVectors(ids[order], np.concatenate([one.values, other.values])[order])
