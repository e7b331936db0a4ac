"""Makes detectors and embedders by their names in a pack."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from app.errors import ConfigError
from app.vision.detectors.deepface import DeepFaceDetector
from app.vision.detectors.mtcnn import MtcnnDetector
from app.vision.detectors.retinaface import RetinaFaceDetector
from app.vision.embedders.arcface import arcface_embedder
from app.vision.embedders.deepface import DeepFaceEmbedder
from app.vision.embedders.dlib_resnet import DlibEmbedder
from app.vision.files import ModelFiles
from app.vision.importing.parts import imported_detector, imported_embedder
from app.vision.packs import Pack
from app.vision.parts import Detector, Embedder
from app.vision.runtime import RuntimeOptions

Maker = TypeVar("Maker")
DetectorMaker = Callable[[Pack, ModelFiles, RuntimeOptions], Detector]
EmbedderMaker = Callable[[Pack, ModelFiles, RuntimeOptions], Embedder]

_DETECTORS: dict[str, DetectorMaker] = {
    "mtcnn": lambda _pack, files, runtime: MtcnnDetector(files.cache, runtime=runtime),
    "mtcnn-exact": lambda _pack, files, runtime: MtcnnDetector(files.cache, variant="exact", runtime=runtime),
    "retinaface": lambda _pack, files, runtime: RetinaFaceDetector(files, runtime),
    "deepface": lambda pack, files, _runtime: DeepFaceDetector(pack.detector.partition(":")[2], files),
    **dict.fromkeys(
        ("yunet", "retinaface-mobile", "scrfd"),
        lambda pack, files, runtime: imported_detector(pack.detector, files, runtime),
    ),
}

_EMBEDDERS: dict[str, EmbedderMaker] = {
    "dlib-resnet-v1": lambda pack, files, runtime: DlibEmbedder(files.cache, flip=pack.flip, runtime=runtime),
    "arcface": lambda pack, files, runtime: arcface_embedder(
        files, runtime, flip=pack.flip, compatible=pack.compatible
    ),
    "deepface": lambda pack, files, _runtime: DeepFaceEmbedder(pack.embedder.partition(":")[2], files),
    **dict.fromkeys(
        ("mobilefacenet", "sface", "insightface-arcface", "facenet", "facenet-128"),
        lambda pack, files, runtime: imported_embedder(pack.embedder, files, runtime, flip=pack.flip),
    ),
}


def build_detector(pack: Pack, files: ModelFiles, runtime: RuntimeOptions) -> Detector:
    """Loads the detector of a pack.

    Raises:
        ConfigError: The pack names a detector that does not exist.
        ModelError: Its weights are missing or damaged; the message says how to get them.
    """
    return _find(_DETECTORS, pack.detector, "detector")(pack, files, runtime)


def build_embedder(pack: Pack, files: ModelFiles, runtime: RuntimeOptions) -> Embedder:
    """Loads the embedder of a pack.

    Raises:
        ConfigError: The pack names an embedder that does not exist.
        ModelError: Its weights are missing or damaged; the message says how to get them.
    """
    return _find(_EMBEDDERS, pack.embedder, "embedder")(pack, files, runtime)


def _find(makers: dict[str, Maker], name: str, noun: str) -> Maker:
    # "deepface:dlib" is made by the maker of "deepface"
    maker = makers.get(name) or makers.get(name.partition(":")[0])
    if maker is None:
        raise ConfigError(f"There is no {noun} {name!r}. Known ones: {', '.join(sorted(makers))}.")
    return maker
