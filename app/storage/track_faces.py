"""The faces of tracks, as arrays: for comparing footage with footage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.domain import FloatArray, IntArray
from app.models import Face
from app.storage import vectors
from app.storage.face_vectors import IS_FOUND
from app.storage.rows import batches


class FacesOfTrack(NamedTuple):
    """Faces by time, as parallel arrays.

    Attributes:
        ids: ``int64`` (n,).
        times: ``float64`` (n,) seconds.
        values: ``float32`` (n, dimension), unit length.
        points: ``float32`` (n, 5, 2) landmarks, in pixels of the frame.
        crop_keys: Keys of their crops.
    """

    ids: IntArray
    times: npt.NDArray[np.float64]
    values: FloatArray
    points: FloatArray
    crop_keys: list[str]


def of_tracks(session: Session, track_ids: Iterable[int], space_id: int, dimension: int) -> dict[int, FacesOfTrack]:
    """The faces of some tracks, by track; tracks without a face that can be found are missing."""
    columns = (Face.track_id, Face.id, Face.timestamp, Face.embedding, Face.landmarks, Face.crop_key)
    query = select(*columns).where(Face.space_id == space_id, *IS_FOUND).order_by(Face.timestamp, Face.id)
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for part in batches(sorted(set(track_ids)), 5_000):
        for row in session.execute(query.where(Face.track_id.in_(part))):
            groups[row[0]].append(row)  # type: ignore[index, arg-type]
    return {track: _arrays(rows, dimension) for track, rows in groups.items()}


def _arrays(rows: list[Row[Any]], dimension: int) -> FacesOfTrack:
    _, ids, times, embeddings, landmarks, keys = zip(*rows, strict=True)
    return FacesOfTrack(
        np.array(ids, np.int64),
        np.array(times, np.float64),
        vectors.decode_many(embeddings, dimension),
        np.stack([vectors.decode_landmarks(data) for data in landmarks]),
        list(keys),
    )
