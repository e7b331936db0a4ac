"""Finds footage that is in the library twice, by its faces: cut, scaled and compressed anew as it may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.clustering.neighbours import build_graph
from app.clustering.shared_shots import Alignment, TrackFaces, align
from app.errors import InvalidInputError, NotFoundError
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.storage import spaces as space_rows
from app.storage import track_faces, tracks
from app.storage import videos as video_rows
from app.storage.track_faces import FacesOfTrack
from app.storage.tracks import TrackNodes
from app.vision import Pack

# Distances of means of tracks, and of single faces, against those at which two people become more likely than one
NEAR_TRACKS, SAME_PICTURE = 0.35, 0.3
NEIGHBOURS = 64
PAIRS_AT_ONCE = 2_000
MOST_RESULTS = 500


@dataclass(frozen=True)
class SharedShot:
    """One face that is seen at the same time in both.

    Attributes:
        track_id: Its track in the first video.
        other_track_id: Its track in the other one.
        start: Seconds in the first video.
        end: Seconds in the first video.
        other_start: Seconds in the other one.
        other_end: Seconds in the other one.
        faces: Pairs of faces that agree.
        crop_keys: Keys of the crops of the nearest pair.
    """

    track_id: int
    other_track_id: int
    start: float
    end: float
    other_start: float
    other_end: float
    faces: int
    crop_keys: tuple[str, str]


@dataclass(frozen=True)
class NamedVideo:
    """A video's id and title."""

    video_id: int
    title: str


@dataclass(frozen=True)
class SharedFootage:
    """Two videos that show the same footage.

    Attributes:
        video: The one that was added first.
        other: The other one.
        seconds: Of the first, with faces that both show.
        share: Share of the time with faces of the video that has less of it, 0..1.
        similarity: 0..100, of the faces that agree.
        shots: What agrees, by time in the first video.
    """

    video: NamedVideo
    other: NamedVideo
    seconds: float
    share: float
    similarity: float
    shots: tuple[SharedShot, ...]


def find_duplicates(context: Context, *, video_id: int | None = None, limit: int = 50) -> list[SharedFootage]:
    """Finds pairs of videos that share shots with faces.

    Args:
        context: The context.
        video_id: Only pairs with this video; quick in a large library.
        limit: How many pairs at most, 1..500.

    Returns:
        The pairs, those that share most first.

    Raises:
        NotFoundError: There is no such video.
        InvalidInputError: ``limit`` is out of range.
    """
    if not 1 <= limit <= MOST_RESULTS:
        raise InvalidInputError(f"The number of results must be between 1 and {MOST_RESULTS}.")
    with context.database.session() as session:
        if video_id is not None and video_rows.get(session, video_id) is None:
            raise NotFoundError("There is no such video.")
        space = space_rows.pinned(session)
        if space is None:
            return []
        nodes = tracks.nodes(session, space, usable_only=True)
    pack = pack_of_space(context.settings, space)
    pairs = _near_tracks(nodes, NEAR_TRACKS * pack.grouping_distance, video_id)
    found: dict[tuple[int, int], list[tuple[SharedShot, float]]] = defaultdict(list)
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = pairs[start : start + PAIRS_AT_ONCE]
        with context.database.session() as session:
            ids = nodes.ids[np.unique(part)].tolist()
            faces = track_faces.of_tracks(session, ids, space.id, space.dimension)
        for videos, shot, distance in _compared(nodes, part, faces, SAME_PICTURE * pack.same_person_distance):
            found[videos].append((shot, distance))
    return _described(context, nodes, pack, found)[:limit]


def _near_tracks(nodes: TrackNodes, radius: float, video_id: int | None) -> np.ndarray:
    """Rows of pairs of tracks of different videos whose means are near, ``int64`` (n, 2), the older video first."""
    if len(nodes) < 2:
        return np.empty((0, 2), np.int64)
    if video_id is None:
        one, other, _ = build_graph(nodes.embeddings, radius=radius, k=NEIGHBOURS).edges()
    else:
        own = np.flatnonzero(nodes.video_ids == video_id)
        rows, other = np.nonzero(1.0 - nodes.embeddings[own] @ nodes.embeddings.T <= radius)
        one = own[rows]
    apart = nodes.video_ids[one] != nodes.video_ids[other]
    pairs = np.stack([one[apart], other[apart]], axis=1)
    turned = nodes.video_ids[pairs[:, 0]] > nodes.video_ids[pairs[:, 1]]
    pairs[turned] = pairs[turned][:, ::-1]
    return pairs


def _compared(
    nodes: TrackNodes, pairs: np.ndarray, faces: dict[int, FacesOfTrack], limit: float
) -> Iterator[tuple[tuple[int, int], SharedShot, float]]:
    for one, other in pairs.tolist():
        track, partner = int(nodes.ids[one]), int(nodes.ids[other])
        if track not in faces or partner not in faces:
            continue  # deleted meanwhile
        here, there = faces[track], faces[partner]
        alignment = align(TrackFaces(*here[1:4]), TrackFaces(*there[1:4]), limit)
        if alignment is not None:
            videos = (int(nodes.video_ids[one]), int(nodes.video_ids[other]))
            yield videos, _shot(track, partner, here, there, alignment), alignment.distance


def _shot(track: int, partner: int, here: FacesOfTrack, there: FacesOfTrack, found: Alignment) -> SharedShot:
    similarity = (here.values[found.rows] * there.values[found.columns]).sum(axis=1)
    best = int(similarity.argmax())
    return SharedShot(
        track_id=track,
        other_track_id=partner,
        start=float(here.times[found.rows].min()),
        end=float(here.times[found.rows].max()),
        other_start=float(there.times[found.columns].min()),
        other_end=float(there.times[found.columns].max()),
        faces=len(found.rows),
        crop_keys=(here.crop_keys[found.rows[best]], there.crop_keys[found.columns[best]]),
    )


def _described(
    context: Context, nodes: TrackNodes, pack: Pack, found: dict[tuple[int, int], list[tuple[SharedShot, float]]]
) -> list[SharedFootage]:
    with context.database.session() as session:
        titles = {
            number: video.title
            for number in {number for pair in found for number in pair}
            if (video := video_rows.get(session, number)) is not None
        }
    results = []
    for (one, other), shots in found.items():
        if one not in titles or other not in titles:
            continue
        seconds = _covered([(shot.start, shot.end) for shot, _ in shots])
        whole = min(_seconds_with_faces(nodes, one), _seconds_with_faces(nodes, other))
        results.append(
            SharedFootage(
                video=NamedVideo(one, titles[one]),
                other=NamedVideo(other, titles[other]),
                seconds=seconds,
                share=min(seconds / whole, 1.0) if whole > 0 else 1.0,
                similarity=round(100.0 * pack.similarity(float(np.mean([distance for _, distance in shots]))), 1),
                shots=tuple(sorted((shot for shot, _ in shots), key=lambda shot: (shot.start, shot.track_id))),
            )
        )
    return sorted(results, key=lambda pair: (-pair.seconds, -pair.share, pair.video.video_id, pair.other.video_id))


def _seconds_with_faces(nodes: TrackNodes, video_id: int) -> float:
    rows = np.flatnonzero(nodes.video_ids == video_id)
    return _covered(list(zip(nodes.starts[rows].tolist(), nodes.ends[rows].tolist(), strict=True)))


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds that spans cover together."""
    total, until = 0.0, -np.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return float(total)
