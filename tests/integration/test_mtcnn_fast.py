"""The fast variant of MTCNN against the exact one: what it may miss, and what it may make up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage
from PIL import ImageOps

from app.domain import Detection, Image
from app.media.frames import FrameSampler
from app.vision import get_pack
from app.vision.boxes import overlap
from app.vision.build import build_detector
from app.vision.detectors.mtcnn import MtcnnDetector, VariantName
from app.vision.files import ModelFiles
from app.vision.runtime import RuntimeOptions

CONFIDENCE = 0.7
MIN_FACE_SIZE = 20
DETECTION_SIZE = 640


@dataclass(frozen=True)
class Score:
    """What one variant finds of the other's faces.

    Attributes:
        faces: How many the exact one finds.
        found: How many of them the fast one finds.
        more: How many faces only the fast one finds.
    """

    faces: int
    found: int
    more: int


@pytest.fixture(scope="module")
def detectors(models_cache: Path) -> dict[VariantName, MtcnnDetector]:
    variants: tuple[VariantName, ...] = ("exact", "fast")
    return {name: MtcnnDetector(models_cache, variant=name) for name in variants}


def find(detector: MtcnnDetector, images: Sequence[Image], confidence: float = CONFIDENCE) -> list[list[Detection]]:
    return detector.detect(images, min_face_size=MIN_FACE_SIZE, confidence=confidence)


def boxes_of(faces: Iterable[Detection]) -> np.ndarray:
    return np.array([[face.box.x1, face.box.y1, face.box.x2, face.box.y2] for face in faces]).reshape(-1, 4)


def compare(detectors: dict[VariantName, MtcnnDetector], images: Iterable[Image]) -> Score:
    faces = found = more = 0
    for image in images:
        exact, fast = (boxes_of(find(detectors[name], [image])[0]) for name in ("exact", "fast"))
        same = overlap(exact, fast) >= 0.5
        faces += len(exact)
        found += int(same.any(axis=1).sum())
        more += int((~same.any(axis=0)).sum())
    return Score(faces, found, more)


def resized(image: Image, side: int) -> Image:
    """With its longer side as long as ``side``."""
    scale = side / max(image.shape[:2])
    shape = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def as_the_engine_sees_it(image: Image) -> Image:
    return resized(image, DETECTION_SIZE) if max(image.shape[:2]) > DETECTION_SIZE else image


@pytest.mark.parametrize("face_size", [24, 30, 40, 60, 100, 240])
def test_faces_of_all_sizes_in_a_large_picture(detectors, astronaut: Image, grace_hopper: Image, face_size: int):
    # Their faces are 110 and 230 pixels high.
    people = [resized(astronaut, round(512 * face_size / 110)), resized(grace_hopper, round(600 * face_size / 230))]
    room = np.full((720, 1280, 3), 90, np.uint8)
    for image, left in zip(people, (0, 640), strict=True):
        part = image[:720, :640]
        room[: part.shape[0], left : left + part.shape[1]] = part
    exact, fast = (find(detectors[name], [room])[0] for name in ("exact", "fast"))
    assert len(exact) == 2
    assert len(fast) == 2
    assert overlap(boxes_of(exact), boxes_of(fast)).max(axis=1).min() > 0.7
    by_place = [sorted(faces, key=lambda face: face.box.x1) for faces in (exact, fast)]
    for one, other in zip(*by_place, strict=True):
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.08 * one.box.height)


def test_packaged_pictures_give_the_same_faces(detectors, astronaut: Image, grace_hopper: Image):
    both = np.concatenate([astronaut, grace_hopper[:512]], axis=1)
    pictures = [resized(image, side) for image in (astronaut, grace_hopper, both) for side in (120, 320, 640, 1000)]
    pictures += [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    score = compare(detectors, pictures)
    assert score.faces == score.found >= 30
    assert score.more == 0


@pytest.mark.parametrize(
    "as_seen", [pytest.param(True, id="at 640"), pytest.param(False, id="full size", marks=pytest.mark.slow)]
)
def test_shared_pictures_lose_no_more_than_two_in_a_hundred(detectors, shared: Path, as_seen: bool):
    pictures = [*stills(shared), *frames(shared)]
    seen = map(as_the_engine_sees_it, pictures) if as_seen else pictures
    score = compare(detectors, seen)
    assert score.faces >= 150
    assert score.found >= 0.98 * score.faces, score
    assert score.more <= 0.02 * score.faces, score


def stills(shared: Path) -> Iterator[Image]:
    data = shared / "data"
    for path in [*sorted((data / "faces").glob("*/*")), *sorted((data / "groups").glob("*.jpg"))]:
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
            with PilImage.open(path) as picture:
                yield np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def frames(shared: Path) -> Iterator[Image]:
    for path in sorted((shared / "data" / "clips").glob("*.m*")):
        interval = 0.5 if path.stem == "hamilton" else 1.0
        with FrameSampler(path, interval) as sampler:
            yield from (np.array(frame.image) for frame in sampler)


@pytest.mark.parametrize(("pack", "variant"), [("bundled", "fast"), ("bundled-exact", "exact")])
def test_packs_have_their_variant(
    pack: str, variant: VariantName, detectors, models_cache: Path, astronaut: Image, grace_hopper: Image
):
    room = np.concatenate([astronaut, grace_hopper[:512]], axis=1)[::2, ::2]
    made = build_detector(get_pack(pack), ModelFiles.within(models_cache), RuntimeOptions())
    (faces,) = made.detect([room], min_face_size=MIN_FACE_SIZE, confidence=0.1)
    expected, other = (
        find(detectors[name], [room], 0.1)[0] for name in (variant, "exact" if variant == "fast" else "fast")
    )
    np.testing.assert_allclose(boxes_of(faces), boxes_of(expected), atol=1e-3)
    assert [face.confidence for face in expected] != [face.confidence for face in other]
