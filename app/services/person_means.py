"""What people look like on average: for the review, and for finding people who are alike."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.means import plain_means
from app.clustering.sums import GroupSums
from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.storage import person_vectors
from app.storage import spaces as space_rows
from app.storage.database import Database
from app.storage.person_vectors import Mark
from app.vision import Pack


@dataclass(frozen=True)
class PersonMeans:
    """The mean face of everybody who has one, as parallel arrays by person.

    The product of two means is the mean similarity of the faces of one with those of the other; see
    :mod:`app.clustering.means`.

    Attributes:
        pack: The pack of the library's space.
        space_id: The space.
        mark: Of which state of the library.
        fingerprints: Of which state of each person; see :func:`app.storage.person_vectors.fingerprints`.
        ids: ``int64`` (n,), sorted.
        vectors: ``float32`` (n, dimension), no longer than 1.
    """

    pack: Pack
    space_id: int
    mark: Mark
    fingerprints: IntArray
    ids: IntArray
    vectors: FloatArray

    def row(self, person_id: int) -> int | None:
        """Where a person stands, ``None`` where they have no face of this space."""
        place = int(np.searchsorted(self.ids, person_id))
        return place if place < len(self.ids) and self.ids[place] == person_id else None

    def similarities(self, products: FloatArray) -> FloatArray:
        """How surely two are one person, from the product of their means.

        The pack's curve is of single faces, and is moved as :meth:`Pack.grouping_distance_at` moves it: 0.5 is where
        grouping stops.

        Args:
            products: ``float32``, -1..1.

        Returns:
            ``float32`` 0..1.
        """
        return self.pack.similarity(_on_the_curve(self.pack, np.asarray(1.0 - products, np.float32)))

    def radius(self, similarity: float) -> float:
        """The distance ``1 - product`` at which :meth:`similarities` takes a value between 0 and 1."""
        pack = self.pack
        return pack.distance_at(similarity) / pack.same_person_distance * pack.face_grouping_distance


_known: WeakKeyDictionary[Database, PersonMeans] = WeakKeyDictionary()
_lock = threading.Lock()


def person_means(context: Context, *, remember: bool = True) -> PersonMeans | None:
    """The means of all people, remembered and mended where the library changed; ``None`` before its first face.

    Args:
        context: The context.
        remember: Keep them for the next call; 10,000 people of 512 numbers take 20 MB.
    """
    with _lock, context.database.session() as session:
        space = space_rows.pinned(session)
        if space is None:
            return None
        pack = pack_of_space(context.settings, space)
        mark = person_vectors.mark(session, space)
        known = _known.get(context.database)
        if known is not None and (known.space_id, known.pack) != (space.id, pack):
            known = None
        if known is None or known.mark != mark:
            known = _measure(session, space, pack, mark, known)
        if remember:
            _known[context.database] = known
        return known


def _measure(session: Session, space: EmbeddingSpace, pack: Pack, mark: Mark, known: PersonMeans | None) -> PersonMeans:
    """Reads the tracks of those who changed since; most people do not change."""
    now = person_vectors.fingerprints(session)
    if known is None:
        return PersonMeans(pack, space.id, mark, now, *_means(session, space, pack, now[:, 0], everybody=True))
    before = set(map(tuple, known.fingerprints.tolist()))
    changed = np.array([row[0] for row in now.tolist() if tuple(row) not in before], np.int64)
    fresh, vectors = _means(session, space, pack, changed, everybody=False)
    kept = np.isin(known.ids, now[:, 0]) & ~np.isin(known.ids, changed)
    ids = np.concatenate([known.ids[kept], fresh])
    order = np.argsort(ids)
    return PersonMeans(pack, space.id, mark, now, ids[order], np.concatenate([known.vectors[kept], vectors])[order])


def _means(
    session: Session, space: EmbeddingSpace, pack: Pack, people: IntArray, *, everybody: bool
) -> tuple[IntArray, FloatArray]:
    """Means of some people; poor tracks count only where somebody has no others."""
    good, poor = GroupSums(people, space.dimension), GroupSums(people, space.dimension)
    for block in person_vectors.blocks(session, space, people=None if everybody else people.tolist()):
        plain = plain_means(block.embeddings, block.face_counts, noise=pack.track_noise)
        for sums, rows in ((good, np.flatnonzero(block.usable)), (poor, np.flatnonzero(~block.usable))):
            sums.add(block.person_ids[rows], plain[rows], block.face_counts[rows].astype(np.float32))
    ids, means, _ = good.means()
    others, poor_means, _ = poor.means()
    left = ~np.isin(others, ids)
    found = np.concatenate([ids, others[left]])
    order = np.argsort(found)
    return found[order], np.concatenate([means, poor_means[left]])[order]


def _on_the_curve(pack: Pack, distances: FloatArray) -> FloatArray:
    return distances * np.float32(pack.same_person_distance / pack.face_grouping_distance)
