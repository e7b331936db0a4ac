"""Our detector against the ``mtcnn`` package on TensorFlow, on real pictures."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from app.vision.detectors.mtcnn import MtcnnDetector

CONFIDENCE = 0.7
MIN_FACE_SIZE = 20

# In a process of its own, so that TensorFlow's memory and threads are gone when it ends.
PROGRAM = """
import sys
import numpy as np
from mtcnn import MTCNN

detector = MTCNN()
with np.load(sys.argv[1]) as pictures:
    found = {
        name: detector.detect_faces(
            pictures[name], fit_to_image=False, box_format="xyxy", output_type="numpy",
            min_face_size=int(sys.argv[3]), threshold_onet=float(sys.argv[4]),
        )
        for name in pictures
    }
np.savez(sys.argv[2], **found)
"""


@dataclass(frozen=True)
class Comparison:
    """Pictures, and what the package finds: rows of (_, x1, y1, x2, y2, score, five x, five y) for each picture."""

    pictures: dict[str, Image]
    faces: dict[str, np.ndarray]

    def only(self, prefix: str) -> Comparison:
        names = [name for name in self.pictures if name.startswith(prefix)]
        return Comparison({name: self.pictures[name] for name in names}, {name: self.faces[name] for name in names})


@pytest.fixture(scope="module")
def comparison(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image
) -> Comparison:
    """All pictures in one run, for TensorFlow takes long to start."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed; there are no packages of it for this Python or processor")
    pictures = packaged_pictures(astronaut, grace_hopper)
    with contextlib.suppress(pytest.skip.Exception):
        pictures |= shared_pictures(request.getfixturevalue("shared"))
    folder = tmp_path_factory.mktemp("parity")
    np.savez(folder / "pictures.npz", **pictures)
    command = [sys.executable, "-c", PROGRAM, "pictures.npz", "faces.npz", str(MIN_FACE_SIZE), str(CONFIDENCE)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "faces.npz") as found:
        return Comparison(pictures, {name: found[name] for name in pictures})


def packaged_pictures(astronaut: Image, grace_hopper: Image) -> dict[str, Image]:
    return {
        "packaged/astronaut": astronaut,
        "packaged/grace_hopper": grace_hopper,
        "packaged/both": np.concatenate([astronaut, grace_hopper[:512]], axis=1),
        "packaged/small": astronaut[::3, ::3],
        "packaged/mirrored": np.ascontiguousarray(grace_hopper[:, ::-1]),
        "packaged/cut_off": astronaut[85:400],
        "packaged/no_face": astronaut[260:],
    }


def shared_pictures(shared: Path) -> dict[str, Image]:
    data = shared / "data"
    people = sorted(path for path in (data / "faces").glob("*/*") if path.suffix in {".jpg", ".png"})
    paths = [*sorted((data / "groups").glob("*.jpg"))[:4], *people[::12]]
    pictures = {f"shared/{path.parent.name}/{path.name}": load(path) for path in paths}
    with av.open(str(data / "clips" / "hamilton.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 60 == 30:
                pictures[f"shared/hamilton/{number}"] = frame.to_ndarray(format="rgb24")
    return pictures


def load(path: Path) -> Image:
    with PilImage.open(path) as picture:
        picture.thumbnail((640, 640))
        return np.asarray(picture.convert("RGB"))


def assert_same_faces(detector: MtcnnDetector, comparison: Comparison) -> None:
    found = detector.detect(list(comparison.pictures.values()), min_face_size=MIN_FACE_SIZE, confidence=CONFIDENCE)
    for (name, rows), faces in zip(comparison.faces.items(), found, strict=True):
        assert len(faces) == len(rows), name
        for row in rows:
            boxes = np.array([[face.box.x1, face.box.y1, face.box.x2, face.box.y2] for face in faces])
            # Faces of equal score may come in any order.
            nearest = int(np.abs(boxes - row[1:5]).max(axis=1).argmin())
            assert np.abs(boxes[nearest] - row[1:5]).max() < 0.03, name
            assert np.abs(faces[nearest].landmarks - row[6:].reshape(2, 5).T).max() < 0.03, name
            assert abs(faces[nearest].confidence - row[5]) < 1e-3, name


def test_same_faces_as_the_package(comparison: Comparison, models_cache: Path):
    ours = comparison.only("packaged/")
    counts = [len(ours.faces[f"packaged/{name}"]) for name in ("astronaut", "grace_hopper", "both", "mirrored")]
    assert counts == [1, 1, 2, 1]
    assert_same_faces(MtcnnDetector(models_cache, variant="exact"), ours)


@pytest.mark.usefixtures("shared")
def test_same_faces_as_the_package_on_shared_pictures(comparison: Comparison, models_cache: Path):
    theirs = comparison.only("shared/")
    assert sum(map(len, theirs.faces.values())) > 20
    assert_same_faces(MtcnnDetector(models_cache, variant="exact"), theirs)
