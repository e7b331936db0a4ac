"""The frames on which tools are compared: photographs of faces that come inside Python packages, before a landscape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.datasets import load_sample_image

from app.domain import Image
from benchmarks import films

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}


def views(size: tuple[int, int], count: int) -> list[Image]:
    """Frames of a camera that passes over five people, three or so faces in each.

    Args:
        size: Width and height.
        count: How many.

    Returns:
        ``uint8`` (height, width, 3) RGB each.
    """
    scene = films.paste_faces(_landscape(size[1], 3 * size[1]))
    lefts = np.linspace(0, scene.shape[1] - size[0], count).round().astype(int)
    return [np.ascontiguousarray(scene[:, left : left + size[0]]) for left in lefts]


def portraits(size: tuple[int, int], count: int) -> list[Image]:
    """Frames with one face each, a different one in turn, half as high as the frame.

    Args:
        size: Width and height.
        count: How many.
    """
    width, height = size
    people = list(films.people().values())
    landscape = _landscape(height, width)
    frames = []
    for number in range(count):
        side = height // 2
        face = cv2.resize(people[number % len(people)], (side, side), interpolation=cv2.INTER_AREA)
        left = round((width - side) * (number + 0.5) / count)
        frame = landscape.copy()
        frame[height // 4 : height // 4 + side, left : left + side] = face if number % 4 < 2 else face[:, ::-1]
        frames.append(frame)
    return frames


def squares(side: int, count: int) -> list[Image]:
    """Square pictures, made of one view by cutting out of its middle and scaling."""
    view = views(SIZES["720p"], 1)[0][:, 280:1000]
    picture = np.asarray(cv2.resize(view, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    return [picture.copy() for _ in range(count)]


def _landscape(height: int, width: int) -> Image:
    """A photograph full of detail and without a face, cut and enlarged to fill a frame."""
    photograph = load_sample_image("china.jpg")
    part = photograph[: round(photograph.shape[1] * height / width)]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def save(path: Path, pictures: Sequence[Image]) -> Path:
    """Writes pictures of one size as ``.npy``, for another process."""
    np.save(path, np.stack(pictures))
    return path
