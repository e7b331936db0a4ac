"""Whose faces are: moved to somebody, taken away, confirmed; or no faces at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from app.errors import InvalidInputError
from app.models import Face, Track
from app.services.context import Context
from app.services.people.cutting import places_of_faces, tracks_of_faces
from app.services.people.editing import MANY, Edit, Edited, counted, editing, label
from app.services.people.ruling import give_way, keep_tracks_from
from app.storage import people as people_rows


@dataclass(frozen=True)
class Chosen:
    """What a user chose: faces, whole tracks, or both.

    Attributes:
        faces: Ids of faces.
        tracks: Ids of tracks: all their faces.
    """

    faces: Collection[int] = ()
    tracks: Collection[int] = ()

    def check(self) -> None:
        """Refuses what nothing can be done with.

        Raises:
            InvalidInputError: Nothing is chosen, or far too much.
        """
        if not self.faces and not self.tracks:
            raise InvalidInputError("Choose at least one face or track.")
        if len(self.faces) + len(self.tracks) > MANY:
            raise InvalidInputError(f"Choose at most {MANY:,} faces and tracks at once.")


def move_faces(
    context: Context, chosen: Chosen, to: int | None, *, name: str | None = None, revision: int | None = None
) -> Edited:
    """Gives faces to a person, for good: they are confirmed, and are not whose they were.

    Args:
        context: The context.
        chosen: The faces.
        to: The person; ``None`` for somebody new.
        name: The name of somebody new.
        revision: The person's number of changes that the user has seen; ``None`` where they did not say.

    Raises:
        NotFoundError: The person, a face or a track is gone.
        ConflictError: A face belongs to no track.
        OutdatedError: Somebody else changed the person since.
    """
    chosen.check()
    with editing(context, "move" if to is not None else "new_person") as edit:
        target = edit.person(to, revision) if to is not None else None
        tracks = _tracks(edit, chosen)
        if target is None:
            target = edit.new_person(name)
            edit.result.same_name = people_rows.of_name(edit.session, name, but=target.id) if name else []
        faces = sum(track.face_count for track in tracks)
        edit.result.person_id = target.id
        edit.result.summary = f"Moved {counted(faces, 'face')} to {label(target)}"
        _assign(edit, tracks, target.id)
    return edit.result


def remove_faces(context: Context, chosen: Chosen) -> Edited:
    """Takes faces away from the people whose they are ("not this person"): they are nobody's and never theirs again.

    Args:
        context: The context.
        chosen: The faces; what is nobody's is passed over.

    Raises:
        NotFoundError: A face or a track is gone.
        ConflictError: A face belongs to no track.
    """
    chosen.check()
    with editing(context, "remove") as edit:
        tracks = [track for track in _tracks(edit, chosen) if track.person_id is not None]
        faces = sum(track.face_count for track in tracks)
        owners = {track.person_id for track in tracks if track.person_id is not None}
        whose = label(edit.person(min(owners))) if len(owners) == 1 else f"{len(owners)} people"
        edit.result.person_id = min(owners) if len(owners) == 1 else None
        edit.result.summary = f"Removed {counted(faces, 'face')} from {whose}"
        _assign(edit, tracks, None)
    return edit.result


def confirm_faces(context: Context, person_id: int, chosen: Chosen, *, revision: int | None = None) -> Edited:
    """Says that faces are of the person whose they are: no grouping takes them away.

    What is known of a face is known of its whole track, which shows one person.

    Args:
        context: The context.
        person_id: The person.
        chosen: The faces.
        revision: The person's number of changes that the user has seen; ``None`` where they did not say.

    Raises:
        NotFoundError: The person, a face or a track is gone.
        ConflictError: A face belongs to no track.
        InvalidInputError: A face is not of this person.
        OutdatedError: Somebody else changed the person since.
    """
    chosen.check()
    with editing(context, "confirm") as edit:
        person = edit.person(person_id, revision)
        tracks = edit.tracks({*chosen.tracks, *places_of_faces(edit.session, chosen.faces).values()})
        if any(track.person_id != person_id for track in tracks):
            raise InvalidInputError(f"Not all of these are faces of {label(person)}. Move them there instead.")
        faces = sum(track.face_count for track in tracks)
        edit.result.person_id = person_id
        edit.result.summary = f"Confirmed {counted(faces, 'face')} of {label(person)}"
        ids = [track.id for track in tracks]
        edit.journal.set_many(Track, "confirmed", dict.fromkeys(ids, True))
        give_way(edit.journal, ids, person_id)
    return edit.result


def dismiss_faces(context: Context, chosen: Chosen) -> Edited:
    """Says that something is no face at all: it belongs to nobody, and is never grouped again.

    Args:
        context: The context.
        chosen: The faces.

    Raises:
        NotFoundError: A face or a track is gone.
        ConflictError: A face belongs to no track, or was dismissed before.
    """
    chosen.check()
    with editing(context, "dismiss") as edit:
        tracks = _tracks(edit, chosen)
        faces = sum(track.face_count for track in tracks)
        edit.result.summary = f"Said that {counted(faces, 'picture')} {'shows' if faces == 1 else 'show'} no face"
        for track in tracks:
            edit.journal.set_many(Face, "dismissed", dict.fromkeys(_faces_in(edit, track.id), True))
            edit.journal.remove(track)
    return edit.result


def _assign(edit: Edit, tracks: list[Track], person_id: int | None) -> None:
    """Gives tracks to somebody or nobody; a later grouping keeps them from whose they were."""
    ids = [track.id for track in tracks]
    before: dict[int, list[int]] = defaultdict(list)
    for track in tracks:
        if track.person_id not in (None, person_id):
            before[track.person_id or 0].append(track.id)
    edit.journal.set_many(Track, "person_id", dict.fromkeys(ids, person_id))
    edit.journal.set_many(Track, "confirmed", dict.fromkeys(ids, person_id is not None))
    give_way(edit.journal, ids, person_id)
    nobody = {person.id for person in people_rows.emptied(edit.session, list(before))}
    for owner, theirs in before.items():
        if owner not in nobody:
            keep_tracks_from(edit.journal, theirs, owner)


def _tracks(edit: Edit, chosen: Chosen) -> list[Track]:
    """Tracks that hold what was chosen and nothing else."""
    whole = {track.id for track in edit.tracks(chosen.tracks)}
    around = places_of_faces(edit.session, chosen.faces)
    single = [face for face, track in around.items() if track not in whole]
    return edit.tracks({*whole, *tracks_of_faces(edit, single)})


def _faces_in(edit: Edit, track_id: int) -> list[int]:
    return list(edit.session.scalars(select(Face.id).where(Face.track_id == track_id)))
