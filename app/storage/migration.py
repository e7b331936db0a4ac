"""A change of pack: what was measured anew waits here, beside the library, until all of it changes places at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session, defer

from app.domain import JobKind, JobState
from app.models import EmbeddingSpace, Face, Job, PackMigration, StagedFace, Track, Video, utc_now
from app.storage.rows import batches, run
from app.storage.tracks import TrackNodes, as_nodes

CROP, FRAME, KEPT, GONE = "crop", "frame", "kept", "gone"  # where a new vector comes from

_UNSTAGED = ~exists().where(StagedFace.face_id == Face.id)


def begin(session: Session, pack: str, space: str, dimension: int) -> int:
    """Begins a change of pack, or goes on with the one to the same space; one to another space is given up.

    Faces that could not be measured the last time are tried again.

    Args:
        session: A writing session.
        pack: Name of the new pack.
        space: Name of its space.
        dimension: Length of its vectors.

    Returns:
        How many faces an earlier attempt has measured already.
    """
    present = session.scalar(select(PackMigration))
    if present is not None and (present.space, present.dimension) != (space, dimension):
        discard(session)
        present = None
    if present is None:
        session.add(PackMigration(id=1, pack=pack, space=space, dimension=dimension))
    else:
        present.pack = pack
    run(session, delete(StagedFace).where(StagedFace.source == GONE))
    return session.scalar(select(func.count()).select_from(StagedFace)) or 0


def is_for(session: Session, space: str, dimension: int) -> bool:
    """True when the change of pack that was begun goes to this space."""
    present = session.scalar(select(PackMigration))
    return present is not None and (present.space, present.dimension) == (space, dimension)


def discard(session: Session) -> int:
    """Gives up a change of pack.

    Returns:
        How many faces had been measured for it.
    """
    number = run(session, delete(StagedFace))
    run(session, delete(PackMigration))
    session.expire_all()
    return number


def keep_known(session: Session, space: str) -> int:
    """Stages the faces that are in the new space already, with what they have; they were left there by another change.

    Returns:
        How many.
    """
    known = (
        select(Face.id, literal(KEPT), Face.embedding, Face.quality, Face.quality_reasons)
        .join(EmbeddingSpace, EmbeddingSpace.id == Face.space_id)
        .where(EmbeddingSpace.name == space, _UNSTAGED)
    )
    columns = ["face_id", "source", "embedding", "quality", "quality_reasons"]
    return run(session, insert(StagedFace).from_select(columns, known))


def videos_with_faces(session: Session, *, unstaged_only: bool = False) -> list[Video]:
    """Videos with faces; only those with faces that are not staged, where asked for."""
    faces = select(Face.video_id)
    return list(
        session.scalars(
            select(Video).where(Video.id.in_(faces.where(_UNSTAGED) if unstaged_only else faces)).order_by(Video.id)
        )
    )


def faces_page(
    session: Session, video_id: int, after: tuple[int, int], limit: int, *, unstaged_only: bool = False
) -> list[Face]:
    """The next faces of a video without their vectors, in the order of (sample, ordinal).

    Args:
        session: A session.
        video_id: The video.
        after: Sample and ordinal of the last face that is known.
        limit: How many at most.
        unstaged_only: Leave out those that are staged.
    """
    query = select(Face).where(Face.video_id == video_id, tuple_(Face.sample, Face.ordinal) > after)
    query = query.order_by(Face.sample, Face.ordinal).limit(limit).options(defer(Face.embedding, raiseload=True))
    return list(session.scalars(query.where(_UNSTAGED) if unstaged_only else query))


def stage(session: Session, rows: Sequence[StagedFace]) -> None:
    """Stores new vectors beside the library; those of faces that were deleted meanwhile are passed over."""
    # held until the commit, so that no face goes between this look and the rows that point to it
    ids = [row.face_id for row in rows]
    present = set(session.scalars(select(Face.id).where(Face.id.in_(ids)).with_for_update(key_share=True, read=True)))
    session.add_all([row for row in rows if row.face_id in present])


def counts(session: Session) -> dict[str, int]:
    """How many faces are staged, by source."""
    found = session.execute(select(StagedFace.source, func.count()).group_by(StagedFace.source))
    return {row.source: row[1] for row in found}


def unstaged_count(session: Session) -> int:
    """How many faces are not staged."""
    return session.scalar(select(func.count()).select_from(Face).where(_UNSTAGED)) or 0


def staged_in(session: Session, video_id: int) -> list[StagedFace]:
    """What is staged of a video."""
    query = select(StagedFace).join(Face, Face.id == StagedFace.face_id).where(Face.video_id == video_id)
    return list(session.scalars(query))


def known_in(session: Session, video_id: int, space: str) -> list[StagedFace]:
    """What :func:`keep_known` would stage of a video; the rows are not stored."""
    query = select(Face).join(EmbeddingSpace, EmbeddingSpace.id == Face.space_id)
    faces = session.scalars(query.where(Face.video_id == video_id, EmbeddingSpace.name == space))
    return [
        StagedFace(
            face_id=face.id,
            source=KEPT,
            embedding=face.embedding,
            quality=face.quality,
            quality_reasons=face.quality_reasons,
        )
        for face in faces
    ]


@dataclass(frozen=True, slots=True)
class GoneFace:
    """A face that could not be measured.

    Attributes:
        face_id: The face.
        video_id: Its video.
        title: The video's title.
        timestamp: Seconds from the first frame.
    """

    face_id: int
    video_id: int
    title: str
    timestamp: float


def describe(session: Session, face_ids: Iterable[int]) -> list[GoneFace]:
    """Says where faces are seen, by video and time."""
    found: list[GoneFace] = []
    query = select(Face.id, Face.video_id, Video.title, Face.timestamp).join(Video, Video.id == Face.video_id)
    for part in batches(sorted(face_ids), 500):
        found += [GoneFace(*row) for row in session.execute(query.where(Face.id.in_(part)))]
    return sorted(found, key=lambda face: (face.video_id, face.timestamp, face.face_id))


def gone(session: Session) -> list[int]:
    """Ids of the faces that could not be measured."""
    return list(session.scalars(select(StagedFace.face_id).where(StagedFace.source == GONE)))


def busy_video_jobs(session: Session) -> list[Job]:
    """Jobs on videos that a worker holds at this moment."""
    kinds = (JobKind.PROCESS_VIDEO, JobKind.FETCH_VIDEO)
    held = (Job.state == JobState.RUNNING, Job.kind.in_(kinds), Job.lease_expires_at >= utc_now())
    return list(session.scalars(select(Job).where(*held)))


@dataclass(frozen=True, slots=True)
class NewTrack:
    """What the new pack says of a track.

    Attributes:
        track_id: The track.
        embedding: Mean of its faces, encoded.
        quality: Of its best face, 0..1.
        usable: Whether it may found a person.
        best_face_id: The face to show.
    """

    track_id: int
    embedding: bytes
    quality: float
    usable: bool
    best_face_id: int


def nodes_of(session: Session, tracks: Sequence[NewTrack], dimension: int) -> TrackNodes:
    """Tracks as clustering takes them, with what the new pack says of them; those deleted meanwhile are left out."""
    new = {one.track_id: one for one in tracks}
    columns = (Track.id, Track.video_id, Track.person_id, Track.start, Track.end, Track.face_count)
    found = [
        (*row, new[row[0]].quality, new[row[0]].usable, new[row[0]].embedding)
        for row in session.execute(select(*columns).order_by(Track.id))
        if row[0] in new
    ]
    return as_nodes(found, dimension)


def swap(
    session: Session, present: EmbeddingSpace, pack: str, space: str, dimension: int, tracks: Sequence[NewTrack]
) -> None:
    """Puts what is staged in place of what was there, and pins the new pack, all in this transaction.

    The pin keeps its row, so that nothing but vectors has to be written. What could not be measured goes on in a row
    of its own under the old space's name: never compared, never lost, and in place again when the library goes back.

    Args:
        session: A writing session that holds the pin alone (:func:`app.storage.spaces.hold`).
        present: The pin.
        pack: Name of the new pack.
        space: Name of its space.
        dimension: Length of its vectors.
        tracks: The tracks of which at least one face could be measured.
    """
    old = (present.name, present.pack, present.dimension)
    _place_faces(session, present.id)
    _place_tracks(session, present.id, tracks)
    other = session.scalar(select(EmbeddingSpace).where(EmbeddingSpace.name == space, EmbeddingSpace.id != present.id))
    if other is not None:
        run(session, update(Track).where(Track.space_id == other.id).values(space_id=present.id))
        session.delete(other)
        session.flush()
    present.name, present.pack, present.dimension = space, pack, dimension
    session.flush()
    if space != old[0]:
        _leave_behind(session, present.id, EmbeddingSpace(name=old[0], pack=old[1], dimension=old[2]), tracks)
    _drop_empty_spaces(session, present.id)
    discard(session)


def _place_faces(session: Session, space_id: int) -> None:
    measured = (StagedFace.face_id == Face.id, StagedFace.embedding.is_not(None))
    values = {
        "embedding": StagedFace.embedding,
        "quality": StagedFace.quality,
        "quality_reasons": StagedFace.quality_reasons,
        "space_id": literal(space_id),
    }
    run(session, update(Face).where(*measured).values(values))


def _place_tracks(session: Session, space_id: int, tracks: Sequence[NewTrack]) -> None:
    columns = ("embedding", "quality", "usable", "best_face_id")
    statement = update(Track.__table__).where(Track.__table__.c.id == bindparam("track"))  # type: ignore[arg-type]
    statement = statement.values(space_id=space_id, **{name: bindparam(f"new_{name}") for name in columns})
    for part in batches(tracks):
        rows = [{"track": one.track_id, **{f"new_{name}": getattr(one, name) for name in columns}} for one in part]
        run(session, statement, rows)


def _leave_behind(session: Session, space_id: int, old: EmbeddingSpace, tracks: Sequence[NewTrack]) -> None:
    """Moves what could not be measured to a row of its own."""
    faces: ColumnElement[bool] = Face.id.in_(select(StagedFace.face_id).where(StagedFace.embedding.is_(None)))
    placed = {one.track_id for one in tracks}
    left = [one for one in session.scalars(select(Track.id).where(Track.space_id == space_id)) if one not in placed]
    session.add(old)
    session.flush()
    run(session, update(Face).where(Face.space_id == space_id, faces).values(space_id=old.id))
    for part in batches(left, 500):
        run(session, update(Track).where(Track.id.in_(part)).values(space_id=old.id))


def _drop_empty_spaces(session: Session, pinned_id: int) -> None:
    used = (exists().where(Face.space_id == EmbeddingSpace.id), exists().where(Track.space_id == EmbeddingSpace.id))
    run(session, delete(EmbeddingSpace).where(EmbeddingSpace.id != pinned_id, ~used[0], ~used[1]))
