"""Which frames the engine is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from app.domain import BoundingBox, Detection, Face, Frame, Image, Quality
from app.services.looking import look_at
from app.vision import FaceEngine

FACE = Face(
    Detection(BoundingBox(0, 0, 1, 1), np.zeros((5, 2), np.float32), 0.9), Quality(0.5), np.zeros(2, np.float32)
)


class Eyes:
    """Sees a face in frames whose pixels are above 100; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[list[int]] = []

    def analyse(self, images: Sequence[Image]) -> list[list[Face]]:
        self.shown.append([int(image[0, 0, 1]) for image in images])
        return [[FACE] if image[0, 0, 0] > 100 else [] for image in images]


def frame(sample: int, *, face: bool = False, spare: bool = False) -> Frame:
    image = np.zeros((2, 2, 3), np.uint8)
    image[..., 0], image[..., 1] = 200 * face, sample
    return Frame(sample, sample / 2, image, spare=spare)


def look(*frames: Frame) -> tuple[list[list[int]], list[int], list[int]]:
    eyes = Eyes()
    looked, found = look_at(cast("FaceEngine", eyes), frames)
    return eyes.shown, [one.sample for one in looked], [len(faces) for faces in found]


def test_spare_frames_are_looked_at_beside_a_face_only() -> None:
    shown, looked, faces = look(
        frame(0),
        frame(1, spare=True),
        frame(2),
        frame(3, spare=True, face=True),
        frame(4, face=True),
        frame(5, spare=True),
        frame(6),
        frame(7, spare=True, face=True),
    )
    assert shown == [[0, 2, 4, 6], [3, 5]]
    assert looked == [0, 2, 3, 4, 5, 6]
    assert faces == [0, 0, 1, 1, 0, 0]


def test_without_spare_frames_the_engine_is_asked_once() -> None:
    shown, looked, faces = look(frame(0, face=True), frame(3))
    assert (shown, looked, faces) == ([[0, 3]], [0, 3], [1, 0])


def test_spare_frames_in_a_row_share_their_neighbours() -> None:
    shown, looked, _ = look(frame(1, spare=True), frame(3, spare=True), frame(4, face=True), frame(5, spare=True))
    assert shown == [[4], [1, 3, 5]]
    assert looked == [1, 3, 4, 5]


def test_nothing_but_spare_frames_is_nothing() -> None:
    assert look(frame(1, spare=True))[1] == []
