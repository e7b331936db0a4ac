"""What people look like on average: for the review, and for finding people who are alike."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clustering.means import plain_means
from app.clustering.sums import GroupSums
from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, Person
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.storage import person_vectors
from app.storage import spaces as space_rows
from app.storage.database import Database
from app.storage.person_vectors import Mark
from app.storage.rows import integers
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
        ids: ``int64`` (n,), sorted.
        vectors: ``float32`` (n, dimension), no longer than 1.
    """

    pack: Pack
    space_id: int
    mark: Mark
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


def person_means(context: Context) -> PersonMeans | None:
    """The means of all people, remembered until the library changes; ``None`` before its first face.

    10,000 people of 512 numbers take 20 MB.
    """
    with _lock, context.database.session() as session:
        space = space_rows.pinned(session)
        if space is None:
            return None
        pack = pack_of_space(context.settings, space)
        mark = person_vectors.mark(session, space)
        known = _known.get(context.database)
        if known is None or known.mark != mark or known.pack != pack:
            known = _known[context.database] = _measure(session, space, pack, mark)
        return known


def _measure(session: Session, space: EmbeddingSpace, pack: Pack, mark: Mark) -> PersonMeans:
    """Poor tracks count only where somebody has no others."""
    sums = GroupSums(integers(session.scalars(select(Person.id).order_by(Person.id)).all()), space.dimension)
    good = person_vectors.people_with_usable(session, space)
    for block in person_vectors.blocks(session, space):
        kept = np.flatnonzero(block.usable | ~np.isin(block.person_ids, good))
        counts = block.face_counts[kept]
        plain = plain_means(block.embeddings[kept], counts, noise=pack.track_noise)
        sums.add(block.person_ids[kept], plain, counts.astype(np.float32))
    ids, means, _ = sums.means()
    return PersonMeans(pack, space.id, mark, ids, means)


def _on_the_curve(pack: Pack, distances: FloatArray) -> FloatArray:
    return distances * np.float32(pack.same_person_distance / pack.face_grouping_distance)
