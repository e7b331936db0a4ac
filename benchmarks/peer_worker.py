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
from types import ModuleType
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


class DeepSort:
    """``deep-sort-realtime``, with the embeddings that it is given."""

    def __init__(self) -> None:
        from deep_sort_realtime.deepsort_tracker import DeepSort as Api

        self._api = Api

    def about(self) -> Answer:
        """Versions."""
        return {"about": f"deep-sort-realtime {version('deep-sort-realtime')}"}

    def follow(self, film: str, settings: Task) -> Answer:
        """Follows the faces of a scene; answers with pairs of face and track, for faces that it has in a track."""
        import numpy as np

        given = np.load(film)
        ends = np.cumsum(given["sizes"])
        owners: list[tuple[int, int]] = []

        def work() -> None:
            tracker = self._api(embedder=None, **settings)
            for begin, end in zip(ends - given["sizes"], ends, strict=True):
                boxes = given_boxes[begin:end]
                faces = [
                    ([x1, y1, x2 - x1, y2 - y1], 0.9, int(key))
                    for (x1, y1, x2, y2), key in zip(boxes, keys[begin:end], strict=True)
                ]
                for track in tracker.update_tracks(faces, embeds=list(embeddings[begin:end])):
                    if track.is_confirmed() and track.time_since_update == 0:
                        owners.append((int(track.get_det_class()), int(track.track_id)))

        given_boxes, keys, embeddings = given["boxes"], given["keys"], given["embeddings"].astype(float)
        seconds, _ = _seconds(work)
        return {"seconds": seconds, "owners": owners}


class Judges:
    """``motmetrics`` and the metrics of ``trackers``: what our own figures are held against."""

    def __init__(self) -> None:
        import motmetrics

        _open_without_the_rest("trackers", "trackers.eval")
        from trackers.eval.hota import compute_hota_metrics

        self._api, self._hota = motmetrics, compute_hota_metrics

    def about(self) -> Answer:
        """Versions."""
        return {"about": f"motmetrics {version('motmetrics')}, trackers {version('trackers')}"}

    def judge(self, film: str) -> Answer:
        """MOTA and IDF1 at an overlap of one half by motmetrics, HOTA over 5 to 95 % by trackers."""
        import numpy as np

        given = np.load(film)
        truth = _by_frame(given["people_sizes"], given["people"], given["people_boxes"])
        tracks = _by_frame(given["sizes"], given["tracks"], given["boxes"])
        plain = self._api.MOTAccumulator(auto_id=True)
        overlaps = []
        for (people, people_boxes), (said, boxes) in zip(truth, tracks, strict=True):
            overlaps.append(_overlaps(people_boxes, boxes))
            plain.update(people, said, np.where(overlaps[-1] >= 0.5, 1 - overlaps[-1], np.nan))
        both = self._api.metrics.create().compute(plain, metrics=["mota", "idf1"], name="all")
        hota = self._hota([people for people, _ in truth], [said for said, _ in tracks], overlaps)
        return {
            "mota": float(both["mota"].iloc[0]),
            "idf1": float(both["idf1"].iloc[0]),
            "hota": float(hota["HOTA"]),
        }


def _open_without_the_rest(*packages: str) -> None:
    """Lets modules of a package be imported without what its ``__init__`` asks for and they do not need."""
    for name in packages:
        found = find_spec(name) if "." not in name else None
        folders = list(found.submodule_search_locations or []) if found else []
        if "." in name:
            folders = [f"{folder}/{name.split('.')[-1]}" for folder in sys.modules[name.rpartition(".")[0]].__path__]
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = folders


def _overlaps(one: Any, other: Any) -> Any:
    """Intersection over union of all pairs; the functions of both packages need an older NumPy."""
    import numpy as np

    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-12)


def _by_frame(sizes: Any, numbers: Any, boxes: Any) -> list[tuple[Any, Any]]:
    """Numbers and boxes of each frame; those of negative numbers are left out."""
    found, begin = [], 0
    for size in sizes:
        part = slice(begin, begin + size)
        said = numbers[part] >= 0
        found.append((numbers[part][said], boxes[part][said]))
        begin += size
    return found


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
    "deep_sort": DeepSort,
    "judges": Judges,
}

if __name__ == "__main__":
    sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    main()
