"""From a vector to people and moments: the index says who is near, the database whose faces these are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy.orm import Session

from app.config import Settings
from app.domain import FloatArray, IntArray
from app.errors import NotFoundError
from app.models import EmbeddingSpace
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.services.search.index import SearchIndex
from app.services.search.shapes import LIKELY, Matches, Moment, OnePer, PersonMatch, SearchOptions
from app.services.search.snapshot import Snapshot
from app.storage import lookup
from app.storage import spaces as space_rows
from app.storage.database import Database
from app.storage.lookup import Limits, Owner
from app.vision import Pack

# Faces that are looked at first, for each that is wanted; then so many times as many; and where it ends
WIDE, WIDER, WIDEST = 4, 6, 8_192
FEWEST = 200
# People who resemble less are not searched for beyond the nearest faces
FAINT = 5.0

_indexes: WeakKeyDictionary[Database, SearchIndex] = WeakKeyDictionary()


def search_index(context: Context) -> SearchIndex:
    """This process's index of a library."""
    return _indexes.setdefault(context.database, SearchIndex())


def index_folder(settings: Settings) -> Path:
    """Where the files of the index are."""
    return settings.faaaaaces_data / "data" / "search"


def what_can_be_found(context: Context) -> Snapshot | None:
    """All faces that can be found now, to search among by vectors; ``None`` before the library's first face."""
    return search_index(context).current(context.database, index_folder(context.settings))


class Searcher:
    """Searches one state of a library.

    Attributes:
        pack: The pack of the library's faces.
        snapshot: What can be found.
        space: The library's space.
    """

    def __init__(self, context: Context, snapshot: Snapshot, space: EmbeddingSpace, options: SearchOptions) -> None:
        self.snapshot, self.space = snapshot, space
        self.pack: Pack = pack_of_space(context.settings, space)
        self._context, self._options = context, options
        self._wanted: IntArray | None = None
        if options.limits:
            with context.database.session() as session:
                self._wanted = lookup.faces_within(session, space, options.limits)

    @classmethod
    def of(cls, context: Context, options: SearchOptions) -> Searcher | None:
        """A searcher for what is in the library now; ``None`` before its first face.

        Raises:
            InvalidInputError: An option is out of range.
            NotFoundError: A video or person that the search is limited to does not exist.
        """
        options.check()
        _check_limits(context, options.limits)
        while True:
            snapshot = what_can_be_found(context)
            with context.database.session() as session:
                space = space_rows.pinned(session)
            if snapshot is None or space is None:
                return None
            if (snapshot.state.space_id, snapshot.state.space) == (space.id, space.name):
                return cls(context, snapshot, space, options)
            # the library was given another pack between the two looks

    def matches(self, vector: FloatArray, *, not_face: int | None = None, not_person: int | None = None) -> Matches:
        """The nearest people and moments.

        Args:
            vector: ``float32`` (dimension,), unit length.
            not_face: A face that is left out.
            not_person: A person who is left out with all their faces.
        """
        options = self._options
        if self._wanted is not None and not len(self._wanted):
            return Matches((), ())
        wide = max(FEWEST, WIDE * options.top)
        with self._context.database.session() as session:
            while True:
                near = self.snapshot.nearest(vector, wide, wanted=self._wanted, approximate=options.approximate)
                similarity = 100.0 * np.asarray(self.pack.similarity(np.float32(1.0) - near.similarities))
                ids = near.rows[similarity >= options.min_similarity].tolist()
                whose = lookup.owners(session, ids, with_hidden=options.with_hidden or bool(options.limits.people))
                kept = {
                    face: (whose[face], float(value))
                    for face, value in zip(ids, similarity.tolist(), strict=False)
                    if face in whose and face != not_face and not _is(whose[face].person_id, not_person)
                }
                moments = list(_moments(kept, options))
                people = list(
                    dict.fromkeys(owner.person_id for owner, _ in kept.values() if owner.person_id is not None)
                )
                ended = len(near.rows) < wide or len(ids) < len(near.rows) or wide >= WIDEST
                if ended or _is_enough(len(moments), len(people), float(similarity[-1]), options):
                    return self._described(session, kept, moments, people)
                wide = min(wide * WIDER, WIDEST)

    def _described(
        self, session: Session, kept: dict[int, tuple[Owner, float]], moments: list[int], people: list[int]
    ) -> Matches:
        top = self._options.top
        faces = lookup.describe_faces(session, moments[:top])
        notes = lookup.notes_of(session, people[:top])
        best: dict[int, float] = {}
        likely: dict[int, int] = {}
        for owner, value in kept.values():
            if owner.person_id is not None:
                best.setdefault(owner.person_id, value)
                likely[owner.person_id] = likely.get(owner.person_id, 0) + (value >= LIKELY)
        return Matches(
            people=tuple(
                PersonMatch(who, notes[who].name, round(best[who], 1), likely[who], notes[who].cover_key)
                for who in people[:top]
                if who in notes
            ),
            moments=tuple(Moment(faces[face], round(kept[face][1], 1)) for face in moments[:top] if face in faces),
        )


def _is(one: int | None, other: int | None) -> bool:
    return one is not None and one == other


def _moments(kept: dict[int, tuple[Owner, float]], options: SearchOptions) -> Iterator[int]:
    """The faces that are named, nearest first."""
    named: set[tuple[str, int]] = set()
    for face, (owner, _) in kept.items():
        key = ("face", face)
        if options.one_per is OnePer.VIDEO:
            key = ("video", owner.video_id)
        elif options.one_per is OnePer.TRACK and owner.track_id is not None:
            key = ("track", owner.track_id)
        if key not in named:
            named.add(key)
            yield face


def _is_enough(moments: int, people: int, least: float, options: SearchOptions) -> bool:
    """Whether faces that are farther away would change nothing: neither the lists, nor how many are likely."""
    if least >= LIKELY or moments < options.top:
        return False
    return people >= options.top or least < FAINT


def _check_limits(context: Context, limits: Limits) -> None:
    with context.database.session() as session:
        for noun, missing in lookup.missing(session, limits).items():
            if missing:
                raise NotFoundError(f"There is no {noun} {missing[0]}.")
