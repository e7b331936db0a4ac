"""Tracks, people and counters that do not fit the faces.

Each thing is looked for in a reading session first: only where there is damage does a transaction hold off the workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import ColumnElement

from app.domain import JobKind
from app.models import Face, Job, Person, Track, utc_now
from app.services.doctor.visit import Visit
from app.storage import faces as face_rows
from app.storage import people as people_rows
from app.storage.jobs import UNFINISHED
from app.storage.rows import run, serialize_findings

BUSY = exists().where(Job.video_id == Track.video_id, Job.state.in_(UNFINISHED)).correlate(Track)
HAS_FACES = exists().where(Face.track_id == Track.id).correlate(Track)
FACES = select(func.count(Face.id)).where(Face.track_id == Track.id).correlate(Track).scalar_subquery()
BEST = (
    select(Face.id)
    .where(Face.track_id == Track.id)
    .order_by(Face.quality.desc(), Face.id)
    .limit(1)
    .correlate(Track)
    .scalar_subquery()
)
HAS_BEST = exists().where(Face.id == Track.best_face_id, Face.track_id == Track.id).correlate(Track)
TRACKS_PERSON = select(Track.person_id).where(Track.id == Face.track_id).correlate(Face).scalar_subquery()
HAS_COVER = exists().where(Face.id == Person.cover_face_id).correlate(Person)


@dataclass(frozen=True)
class Repair:
    """One kind of damage.

    Attributes:
        code: Stable name for programs.
        what: What is found.
        done: What becomes of it.
        column: Id of the rows.
        where: Which of them are damaged.
        mend: Repairs them.
    """

    code: str
    what: str
    done: str
    column: InstrumentedAttribute[int]
    where: ColumnElement[bool]
    mend: Callable[[Session], object]


WITHOUT_COVER = Person.cover_face_id.is_not(None) & ~HAS_COVER


def _choose_covers(session: Session) -> None:
    people_rows.choose_covers(session)
    # whoever has a name and no face any more has no picture either
    statement = update(Person).where(WITHOUT_COVER).values(cover_face_id=None, updated_at=utc_now())
    run(session, statement)


EMPTY = ~HAS_FACES & ~BUSY
MISCOUNTED = (Track.face_count != FACES) & HAS_FACES & ~BUSY
WITHOUT_BEST = ~HAS_BEST & HAS_FACES & ~BUSY
TRACKS = (
    Repair(
        "empty_tracks",
        "track without a face",
        "removed",
        Track.id,
        EMPTY,
        lambda session: run(session, delete(Track).where(EMPTY)),
    ),
    Repair(
        "wrong_counts",
        "track whose faces were counted wrong",
        "corrected",
        Track.id,
        MISCOUNTED,
        lambda session: run(session, update(Track).where(MISCOUNTED).values(face_count=FACES)),
    ),
    Repair(
        "lost_best_faces",
        "track whose best face was gone",
        "given another one",
        Track.id,
        WITHOUT_BEST,
        lambda session: run(session, update(Track).where(WITHOUT_BEST).values(best_face_id=BEST)),
    ),
)
FACES_OF_OTHERS = Repair(
    "wrong_people",
    "face without its track's person",
    "put there",
    Face.id,
    Face.person_id.is_distinct_from(TRACKS_PERSON),
    face_rows.follow_tracks,
)
EMPTY_PEOPLE = Repair(
    "empty_people",
    "person without a face and a name",
    "removed",
    Person.id,
    ~people_rows.IS_NEEDED,
    people_rows.delete_empty,
)
LOST_COVERS = Repair(
    "lost_covers",
    "person whose picture was gone",
    "given another one",
    Person.id,
    WITHOUT_COVER,
    _choose_covers,
)


def mend_rows(visit: Visit) -> None:
    """Removes tracks and people without a face, and counts anew what was counted wrong."""
    repairs = [*TRACKS, FACES_OF_OTHERS]
    if not _is_grouped_soon(visit):  # a grouping looks after people itself
        repairs += [EMPTY_PEOPLE, LOST_COVERS]
    if visit.repairs:
        for repair in repairs:
            if is_damaged(visit, repair):
                with visit.changes() as session:
                    mend(visit, session, repair)
    elif any(is_damaged(visit, repair) for repair in repairs):
        with visit.changes() as session:  # all in one, because one damage leads to the next
            for repair in repairs:
                mend(visit, session, repair)


def _is_grouped_soon(visit: Visit) -> bool:
    with visit.context.database.session() as session:
        leads_there = (Job.kind == JobKind.CLUSTER) | Job.video_id.is_not(None)
        works = select(Job.id).where(Job.state.in_(UNFINISHED), leads_there)
        return session.scalar(works.limit(1)) is not None


def is_damaged(visit: Visit, repair: Repair) -> bool:
    """Whether there is any damage of this kind."""
    with visit.context.database.session() as session:
        return session.scalar(select(repair.column).where(repair.where).limit(1)) is not None


def mend(visit: Visit, session: Session, repair: Repair) -> None:
    """Repairs what is damaged in this way, and tells of it."""
    serialize_findings(session)
    count = session.scalar(select(func.count(repair.column)).where(repair.where)) or 0
    if count:
        repair.mend(session)
    visit.report.add(repair.code, count, repair.what, repair.done)
