"""What people look like on average, remembered by each process and brought up to date person by person.

A library of 100,000 tracks holds 200 MB of vectors; of most people nothing has changed since the last look. Whether
something has is told by the number and the sum of the ids of their tracks, which an index answers, and by their revision.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import BigInteger, Select, cast, func, select
from sqlalchemy.orm import Session

from app.clustering.means import plain_means
from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, Person, Track
from app.storage import vectors
from app.storage.database import Database
from app.storage.rows import NOBODY, integers
from app.vision import Pack

PEOPLE_AT_ONCE = 1_000


@dataclass(frozen=True)
class People:
    """Everybody who has a usable track, as parallel arrays by person.

    Attributes:
        ids: ``int64`` (p,) sorted.
        means: ``float32`` (p, dimension) means of their usable tracks weighted by faces, not unit length.
        faces: ``int64`` (p,) faces behind the mean.
        tracks: ``int64`` (p,) tracks, poor ones too.
    """

    ids: IntArray
    means: FloatArray
    faces: IntArray
    tracks: IntArray


@dataclass(frozen=True)
class Waiting:
    """Tracks that are nobody's.

    Attributes:
        ids: ``int64`` (n,) sorted.
        vectors: ``float32`` (n, dimension), no longer than 1.
    """

    ids: IntArray
    vectors: FloatArray


class _Known:
    """What is remembered of one space of one library."""

    def __init__(self, space: EmbeddingSpace, pack: Pack) -> None:
        self.key = _key(space, pack)
        self.lock = threading.Lock()
        self._noise = pack.track_noise
        self._dimension = space.dimension
        self._space_id = space.id
        self._marks: IntArray = np.empty((0, 4), np.int64)  # person, number and sum of tracks, revision
        self._means: FloatArray = np.empty((0, space.dimension), np.float32)
        self._faces: IntArray = np.empty(0, np.int64)
        self._waiting = Waiting(np.empty(0, np.int64), np.empty((0, space.dimension), np.float32))

    def people(self, session: Session) -> People:
        """Everybody as they are now."""
        marks = _marks(session)
        same = _rows_of(self._marks, marks)
        means = np.zeros((len(marks), self._dimension), np.float32)
        faces = np.zeros(len(marks), np.int64)
        known = same >= 0
        means[known], faces[known] = self._means[same[known]], self._faces[same[known]]
        self._measure(session, marks[:, 0], np.flatnonzero(~known), means, faces)
        self._marks, self._means, self._faces = marks, means, faces
        seen = faces > 0
        return People(marks[seen, 0], means[seen], faces[seen], marks[seen, 1])

    def waiting(self, session: Session) -> Waiting:
        """Tracks that are nobody's now."""
        query = select(Track.id).where(Track.person_id.is_(None), Track.space_id == self._space_id).order_by(Track.id)
        ids = integers(session.scalars(query).all())
        found = np.zeros((len(ids), self._dimension), np.float32)
        place = np.searchsorted(self._waiting.ids, ids)
        place[place == len(self._waiting.ids)] = 0
        known = self._waiting.ids[place] == ids if len(self._waiting.ids) else np.zeros(len(ids), np.bool_)
        found[known] = self._waiting.vectors[place[known]]
        missing = np.flatnonzero(~known)
        for part in _pieces(missing):
            rows = select(Track.face_count, Track.embedding).where(Track.id.in_(ids[part].tolist()))
            counts, data = zip(*session.execute(rows.order_by(Track.id)).all(), strict=True)
            found[part] = self._plain(integers(counts), vectors.decode_many(data, self._dimension))
        self._waiting = Waiting(ids, found)
        return self._waiting

    def _measure(self, session: Session, ids: IntArray, places: IntArray, means: FloatArray, faces: IntArray) -> None:
        """Reads the usable tracks of some people and puts their means in their places."""
        columns = select(Track.person_id, Track.face_count, Track.embedding)
        columns = columns.where(Track.space_id == self._space_id, Track.usable)
        for part in _pieces(places):
            rows = session.execute(columns.where(Track.person_id.in_(ids[part].tolist()))).all()
            if not rows:
                continue
            owners, counts, data = zip(*rows, strict=True)
            place, weights = np.searchsorted(ids, integers(owners)), integers(counts)
            weighted = self._plain(weights, vectors.decode_many(data, self._dimension)) * weights[:, None]
            np.add.at(means, place, weighted.astype(np.float32))
            np.add.at(faces, place, weights)
            filled = part[faces[part] > 0]
            means[filled] /= faces[filled, None].astype(np.float32)

    def _plain(self, counts: IntArray, embeddings: FloatArray) -> FloatArray:
        return plain_means(embeddings, counts, noise=self._noise)


_known: WeakKeyDictionary[Database, _Known] = WeakKeyDictionary()
_lock = threading.Lock()


def people_and_waiting(
    database: Database, session: Session, space: EmbeddingSpace, pack: Pack
) -> tuple[People, Waiting]:
    """Everybody's mean, and the tracks that are nobody's.

    Args:
        database: The library.
        session: A session of it.
        space: The library's space.
        pack: Its pack.
    """
    with _lock:
        known = _known.get(database)
        if known is None or known.key != _key(space, pack):
            known = _known[database] = _Known(space, pack)
    with known.lock:
        return known.people(session), known.waiting(session)


def _pieces(places: IntArray) -> Iterator[IntArray]:
    for start in range(0, len(places), PEOPLE_AT_ONCE):
        yield places[start : start + PEOPLE_AT_ONCE]


def _key(space: EmbeddingSpace, pack: Pack) -> tuple[object, ...]:
    return space.id, space.name, space.dimension, pack.track_noise


def _marks(session: Session) -> IntArray:
    """Person, number of tracks, sum of their ids, and revision: what tells whether a mean still holds."""
    query = select(Track.person_id, func.count(), cast(func.sum(Track.id), BigInteger)).group_by(Track.person_id)
    tracks = _table(session, query.where(Track.person_id.is_not(None)).order_by(Track.person_id), 3)
    revisions = _table(session, select(Person.id, Person.revision).order_by(Person.id), 2)
    place = np.searchsorted(revisions[:, 0], tracks[:, 0])
    known = place < len(revisions)  # somebody may have come between the two statements
    result: IntArray = np.column_stack([tracks[known], revisions[place[known], 1]])
    return result


def _table(session: Session, query: Select[*tuple[Any, ...]], columns: int) -> IntArray:
    """Integers of a query; past the ORM, which would take longer than all the rest."""
    rows = session.connection().execute(query).all()
    return np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * columns).reshape(-1, columns)


def _rows_of(old: IntArray, new: IntArray) -> IntArray:
    """Where each row of ``new`` stands in ``old``, -1 where it does not; both are sorted by their first column."""
    if not len(old):
        return np.full(len(new), NOBODY, np.int64)
    place = np.minimum(np.searchsorted(old[:, 0], new[:, 0]), len(old) - 1)
    return np.where((old[place] == new).all(axis=1), place, NOBODY)
