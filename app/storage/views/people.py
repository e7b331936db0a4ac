"""Questions about people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from app.domain import MediaKind
from app.models import Face, Person, Track, Video
from app.storage.views.shapes import Page, PersonRow

PeopleOrder = Literal["seen", "newest", "name"]
PeopleFilter = Literal["all", "named", "unnamed", "favourites", "hidden", "ignored"]

IS_LISTED: ColumnElement[bool] = and_(~Person.hidden, ~Person.ignored)
"""Who is in lists where nobody asks for hidden or ignored people."""
_FILTERS: dict[PeopleFilter, ColumnElement[bool]] = {
    "all": IS_LISTED,
    "named": and_(IS_LISTED, Person.name.is_not(None)),
    "unnamed": and_(IS_LISTED, Person.name.is_(None)),
    "favourites": and_(IS_LISTED, Person.favourite),
    "hidden": and_(Person.hidden),
    "ignored": and_(Person.ignored),
}


def screen_seconds(default_interval: float) -> ColumnElement[float]:
    """SQL for the time a track is on screen.

    A face of one sample stands for the time up to the next sample, so a track lasts one interval longer than the
    distance of its first and last face, but never past the end of the video.

    Args:
        default_interval: Seconds, for videos whose first run is not finished.
    """
    # pictures have no time: nobody is on screen for any of it
    stills = Video.media_kind == MediaKind.PICTURES
    natural = Track.end + func.coalesce(Video.interval, default_interval)
    limit = func.coalesce(Video.duration, natural)
    end = case((stills, Track.start), (limit < Track.end, Track.end), (limit < natural, limit), else_=natural)
    return end - Track.start


def list_people(
    session: Session,
    page: Page,
    *,
    default_interval: float,
    order: PeopleOrder = "seen",
    only: PeopleFilter = "all",
    among: Sequence[int] | None = None,
) -> list[PersonRow]:
    """One page of people with their counts, in one statement.

    Args:
        session: A session.
        page: Which page.
        default_interval: Seconds, for videos whose first run is not finished.
        order: In which order.
        only: Which of them; hidden and ignored people only where they are asked for.
        among: Only people with these ids.
    """
    statement = _select(default_interval).where(_FILTERS[only])
    if among is not None:
        statement = statement.where(Person.id.in_(among))
    orders: dict[str, list[ColumnElement[Any]]] = {
        "seen": [*(statement.selected_columns[name].desc() for name in ("seconds", "faces")), Person.id.asc()],
        "newest": [Person.id.desc()],
        "name": [Person.name.is_(None), func.lower(Person.name), Person.id.asc()],
    }
    return _rows(session, statement.order_by(*orders[order]).limit(page.size).offset(page.offset))


def count_people(session: Session, only: PeopleFilter = "all", among: Sequence[int] | None = None) -> int:
    """How many people pass the filter."""
    statement = select(func.count(Person.id)).where(_FILTERS[only])
    if among is not None:
        statement = statement.where(Person.id.in_(among))
    return session.scalar(statement) or 0


def person(session: Session, person_id: int, *, default_interval: float) -> PersonRow | None:
    """One person, or ``None``."""
    return people_by_id(session, [person_id], default_interval=default_interval).get(person_id)


def people_by_id(session: Session, ids: Sequence[int], *, default_interval: float) -> dict[int, PersonRow]:
    """The people with these ids that exist."""
    statement = _select(default_interval, Track.person_id.in_(ids)).where(Person.id.in_(ids))
    return {row.id: row for row in _rows(session, statement)}


def _select(default_interval: float, *only: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """People with their sums; ``only`` narrows the tracks that are summed to those of the people wanted."""
    sums = (
        select(
            Track.person_id.label("person_id"),
            func.sum(Track.face_count).label("faces"),
            func.count(Track.video_id.distinct()).label("videos"),
            func.sum(screen_seconds(default_interval)).label("seconds"),
        )
        .join(Video, Video.id == Track.video_id)
        .where(Track.person_id.is_not(None), *only)
        .group_by(Track.person_id)
        .subquery()
    )
    return (
        select(
            Person,
            Face.crop_key,
            func.coalesce(sums.c.faces, 0).label("faces"),
            func.coalesce(sums.c.videos, 0).label("videos"),
            func.coalesce(sums.c.seconds, 0.0).label("seconds"),
        )
        .outerjoin(sums, sums.c.person_id == Person.id)
        .outerjoin(Face, Face.id == Person.cover_face_id)
    )


def _rows(session: Session, statement: Select[*tuple[Any, ...]]) -> list[PersonRow]:
    return [
        PersonRow(
            id=found.id,
            name=found.name,
            cover_key=cover,
            face_count=int(faces),
            video_count=int(videos),
            seconds=float(seconds),
            created_at=found.created_at,
            updated_at=found.updated_at,
            aliases=tuple(str(name) for name in found.aliases or ()),
            notes=found.notes,
            birth_date=found.birth_date,
            hidden=found.hidden,
            ignored=found.ignored,
            favourite=found.favourite,
            cover_face_id=found.cover_face_id,
            cover_chosen=found.cover_chosen,
            revision=found.revision,
        )
        for found, cover, faces, videos, seconds in session.execute(statement).all()
    ]
