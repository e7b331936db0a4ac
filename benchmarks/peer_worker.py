# ruff: noqa: PLC0415  # a tool is loaded only where it is the one that is measured
"""Runs in the peers' environment: other people's tools, on the frames that are handed over. Imports nothing of ours.

``python peer_worker.py NAME CORES`` reads tasks from its standard input, one JSON object in a line, and answers each
with one line on what was its standard output; whatever the tools print goes to the standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Task = dict[str, Any]
Answer = dict[str, Any]


def main() -> None:
    """Serves until the standard input ends."""
    name, cores = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _limit(cores)
    peer = PEERS[name]()
    print(json.dumps(peer.about()), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        answer = getattr(peer, task.pop("do"))(**task)
        print(json.dumps(answer), file=answers, flush=True)


def _limit(cores: int) -> None:
    """As many threads as ours have; the libraries look at these when they are loaded."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = str(cores)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def _load(path: str) -> Any:
    import numpy as np

    return list(np.load(path))


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


class Mtcnn:
    """The ``mtcnn`` package on TensorFlow."""

    def __init__(self) -> None:
        from mtcnn import MTCNN

        self._detector = MTCNN()

    def about(self) -> Answer:
        """Versions."""
        return {"about": f"mtcnn {version('mtcnn')}, TensorFlow {_version('tensorflow-cpu', 'tensorflow')}"}

    def detect(self, frames: str, smallest: int, confidence: float) -> Answer:
        """Finds the faces of frames one by one, as its users do."""
        pictures = _load(frames)
        found: list[int] = []

        def work() -> None:
            for picture in pictures:
                faces = self._detector.detect_faces(picture, min_face_size=smallest, threshold_onet=confidence)
                found.append(len(faces))

        seconds, _ = _seconds(work)
        return {"seconds": seconds, "faces": sum(found)}


class DeepFace:
    """DeepFace's ``extract_faces`` and ``represent`` on its ONNX engine, weights from ``DEEPFACE_HOME``."""

    def __init__(self) -> None:
        os.environ["DEEPFACE_BACKEND_ENGINE"] = "onnx"
        os.environ["DEEPFACE_LOG_LEVEL"] = "40"
        from deepface import DeepFace as Api
        from deepface.modules import modeling

        self._api = Api
        self._detector = modeling.build_model(task="face_detector", model_name="retinaface")
        modeling.build_model(task="facial_recognition", model_name="ArcFace")
        self._original = self._detector.detect_faces

    def about(self) -> Answer:
        """Versions."""
        names = ("deepface", "retina-face", "onnxruntime")
        return {"about": ", ".join(f"{name} {version(name)}" for name in names)}

    def loop(self, frames: str, faces: list[list[Task]]) -> Answer:
        """The loop that its users write; ``faces`` are what its detector answers once it has done its work.

        Args:
            frames: File with the frames, RGB.
            faces: For each frame its faces: ``box`` (x, y, width, height), ``left_eye`` and ``right_eye`` (the
                person's), in pixels of the frame.
        """
        pictures = [picture[:, :, ::-1].copy() for picture in _load(frames)]  # it wants BGR
        done = {"found": 0, "embedded": 0}

        def work() -> None:
            for picture, known in zip(pictures, faces, strict=True):
                self._detector.detect_faces = self._answering(picture.shape, known, done)
                for face in self._api.extract_faces(picture, detector_backend="retinaface"):
                    self._api.represent(face["face"], model_name="ArcFace", detector_backend="skip")
                    done["embedded"] += 1

        seconds, _ = _seconds(work)
        return {"seconds": seconds, "faces": done["embedded"], "found": done["found"]}

    def _answering(self, shape: tuple[int, ...], known: list[Task], done: dict[str, int]) -> Callable[[Any], Any]:
        from deepface.models.Detector import FacialAreaRegion

        down, right = int(0.5 * shape[0]), int(0.5 * shape[1])  # the border that it puts around the frame

        def detect(image: Any) -> list[Any]:
            done["found"] += len(self._original(image))
            return [
                FacialAreaRegion(
                    x=face["box"][0] + right,
                    y=face["box"][1] + down,
                    w=face["box"][2],
                    h=face["box"][3],
                    left_eye=(face["left_eye"][0] + right, face["left_eye"][1] + down),
                    right_eye=(face["right_eye"][0] + right, face["right_eye"][1] + down),
                    confidence=0.99,
                )
                for face in known
            ]

        return detect


class Dlib:
    """dlib's own embedder, on chips that are cut already."""

    def __init__(self) -> None:
        import dlib

        # found without importing the package, which needs an old setuptools
        found = find_spec("face_recognition_models")
        folder = Path(str(found.origin if found else "")).parent
        self._net = dlib.face_recognition_model_v1(str(folder / "models" / "dlib_face_recognition_resnet_model_v1.dat"))

    def about(self) -> Answer:
        """Versions."""
        return {"about": f"dlib {_version('dlib-bin', 'dlib')}"}

    def embed(self, chips: str) -> Answer:
        """Embeds all chips in one call."""
        pictures = _load(chips)
        seconds, _ = _seconds(lambda: self._net.compute_face_descriptor(pictures))
        return {"seconds": seconds, "faces": len(pictures)}


class FaceRecognition:
    """The package ``face_recognition``, with its defaults."""

    def __init__(self) -> None:
        import face_recognition

        self._api = face_recognition

    def about(self) -> Answer:
        """Versions."""
        return {"about": f"face_recognition {version('face_recognition')}, dlib {_version('dlib-bin', 'dlib')}"}

    def whole(self, frames: str) -> Answer:
        """Finds and embeds the faces of frames."""
        pictures = _load(frames)
        found: list[int] = []

        def work() -> None:
            for picture in pictures:
                places = self._api.face_locations(picture)
                found.append(len(self._api.face_encodings(picture, places)))

        seconds, _ = _seconds(work)
        return {"seconds": seconds, "faces": sum(found)}


def _version(*names: str) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "of unknown version"


PEERS: dict[str, Callable[[], Any]] = {
    "mtcnn": Mtcnn,
    "deepface": DeepFace,
    "dlib": Dlib,
    "face_recognition": FaceRecognition,
}

if __name__ == "__main__":
    sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    main()
