"""Links the faces of one video into tracks: one face followed for as long as it is in view.

Sampling reaches from every frame to one picture in half a minute, so what may be believed changes. Between two frames
in a row a face cannot go far, and its place is good evidence; after a second or a cut it is worth little, and only
appearance counts. Hence one rule for all rates: a face may join a track when the distance of the embeddings is below
a limit, and the limit is strict by itself and opens with the support that the place gives (overlap of the boxes,
fading with time). Times are in seconds throughout. Which faces join which tracks is then the cheapest assignment
(Hungarian method), so two faces of one sample never come into one track.

Tracks are made to be pure rather than whole: a person torn into two tracks is put together again by clustering, but
nothing takes a mixed track apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from app.domain import BoundingBox, FloatArray, Quality, QualityReason

# Larger than any cost that is allowed; finite, because the solver refuses infinity.
FORBIDDEN = 1e6
# A face that is no better than this still has some say, so that a track of bad faces has a mean.
SMALLEST_WEIGHT = 0.05
# Of the limit by appearance alone, where a face or the whole track is poor.
POOR_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Observation:
    """One face in one sampled frame.

    Attributes:
        timestamp: Seconds from the first frame of the video.
        sample: Number of the sampled frame; equal for the faces of one frame, growing with time.
        box: Where the face is, in source-frame pixels.
        embedding: ``float32`` (d,), unit length.
        quality: Whether the face may decide who is who.
        key: The caller's name for the face; given back in :class:`TrackResult`.
        until: Seconds up to which it is known to be shown unchanged; ``None`` where that is its own frame only.
    """

    timestamp: float
    sample: int
    box: BoundingBox
    embedding: FloatArray
    quality: Quality
    key: int
    until: float | None = None

    @property
    def end(self) -> float:
        """Seconds up to which it is known to be shown."""
        return self.timestamp if self.until is None else max(self.until, self.timestamp)


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One finished track.

    Attributes:
        keys: Its faces in the order of time, never empty.
        start: Seconds of the first face.
        end: Seconds up to which the last face is known to be shown.
        best_key: The face to show: the best usable one, or the best of all where none is usable.
        embedding: ``float32`` (d,), unit length: quality-weighted mean of the usable faces, or of all where none is.
        quality: Quality of the face ``best_key``, 0..1.
        usable: Whether the track may found or pull a person; see :class:`TrackSettings` for the rule of evidence.
        face_count: Number of faces.
    """

    keys: tuple[int, ...]
    start: float
    end: float
    best_key: int
    embedding: FloatArray
    quality: float
    usable: bool
    face_count: int


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """When faces are linked and what a track must have to count.

    Distances are cosine distances, 0..2; the shares of a pack's ``same_person_distance`` were measured on real clips.

    Attributes:
        appearance_limit: Largest distance to a track when the place says nothing.
        supported_limit: The same when the place agrees fully.
        poor_limit: The same for a poor face whose place agrees fully.
        support_seconds: Time after which the agreement of places is worth 1/e.
        max_age: Seconds for which a track waits for its face to come back.
        max_missed: Samples for which it waits in any case, where sampling is sparser than ``max_age``.
        lone_quality: A track of one usable face counts only when that face is at least this good, 0..1.
        false_share: A track counts only when a smaller share of its faces than this looks like no face at all.
    """

    appearance_limit: float
    supported_limit: float
    poor_limit: float
    support_seconds: float = 0.5
    max_age: float = 3.0
    max_missed: int = 2
    lone_quality: float = 0.3
    false_share: float = 0.5

    @classmethod
    def for_distance(cls, same_person_distance: float) -> TrackSettings:
        """Settings for a pack, from the distance at which two single faces are as likely one person as two."""
        return cls(
            appearance_limit=0.8 * same_person_distance,
            supported_limit=1.2 * same_person_distance,
            poor_limit=1.8 * same_person_distance,
        )


class Tracker:
    """Follows faces through one video, sample by sample; its memory grows with the tracks that are alive only."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._live: list[_Track] = []
        self._last_sample = -1

    def add(self, observations: Sequence[Observation]) -> list[TrackResult]:
        """Takes all faces of the next sampled frame.

        Args:
            observations: Faces of one sample; samples must come in growing order, those without a face may be left out.

        Returns:
            Tracks that ended before this sample.

        Raises:
            ValueError: If the faces are of different samples, or the sample does not follow the last one.
        """
        if not observations:
            return []
        sample, now = observations[0].sample, observations[0].timestamp
        if any(face.sample != sample for face in observations):
            raise ValueError("the faces are of different samples")
        if sample <= self._last_sample:
            raise ValueError("samples must come in growing order")
        self._last_sample = sample
        done = [track.result() for track in self._live if not track.waits(sample, now)]
        self._live = [track for track in self._live if track.waits(sample, now)]
        taken = self._assign(observations)
        for place, face in enumerate(observations):
            if place in taken:
                taken[place].append(face)
            else:
                self._live.append(_Track(face, self._settings))
        return done

    def finish(self) -> list[TrackResult]:
        """Ends the video and returns the tracks that were still alive; the tracker may then be used for another one."""
        done = [track.result() for track in self._live]
        self._live, self._last_sample = [], -1
        return done

    def _assign(self, faces: Sequence[Observation]) -> dict[int, _Track]:
        """Chooses the cheapest assignment of faces to live tracks."""
        if not self._live:
            return {}
        cost = np.array([[track.cost(face) for track in self._live] for face in faces])
        rows, columns = linear_sum_assignment(cost)
        return {int(i): self._live[j] for i, j in zip(rows, columns, strict=True) if cost[i, j] < FORBIDDEN}


def summarise(faces: Sequence[Observation], settings: TrackSettings) -> TrackResult:
    """Describes a track whose faces are known already, such as one whose faces were measured anew.

    Args:
        faces: Its faces in the order of time, at least one.
        settings: For the pack that measured them.

    Returns:
        What :class:`Tracker` would say of the very same faces.
    """
    track = _Track(faces[0], settings)
    for face in faces[1:]:
        track.append(face)
    return track.result()


class _Track:
    """A track that is alive: sums instead of faces, so that its size does not depend on its length."""

    def __init__(self, first: Observation, settings: TrackSettings) -> None:
        self._settings = settings
        self._keys: list[int] = []
        self._first = self._last = self._best = first
        # Of the usable faces, or of all as long as none is usable.
        self._sum: npt.NDArray[np.float64] = np.zeros(len(first.embedding))
        self._weight = 0.0
        self._usable_count = self._false_count = 0
        self.append(first)

    def append(self, face: Observation) -> None:
        self._keys.append(face.key)
        weight = max(face.quality.score, SMALLEST_WEIGHT)
        if face.quality.usable:
            self._usable_count += 1
        if face.quality.usable and self._usable_count == 1:
            self._sum, self._weight = np.zeros(len(face.embedding)), 0.0
        if face.quality.usable or not self._usable_count:
            self._sum += weight * face.embedding.astype(np.float64)
            self._weight += weight
        self._false_count += QualityReason.UNLIKE_FACE in face.quality.reasons
        if _rank(face.quality) > _rank(self._best.quality):
            self._best = face
        self._last = face
        self._plain_mean = self._sum / self._weight

    def waits(self, sample: int, now: float) -> bool:
        missed = sample - self._last.sample - 1
        return now - self._last.end <= self._settings.max_age or missed <= self._settings.max_missed

    def cost(self, face: Observation) -> float:
        """Cost of taking a face, or ``FORBIDDEN``."""
        support = self._support(face)
        # The mean knows the person, the last face knows the pose of the moment. The mean is the plain one, not of unit
        # length: its product with a face is the mean similarity to all faces, so one limit suits both.
        distance = 1.0 - float(max(self._plain_mean @ face.embedding, self._last.embedding @ face.embedding))
        if distance > self._limit(face, support):
            return FORBIDDEN
        return distance - support * self._settings.appearance_limit

    def result(self) -> TrackResult:
        return TrackResult(
            keys=tuple(self._keys),
            start=self._first.timestamp,
            end=self._last.end,
            best_key=self._best.key,
            embedding=(self._sum / max(float(np.linalg.norm(self._sum)), 1e-12)).astype(np.float32),
            quality=self._best.quality.score,
            usable=self._is_usable(),
            face_count=len(self._keys),
        )

    def _support(self, face: Observation) -> float:
        """How far the place speaks for the face, 0..1."""
        elapsed = face.timestamp - self._last.end
        return _overlap(self._last.box, face.box) * float(np.exp(-elapsed / self._settings.support_seconds))

    def _limit(self, face: Observation, support: float) -> float:
        settings = self._settings
        if face.quality.usable and self._usable_count:
            return settings.appearance_limit + support * (settings.supported_limit - settings.appearance_limit)
        # Poor faces resemble each other, whoever they belong to, and resemble themselves less from one to the next.
        alone = POOR_SHARE * settings.appearance_limit
        return alone + support * (settings.poor_limit - alone)

    def _is_usable(self) -> bool:
        """The rule of evidence: nothing that was seen once, badly, or mostly as no face founds a person."""
        if not self._usable_count or self._false_count >= self._settings.false_share * len(self._keys):
            return False
        return self._usable_count > 1 or self._best.quality.score >= self._settings.lone_quality


def _rank(quality: Quality) -> tuple[bool, float]:
    return quality.usable, quality.score


def _overlap(a: BoundingBox, b: BoundingBox) -> float:
    """Intersection over union, 0..1."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)
