"""The faces of the shared test data, with the names of those whose they are.

Names of stills are those of their folders. A signer's clip shows one person, whose face the detector is surest of in
each frame; other finds there are false. Faces of group pictures get the names that are listed for their picture, so
that they lie nearest to the stills of these people (Hungarian method). Of the concert only three people are known, by
where they stand.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from app.domain import Face, FloatArray, Image
from app.media.frames import FrameSampler
from app.pixels import decode_image
from app.vision import FaceEngine
from app.vision.quality import eye_distance

FALSE = "no face"
CONCERT = "hamilton.mp4"

# Seconds from and to, left edge of the box from and to, least height: who is seen where in the concert.
_CONCERT_PLACES = (
    ("lin_manuel_miranda", 0.0, 0.7, 500, 640, 30),
    ("lin_manuel_miranda", 2.75, 7.1, 140, 320, 80),
    ("barack_obama", 7.2, 9.5, 300, 345, 80),
    ("michelle_obama", 7.2, 9.5, 370, 410, 80),
)


@dataclass(frozen=True)
class Sighting:
    """One real face.

    Attributes:
        source: Video or picture in which it was seen.
        sample: Number of its frame there.
        timestamp: Seconds from the beginning of the video.
        face: What the engine found.
        person: Whose it is, :data:`FALSE`, or ``None`` where nobody knows.
    """

    source: str
    sample: int
    timestamp: float
    face: Face
    person: str | None


@dataclass(frozen=True)
class Damage:
    """What is done to a still before faces are looked for in it.

    Attributes:
        name: For tables.
        eyes: Pixels between the eyes to which it is shrunk; ``None`` leaves its size.
        jpeg: Quality, 1 to 100, with which it is squeezed then.
        blur: Standard deviation of a Gauss blur, in eye distances.
    """

    name: str
    eyes: float | None = None
    jpeg: int | None = None
    blur: float = 0.0


DAMAGES = (
    Damage("eyes 20 px apart", eyes=20),
    Damage("eyes 14 px apart", eyes=14),
    Damage("eyes 30 px apart, JPEG 40", eyes=30, jpeg=40),
    Damage("eyes 20 px apart, JPEG 40", eyes=20, jpeg=40),
    Damage("eyes 30 px apart, blurred", eyes=30, blur=0.08),
)


def stills(engine: FaceEngine, data: Path) -> list[Sighting]:
    """The largest face of each still."""
    found = []
    for path, image in _pictures(data):
        faces = engine.analyse([image])[0]
        if faces:
            found.append(Sighting(f"{path.parent.name}/{path.name}", 0, 0.0, _largest(faces), path.parent.name))
    return found


def damaged(engine: FaceEngine, data: Path, damages: Iterable[Damage] = DAMAGES) -> dict[str, list[Sighting]]:
    """Degraded copies of the stills, by the name of the damage; copies in which no face is found are left out."""
    chosen = list(damages)
    found: dict[str, list[Sighting]] = {damage.name: [] for damage in chosen}
    for path, image in _pictures(data):
        faces = engine.analyse([image])[0]
        for damage in chosen if faces else ():
            copy = degrade(image, eye_distance(_largest(faces).detection.landmarks), damage)
            again = engine.analyse([copy])[0]
            if again:
                source = f"{path.parent.name}/{path.name}, {damage.name}"
                found[damage.name].append(Sighting(source, 0, 0.0, _largest(again), path.parent.name))
    return found


def degrade(image: Image, eyes: float, damage: Damage) -> Image:
    """Makes a picture worse.

    Args:
        image: The picture.
        eyes: Pixels between the eyes in it.
        damage: What to do; a picture that is small already is not enlarged.
    """
    scale = min(1.0, damage.eyes / eyes) if damage.eyes else 1.0
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    worse = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else image
    if damage.blur:
        worse = cv2.GaussianBlur(worse, (0, 0), damage.blur * eyes * scale)
    if damage.jpeg is not None:
        written = cv2.imencode(".jpg", worse[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, damage.jpeg])[1]
        read = cv2.imdecode(written, cv2.IMREAD_COLOR)
        assert read is not None, "OpenCV cannot read what it has just written"  # noqa: S101 - a tool
        worse = np.asarray(read[:, :, ::-1], dtype=np.uint8)
    return np.ascontiguousarray(worse, dtype=np.uint8)


def clips(engine: FaceEngine, data: Path, interval: float) -> list[Sighting]:
    """Every face of the clips of signers and of the concert, a frame each ``interval`` seconds."""
    with (data / "clips" / "labels.csv").open(newline="") as file:
        signers = {row["clip"]: row["person"] for row in csv.DictReader(file)}
    found: list[Sighting] = []
    for name in sorted(signers):
        found += _watched(engine, data / "clips" / name, interval, _signer(signers[name]))
    return found + _watched(engine, data / "clips" / CONCERT, interval, _at_the_concert)


def groups(engine: FaceEngine, data: Path, known: Iterable[Sighting]) -> list[Sighting]:
    """Every face of the group pictures; ``known`` are the stills by which they are told apart."""
    means = _means(known)
    found = []
    with (data / "groups" / "labels.csv").open(newline="") as file:
        listed = {
            row["picture"]: [one for one in row["people"].split(";") if one != "?"] for row in csv.DictReader(file)
        }
    for name, people in sorted(listed.items()):
        faces = engine.analyse([decode_image((data / "groups" / name).read_bytes())])[0]
        owners = _assigned(faces, [means[person] for person in people])
        found += [
            Sighting(name, 0, 0.0, face, None if owner is None else people[owner])
            for face, owner in zip(faces, owners, strict=True)
        ]
    return found


def _pictures(data: Path) -> Iterator[tuple[Path, Image]]:
    for path in sorted((data / "faces").glob("*/*")):
        yield path, decode_image(path.read_bytes())


def _largest(faces: list[Face]) -> Face:
    return max(faces, key=lambda face: eye_distance(face.detection.landmarks))


Names = Callable[[float, list[Face]], list[str | None]]


def _watched(engine: FaceEngine, path: Path, interval: float, names: Names) -> list[Sighting]:
    found = []
    with FrameSampler(path, interval) as frames:
        for frame in frames:
            faces = engine.analyse([frame.image])[0]
            found += [
                Sighting(path.name, frame.sample, frame.timestamp, face, name)
                for face, name in zip(faces, names(frame.timestamp, faces), strict=True)
            ]
    return found


def _signer(person: str) -> Names:
    def names(_: float, faces: list[Face]) -> list[str | None]:
        surest = max((face.detection.confidence for face in faces), default=0.0)
        return [person if face.detection.confidence == surest else FALSE for face in faces]

    return names


def _at_the_concert(timestamp: float, faces: list[Face]) -> list[str | None]:
    return [
        next(
            (
                person
                for person, start, end, left, right, height in _CONCERT_PLACES
                if start <= timestamp <= end
                and left <= face.detection.box.x1 <= right
                and face.detection.box.height >= height
            ),
            None,
        )
        for face in faces
    ]


def _means(sightings: Iterable[Sighting]) -> dict[str, FloatArray]:
    by_person: dict[str, list[FloatArray]] = {}
    for one in sightings:
        if one.person is not None:
            by_person.setdefault(one.person, []).append(one.face.embedding)
    return {person: np.mean(vectors, axis=0, dtype=np.float32) for person, vectors in by_person.items()}


def _assigned(faces: list[Face], means: list[FloatArray]) -> list[int | None]:
    owners: list[int | None] = [None] * len(faces)
    if faces and means:
        similarity = np.stack([face.embedding for face in faces]) @ np.stack(means).T
        for face, person in zip(*linear_sum_assignment(similarity, maximize=True), strict=True):
            owners[int(face)] = int(person)
    return owners
