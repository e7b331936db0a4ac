"""Measures a pack on pictures of known people: a folder with one folder per person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from app.domain import Face, FloatArray, Image
from app.errors import InvalidInputError, MediaError, TooLargeError
from app.pixels import decode_image
from app.vision import FaceEngine, ModelFiles, Pack
from app.vision.calibration import Calibration, save_calibration
from app.vision.evaluate import Evaluation, evaluate, pair_distances
from app.vision.quality import eye_distance

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
_BATCH = 8

Progress = Callable[[int, int], None]


@dataclass
class Gallery:
    """The faces of a folder.

    Attributes:
        people: Names of those of whom a face was found, in the order of :attr:`owners`.
        owners: Number of the person of each face.
        embeddings: One vector per face.
        unusable: How many of the faces are too poor to decide who is who; they are measured all the same.
        pictures: How many pictures there were.
        faceless: Pictures in which no face was found, as ``person/file``.
        crowded: Pictures with more than one face; the largest was taken.
        unreadable: Files that are no pictures, or damaged.
    """

    people: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    embeddings: list[FloatArray] = field(default_factory=list)
    unusable: int = 0
    pictures: int = 0
    faceless: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EvalReport:
    """What ``faaaaaces eval`` found.

    Attributes:
        pack: The pack, with the figures it had before.
        gallery: The faces.
        evaluation: The figures.
    """

    pack: Pack
    gallery: Gallery
    evaluation: Evaluation

    def calibration(self, today: date) -> Calibration:
        """What there is to store."""
        return Calibration(
            space=self.pack.space,
            same_person_distance=self.evaluation.same_person_distance,
            similarity_scale=self.evaluation.similarity_scale,
            people=len(self.gallery.people),
            faces=len(self.gallery.embeddings),
            measured=today.isoformat(),
        )


def evaluate_folder(folder: Path, engine: FaceEngine, progress: Progress = lambda _done, _all: None) -> EvalReport:
    """Measures an engine's pack on a folder.

    Args:
        folder: Holds one folder per person, with pictures of that person. Other files, and names that start with a
            dot, are passed over.
        engine: What to measure.
        progress: Told how many of how many pictures are done.

    Returns:
        The figures, and which pictures could not be used.

    Raises:
        InvalidInputError: There are no such folders, only one person, or too few faces for a pair of each kind.
    """
    pictures = _pictures(folder)
    gallery = Gallery(pictures=len(pictures))
    places: dict[str, int] = {}
    for start in range(0, len(pictures), _BATCH):
        for path, faces in _analysed(pictures[start : start + _BATCH], engine, gallery):
            _take(gallery, places, path, faces)
        progress(min(start + _BATCH, len(pictures)), len(pictures))
    return EvalReport(engine.pack, gallery, _evaluated(gallery))


def save(report: EvalReport, files: ModelFiles, today: date) -> Path:
    """Stores the thresholds that were found, for this pack on this machine.

    Raises:
        InvalidInputError: The faces are too few, or the pack cannot tell them apart.
        ConfigError: The folder of models cannot be written to.
    """
    evaluation = report.evaluation
    if evaluation.same_pairs < _FEWEST_PAIRS or evaluation.different_pairs < _FEWEST_PAIRS:
        raise InvalidInputError(
            f"These pictures are too few to set thresholds by: {evaluation.same_pairs} pairs of one person and "
            f"{evaluation.different_pairs} of two; {_FEWEST_PAIRS} of each are needed."
        )
    if evaluation.best_accuracy < _WORST_ACCURACY:
        raise InvalidInputError(
            f"The pack tells these people apart in only {evaluation.best_accuracy:.0%} of pairs, too few to set thresholds by. "
            "Look whether every folder holds one person, or try faaaaaces models check."
        )
    return save_calibration(files, report.calibration(today))


# A curve of two parameters from fewer pairs than this would follow single pictures.
_FEWEST_PAIRS = 20
_WORST_ACCURACY = 0.8


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidInputError("There is no such folder.")
    people = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not people:
        raise InvalidInputError(
            "There are no folders in this folder: make one per person, with pictures of that person."
        )
    found = {
        person: [
            path
            for path in sorted(person.iterdir())
            if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        ]
        for person in people
    }
    if sum(1 for paths in found.values() if paths) < 2:
        raise InvalidInputError(
            "There are pictures of fewer than two people: without strangers nothing can be measured. Make one folder per "
            "person."
        )
    return [path for paths in found.values() for path in paths]


def _analysed(paths: list[Path], engine: FaceEngine, gallery: Gallery) -> Iterator[tuple[Path, list[Face]]]:
    readable: list[tuple[Path, Image]] = []
    for path in paths:
        try:
            readable.append((path, decode_image(path.read_bytes())))
        except (MediaError, TooLargeError, OSError):
            gallery.unreadable.append(_name(path))
    faces = engine.analyse([image for _, image in readable])
    yield from zip((path for path, _ in readable), faces, strict=True)


def _take(gallery: Gallery, places: dict[str, int], path: Path, faces: list[Face]) -> None:
    if not faces:
        gallery.faceless.append(_name(path))
        return
    if len(faces) > 1:
        gallery.crowded.append(_name(path))
    face = max(faces, key=lambda face: eye_distance(face.detection.landmarks))
    person = path.parent.name
    if person not in places:
        places[person] = len(gallery.people)
        gallery.people.append(person)
    gallery.owners.append(places[person])
    gallery.embeddings.append(face.embedding)
    gallery.unusable += not face.quality.usable


def _evaluated(gallery: Gallery) -> Evaluation:
    if len(gallery.people) < 2:
        raise InvalidInputError(
            f"Faces of only {len(gallery.people)} people were found in {gallery.pictures} pictures; two are needed."
        )
    if len(gallery.owners) == len(gallery.people):
        raise InvalidInputError("Of nobody two faces were found; two pictures of one person are needed at least.")
    return evaluate(pair_distances(np.stack(gallery.embeddings), np.array(gallery.owners, np.int64)))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
