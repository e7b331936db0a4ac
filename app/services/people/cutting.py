"""Cuts faces out of their tracks: what users say of single faces is kept of a track, the node of grouping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import RuleKind
from app.errors import ConflictError, NotFoundError
from app.models import EmbeddingSpace, Face, LinkRule, Track
from app.services.models.choose import pack_of_space
from app.services.people.editing import Edit
from app.services.process_video.rows import observed, track_row
from app.services.track_rules import track_settings
from app.storage import faces as face_rows
from app.storage.rows import batches
from app.vision.track import TrackResult, summarise


def tracks_of_faces(edit: Edit, face_ids: Collection[int]) -> list[int]:
    """The tracks of some faces, each track of these faces only: where a track has others, it is cut.

    The cut stays when the edit is undone; then both parts belong to the same person again.

    Args:
        edit: The edit.
        face_ids: Faces.

    Returns:
        Ids of tracks, by id.

    Raises:
        NotFoundError: One of the faces is gone.
        ConflictError: One of them was said to be none, or belongs to no track yet.
    """
    wanted: dict[int, set[int]] = defaultdict(set)
    for face, track in places_of_faces(edit.session, face_ids).items():
        wanted[track].add(face)
    return sorted(_alone(edit, track, faces) for track, faces in wanted.items())


def places_of_faces(session: Session, face_ids: Collection[int]) -> dict[int, int]:
    """The track of each of some faces.

    Raises:
        NotFoundError: One of the faces is gone.
        ConflictError: One of them was said to be none, or belongs to no track yet.
    """
    found: dict[int, int] = {}
    for part in batches(sorted(set(face_ids))):
        query = select(Face.id, Face.track_id, Face.dismissed).where(Face.id.in_(part))
        for face, track, dismissed in session.execute(query):
            if dismissed:
                raise ConflictError(f"Face {face} was said to be no face. Undo that first.")
            if track is None:
                raise ConflictError(f"The video of face {face} is still being looked at. Try again when it is done.")
            found[face] = track
    missing = set(face_ids) - set(found)
    if missing:
        raise NotFoundError(f"There is no face {min(missing)}. Its video may have been looked at again.")
    return found


def _alone(edit: Edit, track_id: int, wanted: set[int]) -> int:
    session = edit.session
    query = select(Face).where(Face.track_id == track_id).order_by(Face.sample, Face.ordinal)
    faces = session.scalars(query).all()
    if len(wanted) == len(faces):
        return track_id
    track = session.get_one(Track, track_id)
    own, rest = (
        _summary(edit, track, [face for face in faces if (face.id in wanted) is mine]) for mine in (True, False)
    )
    part = track_row(track.video_id, track.space_id, own)
    part.person_id, part.confirmed, part.cut_from = track.person_id, track.confirmed, track.id
    session.add(part)
    _describe(track, rest)
    session.flush()
    face_rows.set_tracks(session, [(face, part.id) for face in sorted(wanted)])
    session.expire_all()
    _inherit_rules(edit, track_id, part.id)
    return part.id


def _summary(edit: Edit, track: Track, faces: Sequence[Face]) -> TrackResult:
    space = edit.session.get_one(EmbeddingSpace, track.space_id)
    settings = track_settings(edit.context.settings, pack_of_space(edit.context.settings, space))
    return summarise([observed(face) for face in faces], settings)


def _describe(track: Track, result: TrackResult) -> None:
    described = track_row(track.video_id, track.space_id, result)
    for name in ("start", "end", "face_count", "quality", "usable", "best_face_id", "embedding"):
        setattr(track, name, getattr(described, name))


def _inherit_rules(edit: Edit, track_id: int, part_id: int) -> None:
    """What the whole track is not, its part is not either."""
    session = edit.session
    apart = LinkRule.kind == RuleKind.DIFFERENT
    for rule in session.scalars(select(LinkRule).where(LinkRule.track_id == track_id, apart)).all():
        edit.journal.add(
            LinkRule(kind=rule.kind, track_id=part_id, other_track_id=rule.other_track_id, person_id=rule.person_id)
        )
    for rule in session.scalars(select(LinkRule).where(LinkRule.other_track_id == track_id, apart)).all():
        edit.journal.add(LinkRule(kind=rule.kind, track_id=rule.track_id, other_track_id=part_id))
