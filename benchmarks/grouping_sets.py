"""What is grouped in the comparison of algorithms: real faces as the program would have them, and made-up ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.clustering import plain_means, temporal_conflicts
from app.domain import FloatArray, IntArray
from app.vision import FaceEngine, Observation, Pack, Tracker, TrackResult, TrackSettings
from tools import real_faces
from tools.face_models import FaceModel
from tools.real_faces import Sighting
from tools.synthetic import make_library


@dataclass(frozen=True)
class FaceSet:
    """Nodes to be grouped, and whose their faces are.

    Attributes:
        kind: Real or made up, and in which space.
        name: For tables.
        vectors: ``float32`` (n, d).
        weights: ``float32`` (n,).
        usable: ``bool`` (n,); the others only attach.
        cannot_link: ``int64`` (m, 2).
        distance: Of average linkage in this space.
        item_nodes: ``int64`` (items,) node of each face whose person is known.
        item_people: That person.
        size: Number of faces, where sets of several sizes are compared; else 0.
        noise: Share of noise faces, where several are compared; else ``None``.
    """

    kind: str
    name: str
    vectors: FloatArray
    weights: FloatArray
    usable: npt.NDArray[np.bool_]
    cannot_link: IntArray
    distance: float
    item_nodes: IntArray
    item_people: Sequence[str] | Sequence[int]
    size: int = 0
    noise: float | None = None


def made_up(model: FaceModel, size: int, noise: float, *, known: bool = False, seed: int = 7) -> FaceSet:
    """A made-up library.

    Args:
        model: What its faces are like.
        size: How many.
        noise: Share of blurred strangers.
        known: Whether they are known to be poor, as the program's own measure of quality would have it.
        seed: Of the library.
    """
    library = make_library(size, dimension=model.dimension, model=model, noise=noise, seed=seed)
    told = ", known as poor" if known else ""
    return FaceSet(
        kind=f"made up like {model.name}",
        name=f"{size:,} faces, {noise:.0%} noise{told}",
        vectors=library.embeddings(),
        weights=np.ones(size, np.float32),
        usable=~library.poor if known else np.ones(size, np.bool_),
        cannot_link=library.cannot_link(),
        distance=model.grouping_distance,
        item_nodes=np.arange(size),
        item_people=library.truth.tolist(),
        size=size,
        noise=noise,
    )


def real(engine: FaceEngine, shared: Path, intervals: Sequence[float]) -> list[FaceSet]:
    """The whole shared test data as one library, at several samplings, and with degraded copies of the stills.

    Args:
        engine: Of the pack.
        shared: Folder of the shared test data.
        intervals: Seconds between samples; the degraded copies come to the library of the first.
    """
    data, pack = shared / "data", engine.pack
    stills = real_faces.stills(engine, data)
    pictures = stills + real_faces.groups(engine, data, stills)
    sets = []
    for interval in intervals:
        library = pictures + real_faces.clips(engine, data, interval)
        sets.append(_linked(pack, f"all, a frame each {interval:g} s", library))
        if interval == intervals[0]:
            copies = real_faces.damaged(engine, data)
            sets += [_linked(pack, f"all and copies, {name}", library + more) for name, more in copies.items()]
            sets.append(
                _linked(pack, "all and all copies", library + [one for more in copies.values() for one in more])
            )
    return sets


def _linked(pack: Pack, name: str, sightings: list[Sighting]) -> FaceSet:
    """Links faces into tracks, as the program does, and makes nodes of these."""
    sources: dict[str, list[int]] = {}
    for key, one in enumerate(sightings):
        sources.setdefault(one.source, []).append(key)
    tracks = [(place, track) for place, keys in enumerate(sources.values()) for track in _tracks(pack, sightings, keys)]
    counts = np.array([track.face_count for _, track in tracks], dtype=np.int64)
    vectors = np.stack([track.embedding for _, track in tracks])
    samples = [[sightings[key].sample for key in track.keys] for _, track in tracks]
    items = [
        (node, person)
        for node, (_, track) in enumerate(tracks)
        for key in track.keys
        if (person := sightings[key].person) not in (None, real_faces.FALSE)
    ]
    return FaceSet(
        kind=f"real, {pack.name}",
        name=name,
        vectors=plain_means(vectors, counts, noise=pack.track_noise),
        weights=counts.astype(np.float32),
        usable=np.array([track.usable for _, track in tracks], np.bool_),
        cannot_link=temporal_conflicts([place for place, _ in tracks], samples),
        distance=pack.face_grouping_distance,
        item_nodes=np.array([node for node, _ in items], np.int64),
        item_people=[str(person) for _, person in items],
    )


def _tracks(pack: Pack, sightings: list[Sighting], keys: list[int]) -> list[TrackResult]:
    tracker, found = Tracker(TrackSettings.for_distance(pack.same_person_distance)), []
    for sample in sorted({sightings[key].sample for key in keys}):
        found += tracker.add(
            [
                Observation(one.timestamp, sample, one.face.detection.box, one.face.embedding, one.face.quality, key)
                for key in keys
                if (one := sightings[key]).sample == sample
            ]
        )
    return sorted(found + tracker.finish(), key=lambda track: track.keys)
