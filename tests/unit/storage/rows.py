"""Makes rows for the tests of storage; only what a test talks about is given by the test."""

from __future__ import annotations

import itertools

import numpy as np
from sqlalchemy.orm import Session

from app.domain import VideoOrigin
from app.models import EmbeddingSpace, Face, Track, Video
from app.storage import faces, spaces, tracks, vectors

DIMENSION = 8
_numbers = itertools.count()


def unit(seed: int) -> bytes:
    """A vector of unit length, another one for each seed."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return vectors.encode(vector / np.linalg.norm(vector))


def make_video(session: Session, **values: object) -> Video:
    number = next(_numbers)
    given = {"file_name": f"clip{number}.mp4", "title": f"Clip {number}", "origin": VideoOrigin.FILE, **values}
    video = Video(**given)
    session.add(video)
    session.flush()
    return video


def make_space(session: Session) -> EmbeddingSpace:
    return spaces.get_or_create(session, "test-space", "test-pack", DIMENSION)


def make_face(video: Video, space: EmbeddingSpace, sample: int, ordinal: int = 0, **values: object) -> Face:
    given: dict[str, object] = {
        "video_id": video.id,
        "space_id": space.id,
        "sample": sample,
        "ordinal": ordinal,
        "timestamp": sample * 0.5,
        "x1": 1.0,
        "y1": 2.0,
        "x2": 30.0,
        "y2": 40.0,
        "landmarks": vectors.encode(np.arange(10.0)),
        "confidence": 0.9,
        "quality": 0.5,
        "quality_reasons": [],
        "embedding": unit(sample * 7 + ordinal),
        "crop_key": f"faces/{video.id}/{sample:08d}_{ordinal}.jpg",
    }
    return Face(**{**given, **values})


def make_track(video: Video, space: EmbeddingSpace, faces_: list[Face], **values: object) -> Track:
    given: dict[str, object] = {
        "video_id": video.id,
        "space_id": space.id,
        "start": min(face.timestamp for face in faces_),
        "end": max(face.timestamp for face in faces_),
        "face_count": len(faces_),
        "quality": 0.5,
        "usable": True,
        "best_face_id": faces_[0].id,
        "embedding": faces_[0].embedding,
    }
    return Track(**{**given, **values})


def make_tracked_video(session: Session, places: list[list[tuple[int, int]]]) -> tuple[Video, list[int]]:
    """A video with one track for each list of (sample, ordinal).

    Returns:
        The video and the ids of its tracks.
    """
    video, space = make_video(session), make_space(session)
    groups = [[make_face(video, space, *place) for place in group] for group in places]
    faces.add_many(session, [face for group in groups for face in group])
    rows = [(make_track(video, space, group), [face.id for face in group]) for group in groups]
    return video, tracks.replace_for_video(session, video.id, rows)
