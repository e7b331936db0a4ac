"""What users decided about the faces and tracks of one video: read before they are replaced, and written again after.

Tracks and faces are replaced as a whole when a video is looked at again; what hangs on them is re-pointed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

from sqlalchemy import ColumnElement, delete, exists, or_, select, true, update
from sqlalchemy.orm import Session

from app.domain import RuleKind
from app.models import Face, LinkRule, Person, ReviewQuestion, Track
from app.storage.findings import IS_SHOWN
from app.storage.rows import batches, run

ABOUT_NOBODY: ColumnElement[bool] = ReviewQuestion.answer.is_(None) & or_(
    *(
        column.is_not(None) & ~exists().where(table.id == column).correlate(ReviewQuestion)
        for column, table in (
            (ReviewQuestion.person_id, Person),
            (ReviewQuestion.other_person_id, Person),
            (ReviewQuestion.track_id, Track),
        )
    )
)
"""Questions that nobody answered and that are about a person or a track that is gone."""

PlaceRow = tuple[int, float, float, float, float, float]
"""Id of a face, its time in seconds and the corners of its box."""


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track as it was.

    Attributes:
        id: The track.
        space_id: Its space.
        start: Seconds.
        end: Seconds.
        person_id: Whose it is, if anybody's.
        confirmed: A user said so.
        embedding: ``float32`` bytes.
    """

    id: int
    space_id: int
    start: float
    end: float
    person_id: int | None
    confirmed: bool
    embedding: bytes


@dataclass(frozen=True, slots=True)
class KnownRule:
    """A rule about at least one track of the video."""

    id: int
    kind: RuleKind
    track_id: int | None
    other_track_id: int | None
    person_id: int | None
    other_person_id: int | None
    created_at: datetime


@dataclass(frozen=True)
class Known:
    """What is known of a video before its tracks are replaced.

    Attributes:
        tracks: Its tracks by id.
        owners: Track of each face that has one.
        dismissed: Faces of which a user said that they are none.
        rules: Rules about its tracks.
        covers: By person, the face of this video that a user chose to show them.
        shown: Seconds of those faces, and of those that questions show.
    """

    tracks: dict[int, KnownTrack] = field(default_factory=dict)
    owners: dict[int, int] = field(default_factory=dict)
    dismissed: frozenset[int] = frozenset()
    rules: list[KnownRule] = field(default_factory=list)
    covers: dict[int, int] = field(default_factory=dict)
    shown: dict[int, float] = field(default_factory=dict)

    @property
    def decided(self) -> set[int]:
        """Tracks about which a user said something."""
        found = {track.id for track in self.tracks.values() if track.confirmed}
        ends = {end for rule in self.rules for end in (rule.track_id, rule.other_track_id) if end is not None}
        return found | (ends & set(self.tracks))


def read(session: Session, video_id: int) -> Known:
    """What is known of a video; of one that is linked for the first time nothing."""
    columns = (Track.id, Track.space_id, Track.start, Track.end, Track.person_id, Track.confirmed, Track.embedding)
    rows = session.execute(select(*columns).where(Track.video_id == video_id)).all()
    faces = select(Face.id, Face.track_id).where(Face.video_id == video_id, IS_SHOWN, Face.track_id.is_not(None))
    return Known(
        tracks={row.id: KnownTrack(*row) for row in rows},
        owners={face: track for face, track in session.execute(faces) if track is not None},
        dismissed=dismissed_in(session, video_id),
        rules=_rules(session, video_id),
        covers=_covers(session, video_id),
        shown=_shown(session, video_id),
    )


def dismissed_in(session: Session, video_id: int) -> frozenset[int]:
    """Faces of a video of which a user said that they are none."""
    return frozenset(session.scalars(select(Face.id).where(Face.video_id == video_id, IS_SHOWN, Face.dismissed)))


def has_findings(session: Session, video_id: int) -> bool:
    """Whether a video has tracks, or faces that a user dismissed."""
    track = session.scalar(select(Track.id).where(Track.video_id == video_id).limit(1))
    return track is not None or bool(dismissed_in(session, video_id))


def places(session: Session, video_id: int, *, hidden: bool) -> list[PlaceRow]:
    """Where the faces of a video are; ``hidden``: those of a run that has not ended yet."""
    query = select(Face.id, Face.timestamp, Face.x1, Face.y1, Face.x2, Face.y2).where(Face.video_id == video_id)
    rows = session.execute(query.where(~IS_SHOWN if hidden else IS_SHOWN).order_by(Face.id)).all()
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


def embeddings(session: Session, face_ids: Sequence[int], space_id: int) -> dict[int, bytes]:
    """Vectors of faces, of those that are in this space."""
    found: dict[int, bytes] = {}
    for part in batches(face_ids):
        query = select(Face.id, Face.embedding).where(Face.id.in_(part), Face.space_id == space_id)
        found.update((key, vector) for key, vector in session.execute(query))
    return found


def dismiss(session: Session, face_ids: Sequence[int]) -> None:
    """Marks faces as none."""
    for part in batches(face_ids):
        run(session, update(Face).where(Face.id.in_(part)).values(dismissed=True, track_id=None, person_id=None))


def repoint_rules(session: Session, rules: Sequence[KnownRule], now: Mapping[int, Sequence[int]]) -> int:
    """Writes rules about tracks that are gone again, about the tracks that came in their place.

    A rule about a track that was torn holds for each piece. One whose two tracks are one now, or of whose end nothing
    is left, goes.

    Args:
        session: A writing session.
        rules: The rules as they were.
        now: New tracks by old track.

    Returns:
        How many rules went.
    """
    for part in batches([rule.id for rule in rules]):
        run(session, delete(LinkRule).where(LinkRule.id.in_(part)))
    lost = 0
    written: set[tuple[RuleKind, frozenset[tuple[str, int]]]] = set()
    for rule in rules:
        ends = [
            [("t", new) for new in now.get(track, [track])]
            for track in (rule.track_id, rule.other_track_id)
            if track is not None
        ]
        ends += [[("p", who)] for who in (rule.person_id, rule.other_person_id) if who is not None]
        made = [pair for pair in product(*ends) if len(set(pair)) == len(pair) == 2]
        fresh = [pair for pair in made if (rule.kind, frozenset(pair)) not in written]
        written.update((rule.kind, frozenset(pair)) for pair in made)
        session.add_all([_rule(rule, pair, number == 0) for number, pair in enumerate(fresh)])
        lost += not made
    session.flush()
    return lost


def _rule(rule: KnownRule, ends: Sequence[tuple[str, int]], first: bool) -> LinkRule:
    tracks = [key for kind, key in ends if kind == "t"] + [None, None]
    people = [key for kind, key in ends if kind == "p"] + [None, None]
    return LinkRule(
        id=rule.id if first else None,
        kind=rule.kind,
        track_id=tracks[0],
        other_track_id=tracks[1],
        person_id=people[0],
        other_person_id=people[1],
        created_at=rule.created_at,
    )


def repoint_covers(session: Session, covers: Mapping[int, int | None]) -> None:
    """Gives people another cover in the place of the one that they chose; without one the best face is shown again.

    Args:
        session: A writing session.
        covers: New cover by person.
    """
    for person, face in covers.items():
        values = {"cover_face_id": face, "cover_chosen": face is not None}
        run(session, update(Person).where(Person.id == person).values(**values))


def repoint_questions(session: Session, now: Mapping[int, int | None], faces: Mapping[int, int | None]) -> None:
    """Lets questions and answers about tracks and faces that are gone speak of those that came in their place.

    A question of which nothing is left goes; an answer stays, so that it is remembered.

    Args:
        session: A writing session.
        now: For each old track the one that goes on as it.
        faces: For each old face that may be shown, the new one.
    """
    shown = list(faces)
    for part in batches([*now], 500):
        for question in session.scalars(select(ReviewQuestion).where(ReviewQuestion.track_id.in_(part))).all():
            _repoint(session, question, question.track_id and now[question.track_id])
    for part in batches(shown, 500):
        about = or_(ReviewQuestion.face_id.in_(part), ReviewQuestion.other_face_id.in_(part))
        for question in session.scalars(select(ReviewQuestion).where(about)).all():
            question.face_id = faces.get(question.face_id or 0, question.face_id)
            question.other_face_id = faces.get(question.other_face_id or 0, question.other_face_id)
    session.flush()


def forget_questions(session: Session) -> int:
    """Removes questions about people and tracks that are gone; answers stay, so that they are remembered.

    Returns:
        How many.
    """
    return run(session, delete(ReviewQuestion).where(ABOUT_NOBODY))


def _repoint(session: Session, question: ReviewQuestion, track: int | None) -> None:
    if track is None:
        if question.answer is None:
            session.delete(question)
        return
    names = [f"t{track}" if name == f"t{question.track_id}" else name for name in question.pair.split("-")]
    pair = "-".join(names)
    other = session.scalar(select(ReviewQuestion).where(ReviewQuestion.pair == pair))
    if other is not None and other is not question:
        session.delete(question if question.answer is None or other.answer is not None else other)
        session.flush()
        if question.answer is None or other.answer is not None:
            return
    question.pair, question.track_id = pair, track
    session.flush()


def _rules(session: Session, video_id: int) -> list[KnownRule]:
    tracks = select(Track.id).where(Track.video_id == video_id)
    query = select(LinkRule).where(or_(LinkRule.track_id.in_(tracks), LinkRule.other_track_id.in_(tracks)))
    return [
        KnownRule(
            rule.id,
            rule.kind,
            rule.track_id,
            rule.other_track_id,
            rule.person_id,
            rule.other_person_id,
            rule.created_at,
        )
        for rule in session.scalars(query.order_by(LinkRule.id))
    ]


def _covers(session: Session, video_id: int) -> dict[int, int]:
    query = select(Person.id, Person.cover_face_id).join(Face, Face.id == Person.cover_face_id)
    rows = session.execute(query.where(Face.video_id == video_id, Person.cover_chosen)).all()
    return {person: face for person, face in rows if face is not None}


def _shown(session: Session, video_id: int) -> dict[int, float]:
    """Faces of a video that stand for somebody by a user's choice or in a question, and when they are seen."""
    uses = (
        (Person, Person.cover_face_id == Face.id, Person.cover_chosen),
        (ReviewQuestion, ReviewQuestion.face_id == Face.id, true()),
        (ReviewQuestion, ReviewQuestion.other_face_id == Face.id, true()),
    )
    found: dict[int, float] = {}
    for table, joined, which in uses:
        query = select(Face.id, Face.timestamp).join(table, joined).where(Face.video_id == video_id, which)
        found.update((key, at) for key, at in session.execute(query))
    return found
