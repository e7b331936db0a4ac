"""Links the faces of one video into tracks: one face followed for as long as it is in view.

Sampling reaches from every frame to one picture in half a minute, so what may be believed changes. Between two frames
in a row a face cannot go far, and its place is good evidence; after a second or a cut it is worth little, and only
appearance counts. Hence one rule for all rates: a face may join a track when the distance of the embeddings is below
a limit, and the limit is strict by itself, opens with the support that the place gives (overlap with where the face was
and where it is expected, fading with time) and closes where the place contradicts. Times are in seconds throughout. Which
faces join which tracks is then the cheapest assignment (Hungarian method), so two faces of one sample never come into
one track.

Tracks are made to be pure rather than whole: a person torn into two tracks is put together again by clustering, but
nothing takes a mixed track apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from app.domain import BoundingBox, FloatArray
from app.vision.tracking.evidence import Evidence
from app.vision.tracking.looks import Looks
from app.vision.tracking.motion import GATE, Motion
from app.vision.tracking.observations import Observation, TrackResult
from app.vision.tracking.settings import TrackSettings

Floats = npt.NDArray[np.float64]

# Larger than any cost that is allowed; finite, because the solver refuses infinity.
FORBIDDEN = 1e6
# Of the limit by appearance alone, where a face or the whole track is poor ...
POOR_SHARE = 0.5
# ... and after a cut, or where the face is farther off than it can have moved: most often that is somebody else. Two clips of
# one person are up to 0.62 of ``same_person_distance`` apart in 95 of 100 cases, those of the most alike two from 0.51 on.
STRICT_SHARE = 0.6


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
        embeddings = np.stack([face.embedding for face in faces])
        cost = np.stack([track.costs(faces, embeddings) for track in self._live], axis=1)
        rows, columns = linear_sum_assignment(cost)
        return {int(i): self._live[j] for i, j in zip(rows, columns, strict=True) if cost[i, j] < FORBIDDEN}


def summarise(faces: Sequence[Observation], settings: TrackSettings) -> TrackResult:
    """Describes a track whose faces are known already, such as one whose faces were measured anew.

    Args:
        faces: Its faces in the order of time, at least one.
        settings: For the pack that measured them.

    Returns:
        What :class:`Tracker` would say of the very same faces.

    Raises:
        ValueError: There is no face.
    """
    evidence = Evidence(settings)
    for face in faces:
        evidence.add(face)
    return evidence.result()


class _Track:
    """A track that is alive; its size does not depend on its length, but for its keys."""

    def __init__(self, first: Observation, settings: TrackSettings) -> None:
        self._settings = settings
        self._evidence = Evidence(settings)
        self._looks = Looks(settings.nn_budget)
        self._last = first
        self._motion = self._moved(None, first)
        self._take(first)

    def append(self, face: Observation) -> None:
        expected = self._motion.after(face.timestamp)
        elsewhere = self._cut_before(face) or expected.distance(face.box, poor=not face.quality.usable) > GATE
        self._motion = self._moved(None if elsewhere else self._motion, face)
        self._take(face)

    def waits(self, sample: int, now: float) -> bool:
        missed = sample - self._last.sample - 1
        return now - self._last.end <= self._settings.max_age or missed <= self._settings.max_missed

    def costs(self, faces: Sequence[Observation], embeddings: FloatArray) -> Floats:
        """Cost of taking each of the faces of a sample, or ``FORBIDDEN``."""
        distances = self._looks.distances(embeddings)
        expected = self._motion.after(faces[0].timestamp)
        return np.array(
            [self._cost(face, float(far), expected) for face, far in zip(faces, distances, strict=True)], np.float64
        )

    def result(self) -> TrackResult:
        return self._evidence.result()

    @staticmethod
    def _moved(motion: Motion | None, face: Observation) -> Motion:
        poor = not face.quality.usable
        moved = Motion.at(face.box, face.timestamp, poor=poor)
        if motion is not None:
            moved = motion.with_box(face.box, face.timestamp, poor=poor)
        return moved.with_box(face.box, face.end, poor=poor) if face.end > face.timestamp else moved

    def _take(self, face: Observation) -> None:
        self._evidence.add(face)
        self._looks.add(face)
        self._last = face

    def _cost(self, face: Observation, distance: float, expected: Motion) -> float:
        poor = not (face.quality.usable and self._evidence.usable_count)
        if distance > self._limit(1.0, poor=poor):
            return FORBIDDEN  # whatever the place says
        cut = self._cut_before(face)
        off = not cut and expected.distance(face.box, poor=poor) > GATE
        support = 0.0 if cut or off else self._support(face, expected, poor=poor)
        if distance > self._limit(support, poor=poor) * (STRICT_SHARE if cut or off else 1.0):
            return FORBIDDEN
        return distance - support * self._settings.appearance_limit

    def _cut_before(self, face: Observation) -> bool:
        return face.shot != self._last.shot and face.shot is not None and self._last.shot is not None

    def _support(self, face: Observation, expected: Motion, *, poor: bool) -> float:
        """How far the place speaks for the face, 0..1."""
        settings = self._settings
        overlap = max(_overlap(self._last.box, face.box), _overlap(expected.box(self._last.box), face.box))
        if overlap < 1.0 - settings.max_iou_distance:
            return 0.0
        # Who cannot be known by their looks is still there a second later, in the same shot. Who can be must be: somebody
        # alike may have taken the seat.
        still = poor and face.shot is not None and face.shot == self._last.shot
        seconds = settings.shot_seconds if still else settings.support_seconds
        return overlap * float(np.exp(-(face.timestamp - self._last.end) / seconds))

    def _limit(self, support: float, *, poor: bool) -> float:
        settings = self._settings
        if not poor:
            return settings.appearance_limit + support * (settings.supported_limit - settings.appearance_limit)
        # Poor faces resemble each other, whoever they belong to, and resemble themselves less from one to the next.
        alone = POOR_SHARE * settings.appearance_limit
        return alone + support * (settings.poor_limit - alone)


def _overlap(a: BoundingBox, b: BoundingBox) -> float:
    """Intersection over union, 0..1."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.area + b.area - shared)
