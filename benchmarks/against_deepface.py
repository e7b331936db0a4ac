"""Ours against DeepFace's loop, on the same RetinaFace and ArcFace graphs.

The graphs have DeepFace's own architecture and random weights, for the real ones cannot be had without a network. What
they compute costs the same, but what comes out is no face. So that both sides go on with the same work, each runs its
detector to the end, from pixels to suppression, and is then told where the faces are: our engine by ``describe``,
DeepFace by what the wrapper of its detector answers. Cutting, aligning and embedding them are again each side's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from app.domain import Detection, Image
from app.errors import AppError
from app.vision import FaceEngine
from benchmarks import frames
from benchmarks.against import Bench, missing, turns
from benchmarks.engines import REFERENCE, MissingError
from benchmarks.peers import Peer, PeerError
from benchmarks.results import Comparison, Target

# DeepFace draws a border of half the frame around it and scales the whole to 1820x1024: the frame itself is 910 wide.
TARGETS = {640: Target(8.0, at_least=True), 910: Target(4.0, at_least=True)}

FACES = {640: (1, 3), 910: (1,)}  # for each frame
THRESHOLD = 0.9  # DeepFace's

Faces = list[list[Detection]]


@dataclass(frozen=True)
class _Case:
    side: int
    size: str
    faces: int
    planned: Comparison


def deepface(bench: Bench) -> list[Comparison]:
    """One face and three faces per frame at our default size, one with faces as large as DeepFace has them."""
    cases = [
        _Case(side, size, faces, Comparison(_name(side, size, faces), "DeepFace", bench.count, target))
        for side, target in TARGETS.items()
        for size in bench.sizes
        for faces in FACES[side]
    ]
    try:
        # the mirror image that some packs look at too is no part of DeepFace's work
        engines = {
            side: bench.weights.engine(REFERENCE, flip=False, detection_size=side, confidence=THRESHOLD)
            for side in TARGETS
        }
        finder = bench.weights.engine("bundled")
        with Peer(bench.python(), "deepface", bench.folder, {"DEEPFACE_HOME": str(bench.weights.folder)}) as peer:
            bench.say(peer.about)
            return [_measure(bench, case, engines[case.side], finder, peer) for case in cases]
    except (MissingError, PeerError, AppError) as error:
        return missing(bench, [case.planned for case in cases], str(error))


def _name(side: int, size: str, faces: int) -> str:
    where = "at the default size, 640 px" if side == min(TARGETS) else f"with faces as large as theirs, {side} px"
    return f"RetinaFace + ArcFace, {size}, {faces} face{'s' * (faces > 1)} per frame, {where}"


def _measure(bench: Bench, case: _Case, engine: FaceEngine, finder: FaceEngine, peer: Peer) -> Comparison:
    make = frames.portraits if case.faces == 1 else frames.views
    pictures = make(bench.sizes[case.size], bench.count)
    known = known_faces(finder, pictures, case.faces)
    handed = bench.handed(f"deepface-{case.size}-{case.faces}", pictures)
    theirs = [[as_theirs(face) for face in faces] for faces in known]
    boxes = {}

    def their_turn() -> tuple[float, int]:
        answer = peer.ask("loop", frames=handed, faces=theirs)
        boxes["theirs"] = answer["found"]
        return answer["seconds"], answer["faces"]

    done = turns(bench, replace(case.planned, peer=peer.about), lambda: look(engine, pictures, known), their_turn)
    boxes["ours"] = sum(len(found) for found in engine.detect(pictures))
    return replace(done, remark=f"{boxes['ours']} boxes came out of our detector, {boxes['theirs']} out of theirs")


def known_faces(finder: FaceEngine, pictures: list[Image], most: int) -> Faces:
    """Where the faces really are: at most so many for each picture, the most certain ones."""
    return [faces[:most] for faces in finder.detect(pictures)]


def look(engine: FaceEngine, pictures: list[Image], known: Faces) -> int:
    """All the work of an engine, whose detector looks at the pictures and is then told where the faces are.

    Returns:
        How many faces were embedded.
    """
    engine.detect(pictures)
    return sum(len(faces) for faces in engine.describe(pictures, known))


def as_theirs(face: Detection) -> dict[str, Any]:
    """A face as ``peer_worker`` takes it; DeepFace's left eye is the person's, which is at the right in the picture."""
    box, points = face.box, face.landmarks.round().astype(int).tolist()
    return {
        "box": [round(box.x1), round(box.y1), round(box.width), round(box.height)],
        "left_eye": points[1],
        "right_eye": points[0],
    }
