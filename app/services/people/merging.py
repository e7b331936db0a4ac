"""Several people are one; people are different; a person is dissolved."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from app.errors import InvalidInputError
from app.models import Face, Person, Video
from app.services.context import Context
from app.services.people.editing import MANY, Edit, Edited, editing, label, labels
from app.services.people.joining import join_people
from app.services.people.ruling import keep_people_apart
from app.storage import people as people_rows

TITLES_TOLD = 3


def merge_people(
    context: Context,
    person_id: int,
    others: Sequence[int],
    *,
    name: str | None = None,
    cover_face_id: int | None = None,
    revision: int | None = None,
) -> Edited:
    """Makes several people one. Names that do not stay become other names.

    Args:
        context: The context.
        person_id: Whose id stays.
        others: Who joins them.
        name: The name that stays; by default that of ``person_id``, else the first that one of the others has.
        cover_face_id: The picture that stays; by default one that a user chose, else that of ``person_id``.
        revision: The number of changes of ``person_id`` that the user has seen; ``None`` where they did not say.

    Returns:
        What it came to; ``notes`` tells where the people are seen together, which speaks against it.

    Raises:
        NotFoundError: One of the people is gone.
        OutdatedError: Somebody else changed ``person_id`` since.
        InvalidInputError: There is nobody to merge, or the name or the picture cannot be.
    """
    wanted = [other for other in dict.fromkeys(others) if other != person_id]
    if not wanted or len(wanted) > MANY:
        raise InvalidInputError("Choose at least two different people to merge.")
    with editing(context, "merge") as edit:
        keeper = edit.person(person_id, revision)
        gone = [edit.person(other) for other in wanted]
        edit.result.notes = _seen_together(edit, [keeper, *gone])
        cover = cover_face_id or _chosen_cover([keeper, *gone])
        said = f"Merged {labels(gone)} into {label(keeper)}"
        join_people(edit.journal, keeper, gone, name=people_rows.clean_name(name))
        if cover is not None:
            _take_cover(edit, person_id, cover, asked=cover_face_id is not None)
        edit.result.person_id, edit.result.summary = person_id, said
    return edit.result


def say_different(context: Context, people: Sequence[int], *, revision: int | None = None) -> Edited:
    """Says that people are different: no grouping joins them, and nobody is asked whether they are one.

    Args:
        context: The context.
        people: Two or more; the answer is about the first.
        revision: The first one's number of changes that the user has seen; ``None`` where they did not say.

    Raises:
        NotFoundError: One of them is gone.
        OutdatedError: Somebody else changed the first since.
        InvalidInputError: There are fewer than two, or too many.
    """
    wanted = list(dict.fromkeys(people))
    if not 2 <= len(wanted) <= 200:
        raise InvalidInputError("Choose between 2 and 200 different people.")
    with editing(context, "different") as edit:
        found = [edit.person(one, revision if place == 0 else None) for place, one in enumerate(wanted)]
        edit.result.person_id = wanted[0]
        edit.result.summary = f"Said that {labels(found)} are different people"
        keep_people_apart(edit.journal, wanted)
    return edit.result


def delete_person(context: Context, person_id: int, *, revision: int | None = None) -> Edited:
    """Dissolves a person: their faces are nobody's and may be grouped anew. No face is deleted.

    Args:
        context: The context.
        person_id: The person.
        revision: The person's number of changes that the user has seen; ``None`` where they did not say.

    Raises:
        NotFoundError: There is no such person.
        OutdatedError: Somebody else changed them since.
    """
    with editing(context, "delete") as edit:
        person = edit.person(person_id, revision)
        edit.result.summary = f"Deleted {label(person)}"
        edit.journal.remove(person)
    return edit.result


def _chosen_cover(people: Sequence[Person]) -> int | None:
    """The picture that a user chose, where one did."""
    return next((person.cover_face_id for person in people if person.cover_chosen and person.cover_face_id), None)


def _take_cover(edit: Edit, person_id: int, face_id: int, *, asked: bool) -> None:
    edit.journal.follow()
    face = edit.session.get(Face, face_id, populate_existing=True)
    if face is not None and face.person_id == person_id:
        edit.journal.set(edit.person(person_id), cover_face_id=face_id, cover_chosen=True)
    elif asked:
        raise InvalidInputError(f"Face {face_id} is no face of these people; choose one of theirs.")


def _seen_together(edit: Edit, people: Sequence[Person]) -> list[str]:
    """Where two of the people are in one frame, in words: nobody is there twice."""
    ids = [person.id for person in people]
    one, other = aliased(Face), aliased(Face)
    place = and_(
        other.video_id == one.video_id,
        other.sample == one.sample,
        other.person_id.in_(ids),
        other.person_id != one.person_id,
    )
    query = (
        select(Video.title).join(one, one.video_id == Video.id).join(other, place).where(one.person_id.in_(ids))
    ).distinct()
    titles = list(edit.session.scalars(query.limit(TITLES_TOLD)))
    if not titles:
        return []
    where = ", ".join(f"“{title}”" for title in titles)
    return [f"They are seen side by side in {where}. A grouping of the library takes such faces apart again."]
