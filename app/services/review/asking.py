"""Which question comes next. Questions are made after a grouping, or when somebody asks; each is checked before it is asked."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from app.domain import Answer
from app.models import ReviewQuestion
from app.services.context import Context
from app.services.person_means import person_means
from app.services.review.candidates import KEPT, find_candidates
from app.storage import questions as question_rows
from app.storage import settled
from app.storage.database import Database
from app.storage.person_vectors import Mark
from app.storage.questions import Candidate
from app.storage.side_by_side import share_a_frame
from app.storage.views import review as review_views
from app.storage.views.review import Sample, Subject

logger = logging.getLogger(__name__)

PIECE = 50
MAX_QUESTIONS = 100


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two of a question.

    Attributes:
        person: Who, ``None`` where it is a track that is nobody's.
        face: The face to look at.
    """

    person: Subject | None
    face: Sample


@dataclass(frozen=True, slots=True)
class Question:
    """Are these two one person?

    Attributes:
        id: Its id.
        similarity: 0..100; 50 is where one person becomes more likely than two.
        value: Expected number of faces that an answer puts right.
        one: A person.
        other: Another person, or a track that is nobody's.
    """

    id: int
    similarity: float
    value: float
    one: Side
    other: Side


@dataclass(frozen=True, slots=True)
class Queue:
    """The next questions.

    Attributes:
        questions: Most valuable first.
        open: How many are open altogether.
        faces: Expected number of faces that answers to all of them put right.
    """

    questions: list[Question]
    open: int
    faces: float


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """How far the review has come.

    Attributes:
        open: Questions that wait for an answer.
        faces: Expected number of faces that answers to all of them put right.
        answered: How many were answered how.
    """

    open: int
    faces: float
    answered: dict[Answer, int]


@dataclass(frozen=True, slots=True)
class _Made:
    """From which state of the library this process made questions, and whether there were more than are kept."""

    mark: Mark
    more: bool


_made: WeakKeyDictionary[Database, _Made] = WeakKeyDictionary()
_lock = threading.Lock()


def make_questions(context: Context, *, remember: bool = True) -> int:
    """Looks for pairs worth asking about, in the library as it is now.

    Args:
        context: The context.
        remember: Keep what people look like in memory, for a process that will be asked again.

    Returns:
        How many questions are open.
    """
    started = time.perf_counter()
    means = person_means(context, remember=remember)
    if means is None:
        return 0
    with context.database.session() as session:
        candidates = find_candidates(session, means)
    with context.database.write() as session:
        number = question_rows.replace_open(session, candidates)
    _made[context.database] = _Made(means.mark, len(candidates) == KEPT)
    seconds = round(time.perf_counter() - started, 3)
    logger.info("questions made", extra={"questions": number, "people": len(means.ids), "seconds": seconds})
    return number


def next_questions(context: Context, *, limit: int = 1, person_id: int | None = None) -> Queue:
    """The most valuable questions.

    Args:
        context: The context.
        limit: At most how many, 1..100.
        person_id: Only those about this person.
    """
    with _lock:
        with context.database.session() as session:
            outdated = question_rows.outdated(session)
        if outdated:
            _make_if_changed(context)
        found = _read(context, limit, person_id)
        # What was answered since may have brought others near the threshold.
        if not found and person_id is None and _make_if_changed(context):
            found = _read(context, limit, person_id)
    with context.database.session() as session:
        number, faces = question_rows.open_sum(session)
    return Queue(found, number, faces)


def review_counts(context: Context) -> ReviewCounts:
    """How far the review has come."""
    with context.database.session() as session:
        number, faces = question_rows.open_sum(session)
        return ReviewCounts(number, faces, question_rows.counts(session))


def still_asked(session: Session, rows: Sequence[ReviewQuestion]) -> set[int]:
    """Ids of those questions that still have a meaning: both are there, are shown, and nothing has settled them."""
    people = {who for row in rows for who in (row.person_id, row.other_person_id) if who is not None}
    present = review_views.shown_people(session, people)
    free = review_views.nobodys(session, [row.track_id for row in rows if row.track_id is not None])
    known = settled.settled(session)
    left = [
        row
        for row in rows
        if {row.person_id, row.other_person_id} - {None} <= present
        and (row.track_id is None or row.track_id in free)
        and row.pair not in known
    ]
    together = share_a_frame(session, [as_candidate(row) for row in left])
    return {row.id for row in left if row.pair not in together}


def as_candidate(row: ReviewQuestion) -> Candidate:
    """The pair that a question is about."""
    return Candidate(
        row.person_id or 0,
        row.other_person_id,
        row.track_id,
        row.face_id,
        row.other_face_id,
        row.similarity,
        row.value,
    )


def _make_if_changed(context: Context) -> bool:
    means = person_means(context)
    made = _made.get(context.database)
    if means is None or (made is not None and made.mark == means.mark and not made.more):
        return False
    make_questions(context)
    return True


def _read(context: Context, limit: int, person_id: int | None) -> list[Question]:
    """Open questions that still have a meaning; the others are dropped on the way."""
    found: list[Question] = []
    over: set[int] = set()
    with context.database.session() as session:
        offset = 0
        while len(found) < limit:
            rows = question_rows.open_questions(session, limit=PIECE, offset=offset, person_id=person_id)
            asked = still_asked(session, rows)
            wanted = [row for row in rows if row.id in asked][: limit - len(found)]
            shown = _described(session, wanted)
            found += shown
            over |= ({row.id for row in rows} - asked) | ({row.id for row in wanted} - {one.id for one in shown})
            offset += PIECE
            if len(rows) < PIECE:
                break
    if over:
        with context.database.write() as session:
            question_rows.forget(session, over)
    return found


def _described(session: Session, rows: Sequence[ReviewQuestion]) -> list[Question]:
    people = review_views.subjects(
        session, [who for row in rows for who in (row.person_id, row.other_person_id) if who]
    )
    faces = review_views.samples(session, [face for row in rows for face in (row.face_id, row.other_face_id) if face])
    shown = []
    for row in rows:
        one, other = faces.get(row.face_id or 0), faces.get(row.other_face_id or 0)
        if one is None or other is None:
            continue
        sides = Side(people[row.person_id or 0], one), Side(people.get(row.other_person_id or 0), other)
        shown.append(Question(row.id, row.similarity, row.value, *sides))
    return shown
