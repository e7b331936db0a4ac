"""What docs/calibration.md says of the packs that can be measured, measured again.

A degraded copy of a still is *right* when the nearest clean face of the other stills is one of the same person and lies
within the distance at which 1 in 1000 pairs of clean strangers pass; else it is *wrong*. Copies are shrunk by area until
the eyes are 30, 20, 15 or 10 pixels apart, as they are and as JPEG of quality 60, 50 and 40. Their faces are looked for
again by the pack's own detector, as the product does it; faces that it does not find are not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.domain import Face, FloatArray, Image
from app.pixels import decode_image
from app.vision import FaceEngine, ModelFiles
from app.vision.evaluate import evaluate, operating_point, pair_distances
from app.vision.packs import get_pack
from app.vision.quality import eye_distance

PACKS = ("bundled", "yunet-mobilefacenet", "retinaface-mobile")
EYES = (30, 20, 15, 10)
QUALITIES = (None, 60, 50, 40)


@dataclass(frozen=True)
class Still:
    """A clean picture of one person."""

    person: str
    image: Image
    face: Face


@dataclass(frozen=True)
class Copy:
    """A degraded copy's face, and which still it was made of."""

    source: int
    eyes: int
    face: Face


@dataclass(frozen=True)
class Measured:
    """All that is needed of one pack."""

    stills: list[Still]
    copies: list[Copy]

    @property
    def owners(self) -> np.ndarray:
        return np.unique([still.person for still in self.stills], return_inverse=True)[1]

    @property
    def clean(self) -> FloatArray:
        return np.stack([still.face.embedding for still in self.stills])


@pytest.fixture(scope="module")
def measured(shared: Path, files: ModelFiles) -> Callable[[str], Measured]:
    known: dict[str, Measured] = {}

    def measure(name: str) -> Measured:
        if name not in known:
            engine = FaceEngine(get_pack(name), files, confidence=0.5)
            stills = list(_stills(shared, engine))
            known[name] = Measured(stills, [copy for n, s in enumerate(stills) for copy in _copies(n, s, engine)])
        return known[name]

    return measure


def _stills(shared: Path, engine: FaceEngine):
    for path in sorted((shared / "data" / "faces").glob("*/*")):
        image = decode_image(path.read_bytes())
        if faces := engine.analyse([image])[0]:
            yield Still(path.parent.name, image, max(faces, key=lambda face: eye_distance(face.detection.landmarks)))


def _copies(number: int, still: Still, engine: FaceEngine):
    eyes = eye_distance(still.face.detection.landmarks)
    for wanted in EYES:
        factor = wanted / eyes
        if factor < 1:
            images = [_degraded(still.image, factor, quality) for quality in QUALITIES]
            place = still.face.detection.landmarks.mean(0) * factor
            for faces in engine.analyse(images):
                near = [f for f in faces if np.abs(f.detection.landmarks.mean(0) - place).max() < 0.6 * wanted]
                if near:
                    yield Copy(number, wanted, near[0])


def _degraded(image: Image, factor: float, quality: int | None) -> Image:
    side = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    small = np.asarray(cv2.resize(image, side, interpolation=cv2.INTER_AREA), np.uint8)
    if quality is None:
        return small
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def right(found: Measured) -> tuple[list[Copy], np.ndarray]:
    """Copies of people of whom there is another still, and which of them the embedder gets right."""
    owners, clean = found.owners, found.clean
    pairs = pair_distances(clean, owners)
    limit = operating_point(np.sort(pairs.same), np.sort(pairs.different), 1e-3).distance
    copies = [copy for copy in found.copies if (owners == owners[copy.source]).sum() > 1]
    distances = 1.0 - np.stack([copy.face.embedding for copy in copies]) @ clean.T
    sources = np.array([copy.source for copy in copies])
    own = owners[sources][:, None] == owners[None]
    other_stills = np.arange(len(owners))[None] != sources[:, None]
    nearest = np.where(own & other_stills, distances, np.inf).min(1)
    stranger = np.where(own, np.inf, distances).min(1)
    return copies, (nearest < stranger) & (nearest < limit)


def area(scores: np.ndarray, good: np.ndarray) -> float:
    """Chance that a right face scores higher than a wrong one; equal scores count half."""
    high, low = scores[good][:, None], scores[~good][None]
    return float(((high > low) + 0.5 * (high == low)).mean())


@pytest.mark.parametrize("name", PACKS)
def test_pairs_of_one_person_are_found(measured, name: str) -> None:
    found = evaluate(pair_distances(measured(name).clean, measured(name).owners))
    assert found.points[0].true_rate >= 0.99
    assert found.points[1].true_rate >= 0.95


@pytest.mark.parametrize("name", PACKS)
def test_quality_tells_what_the_embedder_gets_wrong(measured, name: str) -> None:
    copies, good = right(measured(name))
    assert (~good).sum() > 40
    scores = np.array([copy.face.quality.score for copy in copies])
    assert area(scores, good) >= 0.85


@pytest.mark.parametrize("name", PACKS)
def test_most_of_what_is_wrong_may_not_decide(measured, name: str) -> None:
    copies, good = right(measured(name))
    usable = np.array([copy.face.quality.usable for copy in copies])
    assert usable[~good].mean() < 0.35
    assert usable[good].mean() > 0.75
    assert np.mean([still.face.quality.usable for still in measured(name).stills]) > 0.95


def similarities(found: Measured, name: str, least: int = 10) -> tuple[FloatArray, FloatArray]:
    """Of usable copies to clean stills: of one person, and of two."""
    owners, pack = found.owners, get_pack(name)
    copies = [copy for copy in found.copies if copy.eyes >= least and copy.face.quality.usable]
    distances = 1.0 - np.stack([copy.face.embedding for copy in copies]) @ found.clean.T
    sources = np.array([copy.source for copy in copies])
    own = owners[sources][:, None] == owners[None]
    same = own & (np.arange(len(owners))[None] != sources[:, None])
    values = pack.similarity(distances.astype(np.float32))
    return values[same], values[~own]


def test_at_similarity_50_mistakes_are_alike_in_every_pack(measured) -> None:
    leanings = []
    for name in PACKS:
        same, other = similarities(measured(name), name, least=20)
        missed, passed = float((same < 0.5).mean()), float((other >= 0.5).mean())
        assert missed < 0.08, (name, missed)
        assert passed < 0.01, (name, passed)
        leanings.append(missed - passed)
    assert max(leanings) - min(leanings) < 0.06


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.1), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)])
def test_a_similarity_means_the_same_in_every_pack(measured, low: float, high: float) -> None:
    """The table of docs/calibration.md: how often two faces of such a similarity are one person, both kinds weighed alike."""
    shares = []
    for name in PACKS:
        same, other = similarities(measured(name), name)
        right, wrong = (float(((part >= low) & (part < high)).mean()) for part in (same, other))
        shares.append(right / (right + wrong))
    assert max(shares) - min(shares) < 0.15
    assert (min(shares) > 0.5) == (low >= 0.3)


@pytest.mark.parametrize("name", PACKS)
def test_the_curve_of_the_pack_is_the_one_that_eval_fits(measured, name: str) -> None:
    pack = get_pack(name)
    found = evaluate(pair_distances(measured(name).clean, measured(name).owners))
    assert found.same_person_distance == pytest.approx(pack.same_person_distance, rel=0.1)
    assert found.similarity_scale == pytest.approx(pack.similarity_scale, rel=0.4)
