"""Puts new tracks in the place of the old ones of a video; people, and what users decided, go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import EmbeddingSpace, Face, Track
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.services.process_video.carry import Carrier, Matched, person_by_looks
from app.services.process_video.rows import observed, track_row
from app.services.process_video.same_faces import SAME_TIME_SECONDS, Pairs, Places, alike, same_faces
from app.services.track_rules import track_settings
from app.storage import decisions, findings, vectors
from app.storage import faces as face_rows
from app.storage import tracks as track_rows
from app.storage.decisions import Known
from app.storage.rows import batches
from app.vision.track import Observation, TrackResult

PAIRS_AT_ONCE = 2_000


def match_faces(
    context: Context, session: Session, video_id: int, space: EmbeddingSpace | None, *, hidden: bool
) -> Matched:
    """Which new faces are which of those that an earlier look found.

    Of one frame the place tells. Between frames a face must look alike too.

    Args:
        context: The context.
        session: A session.
        video_id: The video.
        space: The space of the new faces.
        hidden: Whether the new faces are others than the old ones, which are still seen.
    """
    if not decisions.has_findings(session, video_id):
        return Matched()
    if not hidden:
        rows = decisions.places(session, video_id, hidden=False)
        return Matched({row[0]: row[0] for row in rows}, decisions.dismissed_in(session, video_id))
    old = Places.of(decisions.places(session, video_id, hidden=False))
    new = Places.of(decisions.places(session, video_id, hidden=True))
    pairs = same_faces(old, new)
    sure = pairs.apart <= SAME_TIME_SECONDS
    if space is not None:
        distance = pack_of_space(context.settings, space).same_person_distance
        sure |= _look_alike(session, space, old, new, pairs, distance)
    faces = dict(zip(new.ids[pairs.new[sure]].tolist(), old.ids[pairs.old[sure]].tolist(), strict=True))
    dismissed = decisions.dismissed_in(session, video_id)
    return Matched(faces, frozenset(one for one, before in faces.items() if before in dismissed))


def _look_alike(
    session: Session, space: EmbeddingSpace, old: Places, new: Places, pairs: Pairs, distance: float
) -> np.ndarray:
    """``bool`` (m,): pairs of two frames that look alike; vectors are read a few at a time."""
    found = np.zeros(len(pairs.new), np.bool_)
    for part in batches(np.flatnonzero(pairs.apart > SAME_TIME_SECONDS).tolist(), PAIRS_AT_ONCE):
        ids = [*old.ids[pairs.old[part]].tolist(), *new.ids[pairs.new[part]].tolist()]
        known = decisions.embeddings(session, sorted(set(ids)), space.id)
        first, second = ids[: len(part)], ids[len(part) :]
        have = [
            place for place, (one, other) in enumerate(zip(first, second, strict=True)) if {one, other} <= known.keys()
        ]
        if have:
            ones = vectors.decode_many([known[first[place]] for place in have], space.dimension)
            others = vectors.decode_many([known[second[place]] for place in have], space.dimension)
            order = np.arange(len(have))
            like = alike(Pairs(order, order, np.zeros(len(have))), ones, others, distance)
            found[np.array(part)[have]] = like
    return found


@dataclass(frozen=True)
class Links:
    """What the tracker made of a video.

    Attributes:
        video_id: The video.
        space: Space of its faces, where it has any.
        results: The tracks.
        known: What is known of the tracks before.
        matched: Which faces are which of those before.
    """

    video_id: int
    space: EmbeddingSpace | None
    results: Sequence[TrackResult]
    known: Known
    matched: Matched


def replace_tracks(context: Context, session: Session, links: Links, *, hidden: bool) -> list[str]:
    """Stores the new tracks of a video in the place of the old ones.

    A new track is whose its faces were; where none of them was known, whose track was there and looks alike. Rules,
    confirmations, dismissed faces, chosen covers and answers go on with the tracks that took their place.

    Args:
        context: The context.
        session: A writing session that holds the job, the space and the findings.
        links: The tracks.
        hidden: Whether the new faces take the place of the old ones now.

    Returns:
        Keys of the crops of the faces that went.
    """
    carrier = Carrier(links.known, links.matched)
    if links.space is not None and links.known.tracks:
        settings = track_settings(context.settings, pack_of_space(context.settings, links.space))
        parts = [carrier.cut(one, lambda keys: _load(session, keys), settings) for one in links.results]
        links = replace(links, results=[part for some in parts for part in some])
    next_ones = carrier.successors(links.results)
    gone = findings.show_hidden(session, links.video_id) if hidden else []
    decisions.dismiss(session, sorted(links.matched.dismissed))
    rows = _rows(context, links, carrier, next_ones)
    ids = track_rows.replace_for_video(
        session, links.video_id, [(row, one.keys) for row, one in zip(rows, links.results, strict=True)]
    )
    if links.known.tracks:
        face_rows.follow_tracks(session, video_id=links.video_id)
        now = {track: [ids[place] for place in places] for track, places in next_ones.items()}
        decisions.repoint_rules(session, links.known.rules, now)
        _repoint_shown(session, links, now, hidden=hidden)
    return gone


def _load(session: Session, keys: Sequence[int]) -> list[Observation]:
    faces = [face for part in batches(list(keys)) for face in session.scalars(select(Face).where(Face.id.in_(part)))]
    return sorted((observed(face) for face in faces), key=lambda face: face.sample)


def _distance(context: Context, space: EmbeddingSpace) -> float:
    return pack_of_space(context.settings, space).same_person_distance


def _rows(context: Context, links: Links, carrier: Carrier, next_ones: dict[int, list[int]]) -> list[Track]:
    space = links.space
    if space is None:
        return []
    distance = _distance(context, space)
    known = [one for one in links.known.tracks.values() if one.person_id is not None and one.space_id == space.id]
    embeddings = vectors.decode_many([one.embedding for one in known], space.dimension)
    forbidden = {(rule.track_id, rule.person_id) for rule in links.known.rules}
    before: dict[int, list[int]] = {}
    for track, places in next_ones.items():
        for place in places:
            before.setdefault(place, []).append(track)
    rows = []
    for place, result in enumerate(links.results):
        row = track_row(links.video_id, space.id, result)
        person, is_known = carrier.person_of(result)
        if not is_known:
            person = person_by_looks(result, known, embeddings, distance)
        came_from = before.get(place, [])
        if not any((track, person) in forbidden for track in came_from):
            row.person_id = person
            row.confirmed = is_known and person is not None and _is_confirmed(links.known, came_from, person)
        rows.append(row)
    return rows


def _is_confirmed(known: Known, tracks: Sequence[int], person: int) -> bool:
    return any(known.tracks[track].confirmed and known.tracks[track].person_id == person for track in tracks)


def _repoint_shown(session: Session, links: Links, now: dict[int, list[int]], *, hidden: bool) -> None:
    """Covers and questions; where the faces are still the same ones, only the tracks are others."""
    main = {track: new[0] if new else None for track, new in now.items()}
    faces: dict[int, int | None] = {}
    if hidden:
        faces = {old: _nearest(session, links, main, old) for old in links.known.shown}
        covers = {who: _theirs(session, who, faces.get(face)) for who, face in links.known.covers.items()}
        decisions.repoint_covers(session, covers)
    decisions.repoint_questions(session, main, faces)


def _nearest(session: Session, links: Links, main: dict[int, int | None], old: int) -> int | None:
    """The new face in the place of an old one: the same, or the nearest in time of the track that goes on as its own."""
    same = [new for new, before in links.matched.faces.items() if before == old and new not in links.matched.dismissed]
    track = main.get(links.known.owners.get(old, 0))
    if not same and track is None:
        return None
    query = select(Face.id, Face.timestamp, Face.quality).where(Face.video_id == links.video_id)
    query = query.where(Face.id.in_(same) if same else Face.track_id == track)
    moment = links.known.shown[old]
    found = [(abs(at - moment), -quality, key) for key, at, quality in session.execute(query)]
    return min(found)[2] if found else None


def _theirs(session: Session, person_id: int, face_id: int | None) -> int | None:
    """The face, where it is still that person's."""
    if face_id is None:
        return None
    return session.scalar(select(Face.id).where(Face.id == face_id, Face.person_id == person_id))
