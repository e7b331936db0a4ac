"""Tries a pack out on two real faces: does it find them, and does it tell them apart as it should?

A network answers to everything. Fed with the channels in another order, with other numbers for black and white, or with
faces cut in another way, it still gives vectors, only worse ones. What gives that away is looked for here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.domain import Detection, FloatArray
from app.errors import ModelError
from app.vision.build import build_detector, build_embedder
from app.vision.files import ModelFiles
from app.vision.packs import DEEPFACE, Pack
from app.vision.parts import Detector, Embedder
from app.vision.runtime import RuntimeOptions
from app.vision.sample_faces import SampleFace, grey, plain_faces, reference_vectors, swapped, varied_faces

# The nearest of the two people must be this many times as far apart as the farthest variants of one. MobileFaceNet has
# 9, dlib 6; MobileFaceNet with pixels of 0..1 has 1.8, with 0..255 has 1.0, with eyes and mouths mirrored 0.4.
SMALLEST_RATIO = 2.0
# DeepFace feeds its own models, and some of them are weak: only the order counts.
SMALLEST_RATIO_OF_DEEPFACE = 1.0
# How far a face's vector moves when the picture loses its colours, with red and blue exchanged over as they should be.
# Networks learn what red skin tells; exchanged, they look away from it. 0.50 and 0.46 for MobileFaceNet and dlib; with
# exchanged channels 0.80 and 2.2. Over the first limit it is told, over the second the pack is refused.
DOUBTFUL_COLOUR_RATIO = 0.75
LARGEST_COLOUR_RATIO = 1.5
# Cosine to the vectors that were recorded for a space. Other machines and half precision stay above 0.999; of dlib, which
# minds little, it is 0.995 with exchanged channels and 0.997 with half the contrast.
SMALLEST_REFERENCE = 0.998
# Under this it is another network's vector altogether, and the record says nothing about it.
OTHER_NETWORK = 0.5
# Mean distance of found points to the known ones, in distances of the eyes. Detectors differ by 0.02 to 0.08.
LARGEST_POINT_ERROR = 0.2

_CONFIDENCE = 0.5
_SMALLEST_FACE = 20


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a pack made of the two faces.

    Attributes:
        pack: Name of the pack.
        point_error: Mean distance of the found points to the known ones in distances of the eyes; of the worst picture.
        same_farthest: Distance of the two most unlike pictures of one person.
        other_nearest: Distance of the two most alike pictures of two people.
        other_mean: Mean distance of pictures of two people.
        threshold: The pack's distance under which two faces are one person.
        colour_ratio: See :data:`LARGEST_COLOUR_RATIO`.
        reference: Cosine to the recorded vectors, of the worse face; ``None`` where nothing was recorded.
        problems: What is wrong, as sentences with the figures; empty where the pack passes.
        remark: What a person should know though the pack passes; ``None`` where there is nothing.
    """

    pack: str
    point_error: float
    same_farthest: float
    other_nearest: float
    other_mean: float
    threshold: float
    colour_ratio: float
    reference: float | None
    problems: tuple[str, ...]
    remark: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the pack may be used."""
        return not self.problems

    def require(self) -> None:
        """Raises a :class:`app.errors.ModelError` with the figures where the pack may not be used."""
        if self.problems:
            raise ModelError(f"The pack {self.pack} is refused: {' '.join(self.problems)}")


def check_pack(files: ModelFiles, pack: Pack, runtime: RuntimeOptions | None = None) -> CheckReport:
    """Loads a pack's networks and tries them out.

    Args:
        files: Where weights lie.
        pack: The pack.
        runtime: How networks are run; as suits this machine when ``None``.

    Returns:
        The figures; :attr:`CheckReport.problems` tells whether they are good enough.

    Raises:
        ConfigError: The pack names a network that does not exist.
        ModelError: Weights are missing or damaged, or a network fails.
    """
    runtime = runtime or RuntimeOptions()
    return check_parts(pack, build_detector(pack, files, runtime), build_embedder(pack, files, runtime))


def check_parts(pack: Pack, detector: Detector, embedder: Embedder) -> CheckReport:
    """Tries out networks that are loaded already.

    Args:
        pack: Whose networks they are.
        detector: The detector.
        embedder: The embedder.

    Raises:
        ModelError: A network fails.
    """
    faces = varied_faces()
    found = _find(detector, faces)
    missed = [face for face, detection in zip(faces, found, strict=True) if detection is None]
    errors = [_point_error(face, one) for face, one in zip(faces, found, strict=True) if one is not None]
    # what the detector did not find is cut by the known points: one fault must not hide another
    same, other = _distances(embedder, faces, [one or face.detection for face, one in zip(faces, found, strict=True)])
    colour = _colour_ratio(embedder)
    reference, remark = _reference(pack, embedder)
    return CheckReport(
        pack=pack.name,
        point_error=max(errors, default=float("inf")),
        same_farthest=float(same.max()),
        other_nearest=float(other.min()),
        other_mean=float(other.mean()),
        threshold=pack.same_person_distance,
        colour_ratio=colour,
        reference=reference,
        problems=(
            *_detector_problems(missed, max(errors, default=0.0)),
            *_distance_problems(pack, same, other),
            *_colour_problems(colour),
            *_reference_problems(reference),
        ),
        remark=remark or _colour_doubt(colour, reference),
    )


def _find(detector: Detector, faces: list[SampleFace]) -> list[Detection | None]:
    """The face of each picture, or ``None`` where there is not one."""
    found = detector.detect([face.image for face in faces], min_face_size=_SMALLEST_FACE, confidence=_CONFIDENCE)
    return [max(some, key=lambda one: one.confidence) if some else None for some in found]


def _point_error(face: SampleFace, found: Detection) -> float:
    eyes = float(np.hypot(*(face.points[1] - face.points[0])))
    return float(np.hypot(*(found.landmarks - face.points).T).mean()) / eyes


def _detector_problems(missed: list[SampleFace], error: float) -> list[str]:
    problems = []
    if missed:
        names = ", ".join(f"{face.name.replace('_', ' ').title()} ({face.variant})" for face in missed)
        problems.append(f"The detector finds no face in {len(missed)} of 10 clear pictures: {names}.")
    if error > LARGEST_POINT_ERROR:
        problems.append(
            f"Eyes, nose and mouth are found {error:.2f} eye distances away from where they are; {LARGEST_POINT_ERROR} is allowed."
        )
    return problems


def _distances(embedder: Embedder, faces: list[SampleFace], places: list[Detection]) -> tuple[FloatArray, FloatArray]:
    """Distances of pictures of one person, and of two."""
    vectors = _embed(embedder, faces, places)
    names = np.array([face.name for face in faces])
    first, second = np.triu_indices(len(faces), 1)
    distances, same = np.maximum(1.0 - vectors @ vectors.T, 0.0)[first, second], names[first] == names[second]
    return distances[same], distances[~same]


def _embed(embedder: Embedder, faces: list[SampleFace], places: list[Detection]) -> FloatArray:
    return embedder.embed(
        np.stack([embedder.cut(face.image, place) for face, place in zip(faces, places, strict=True)])
    )


def _distance_problems(pack: Pack, same: FloatArray, other: FloatArray) -> list[str]:
    problems = []
    smallest = SMALLEST_RATIO_OF_DEEPFACE if pack.embedder.startswith(DEEPFACE) else SMALLEST_RATIO
    farthest, nearest = float(same.max()), float(other.min())
    if not nearest > smallest * farthest:
        problems.append(
            f"Two people are {nearest:.3f} apart and pictures of one person {farthest:.3f}; the former must be more than "
            f"{smallest:g} times the latter."
        )
    if not float(same.mean()) < pack.same_person_distance < float(other.mean()):
        problems.append(
            f"Pictures of one person are {float(same.mean()):.3f} apart on average and of two {float(other.mean()):.3f}; the "
            f"pack's threshold of {pack.same_person_distance:.3f} must lie between."
        )
    return problems


def _colour_ratio(embedder: Embedder) -> float:
    faces = list(plain_faces())
    places = [face.detection for face in faces]
    without = _embed(embedder, [grey(face) for face in faces], places)
    right = 1.0 - (_embed(embedder, faces, places) * without).sum(1)
    wrong = 1.0 - (_embed(embedder, [swapped(face) for face in faces], places) * without).sum(1)
    return float(wrong.sum() / max(float(right.sum()), 1e-9))


def _colour_problems(ratio: float) -> list[str]:
    if ratio <= LARGEST_COLOUR_RATIO:
        return []
    return [
        f"Red and blue seem to be exchanged: colours tell the network {ratio:.1f} times as much when they are exchanged "
        "back."
    ]


def _colour_doubt(ratio: float, reference: float | None) -> str | None:
    # where the vectors are the recorded ones there is no doubt
    if reference is not None or not DOUBTFUL_COLOUR_RATIO < ratio <= LARGEST_COLOUR_RATIO:
        return None
    return (
        f"Colours tell this network {ratio:.2f} times as much with red and blue exchanged; 0.5 is usual. Compare with "
        "faaaaaces eval before you rely on it."
    )


def _reference(pack: Pack, embedder: Embedder) -> tuple[float | None, str | None]:
    recorded = reference_vectors(pack.space)
    if recorded is None:
        return None, None
    faces = list(plain_faces())
    vectors = _embed(embedder, faces, [face.detection for face in faces])
    if vectors.shape != recorded.shape:
        return None, _ANOTHER
    cosines = (vectors * recorded).sum(1)
    if float(cosines.max()) < OTHER_NETWORK:
        return None, _ANOTHER
    return float(cosines.min()), None


_ANOTHER = (
    "These are not the weights that the pack's thresholds were measured with; run faaaaaces eval DIR --save with pictures "
    "of people you know."
)


def _reference_problems(reference: float | None) -> list[str]:
    if reference is None or reference >= SMALLEST_REFERENCE:
        return []
    return [
        f"The vectors of two known faces are not those that this network gives (cosine {reference:.3f}, at least "
        f"{SMALLEST_REFERENCE} is needed): channel order, scaling of the pixels or the cutting of faces is wrong."
    ]
