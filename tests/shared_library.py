"""Clips, stills and groups of the shared data as one library: faces found once, who they are, and libraries of them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clustering import bcubed
from app.domain import Face, Frame, Sampling
from app.media.frames import FrameSampler
from app.media.sampling import chunk_end
from app.media.scenes import signature
from app.models import Face as FaceRow
from app.pixels import decode_image
from app.services.context import Context
from app.services.looking import look_at
from app.services.process_video import link_tracks
from app.services.process_video.crops import Placed
from app.storage import faces as face_rows
from app.storage import spaces as space_rows
from app.vision import FaceEngine
from app.vision.packs import Pack
from tests.library import Library

INTERVAL = 1.0  # the default

# Where people are in the groups, by the left edge of their boxes in pixels. Names are those of labels.csv; whose face is
# whose was found with three packs alike, by the stills.
GROUPS = {
    "bbt1.jpg": {"raj": 212, "leonard": 475, "howard": 731, "sheldon": 1000},
    "bbt2.jpg": {"leonard": 95, "sheldon": 376},
    "bbt3.jpg": {"sheldon": 35, "howard": 157, "penny": 261, "raj": 366, "leonard": 490},
    "bbt4.jpg": {"leonard": 52, "amy": 86, "raj": 236, "penny": 259, "sheldon": 465, "bernadette": 580},
    "bbt5.jpg": {"raj": 102, "penny": 220, "sheldon": 437, "leonard": 575, "howard": 713},
    "two_people.jpg": {"barack_obama": 237, "joe_biden": 793},
    "obama_and_biden.jpg": {"joe_biden": 760, "barack_obama": 1145},
    "kit_with_rose.jpg": {"rose_leslie": 79, "kit_harington": 258},
}
NEAR = 10  # pixels by which detectors differ
# And in hamilton.mp4, by eye: who, from second, to second, left edge from, to, least height.
CONCERT = (
    ("lin_manuel_miranda", 0.0, 0.7, 500, 640, 30),
    ("lin_manuel_miranda", 2.75, 7.1, 140, 320, 80),
    ("barack_obama", 7.2, 9.5, 300, 345, 80),
    ("michelle_obama", 7.2, 9.5, 370, 410, 80),
)


@dataclass(frozen=True)
class Source:
    """A clip or a picture with what was found in it.

    Attributes:
        name: Path below the shared data.
        faces: Its faces as they would be stored.
        truth: Who some of them are, by place.
    """

    name: str
    faces: list[Placed]
    truth: dict[int, str]

    @property
    def is_still(self) -> bool:
        return not self.name.startswith("clips/")


def look_at_all(shared: Path, engine: FaceEngine) -> list[Source]:
    """Looks at everything once, at default settings."""
    data = shared / "data"
    with (data / "clips" / "labels.csv").open(newline="") as file:
        signers = {row["clip"]: row["person"] for row in csv.DictReader(file)}
    found = [_clip(path, data, engine, signers) for path in sorted((data / "clips").glob("*.m*"))]
    stills = [path for folder in ("faces", "groups") for path in sorted((data / folder).rglob("*"))]
    return found + [_still(path, data, engine) for path in stills if path.suffix in (".jpg", ".png")]


def _clip(path: Path, data: Path, engine: FaceEngine, signers: dict[str, str]) -> Source:
    placed: list[Placed] = []
    with FrameSampler(path, INTERVAL, sampling=Sampling.ADAPTIVE) as frames:
        for _, group in groupby(frames, key=lambda frame: chunk_end(frame.sample, Sampling.ADAPTIVE)):
            looked, found = look_at(engine, list(group))
            for frame, faces in zip(looked, found, strict=True):
                scene = signature(frame.image) if faces else None
                placed += [Placed(0, frame, place, face, scene=scene) for place, face in enumerate(faces)]
    truth = _concert(placed) if path.name == "hamilton.mp4" else {}
    if path.name in signers:
        truth = dict.fromkeys(_surest(placed), signers[path.name])
    return Source(str(path.relative_to(data)), placed, truth)


def _still(path: Path, data: Path, engine: FaceEngine) -> Source:
    image = decode_image(path.read_bytes())
    faces: list[Face] = engine.analyse([image])[0]
    placed = [Placed(0, Frame(0, 0.0, image), place, face) for place, face in enumerate(faces)]
    if path.parent.name != "groups":
        return Source(str(path.relative_to(data)), placed, dict.fromkeys(_surest(placed), path.parent.name))
    truth = {}
    for who, left in GROUPS[path.name].items():
        apart = {place: abs(one.face.detection.box.x1 - left) for place, one in enumerate(placed) if place not in truth}
        best = min(apart, key=lambda place: apart[place])
        assert apart[best] <= NEAR, f"{path.name}: {who} was not found"
        truth[best] = who
    return Source(str(path.relative_to(data)), placed, truth)


def _surest(placed: Sequence[Placed]) -> list[int]:
    """Of each frame the face that the detector is surest of; not the largest, which may be a print on a hoodie."""
    best: dict[int, int] = {}
    for place, one in enumerate(placed):
        known = best.setdefault(one.frame.sample, place)
        if one.face.detection.confidence > placed[known].face.detection.confidence:
            best[one.frame.sample] = place
    return list(best.values())


def _concert(placed: Sequence[Placed]) -> dict[int, str]:
    return {
        place: who
        for place, one in enumerate(placed)
        for who, start, end, left, right, height in CONCERT
        if start <= one.frame.timestamp <= end
        and left <= one.face.detection.box.x1 <= right
        and one.face.detection.box.height >= height
    }


class _Nobody:
    """Links without a job that could be taken away."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.params: dict[str, Any] = {}

    def check(self) -> None:
        """Nobody stops this."""

    def fence(self, session: Session) -> None:
        """Nobody takes this away."""


def ingest(context: Context, pack: Pack, sources: Iterable[Source]) -> dict[int, str]:
    """Stores the sources one after the other and links each, as the product does; returns who each face is.

    Faces of whom nothing is known are left out.
    """
    library = Library.__new__(Library)
    library.context = context
    truth: dict[int, str] = {}
    for source in sources:
        video = library.video(source.name, data=None)
        with context.database.write() as session:
            space = space_rows.get_or_create(session, pack.space, pack.name, pack.dimension)
            rows: list[FaceRow] = []
            for place, one in enumerate(source.faces):
                row = one.row(space.id)
                row.video_id, row.crop_key = video, f"faces/{video}/{place}.jpg"
                rows.append(row)
            ids = face_rows.add_many(session, rows)
        truth.update({ids[place]: who for place, who in source.truth.items()})
        link_tracks(context, _Nobody("0" * 32), video, alone=source.is_still)
    return truth


@dataclass(frozen=True)
class Score:
    """How well faces are grouped.

    Attributes:
        f: BCubed F; a face of nobody is a group of its own.
        people: How many groups the labelled faces are in.
        mixed: Groups of more than one known person.
    """

    f: float
    people: int
    mixed: list[dict[str, int]]


def score(context: Context, truth: dict[int, str]) -> Score:
    """Scores a library as ``tools/score.py`` of the shared data does."""
    with context.database.session() as session:
        owners = {row.id: row.person_id for row in session.execute(select(FaceRow.id, FaceRow.person_id))}
    groups = [f"p{owners[face]}" if owners[face] is not None else f"alone {face}" for face in truth]
    counted = {group: Counter[str]() for group in groups}
    for group, who in zip(groups, truth.values(), strict=True):
        counted[group][who] += 1
    mixed = [dict(names) for names in counted.values() if len(names) > 1]
    return Score(bcubed(list(truth.values()), groups).f, len(counted), mixed)
