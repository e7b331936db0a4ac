"""DeepFace itself as a source of detectors, models and attributes: the one place that calls into it.

DeepFace is imported late, for it takes seconds and most packs do without it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.domain import Detection, FloatArray, Image
from app.errors import ModelError
from app.vision.files import ModelFiles

logger = logging.getLogger(__name__)

Task = Literal["face_detector", "facial_recognition", "facial_attribute", "spoofing"]

# Weights that come inside a package which is installed anyway; DeepFace would download them.
_PACKAGE = "face_recognition_models"
_PACKAGED: dict[tuple[Task, str], str] = {
    ("face_detector", "dlib"): "shape_predictor_5_face_landmarks.dat",
    ("facial_recognition", "Dlib"): "dlib_face_recognition_resnet_model_v1.dat",
}

# What DeepFace's parts need beyond our default installation, as `pip install` knows it.
_NEEDS: dict[str, str] = {
    "dlib": "dlib",
    "Dlib": "dlib",
    "mtcnn": "-r requirements-tensorflow.txt",
    "fastmtcnn": "facenet-pytorch",
    "mediapipe": "mediapipe",
}


def build(task: Task, name: str, files: ModelFiles) -> Any:
    """Makes one of DeepFace's models, from its own weight store; it fetches what is missing there.

    Args:
        task: What kind of model.
        name: DeepFace's own name of it.
        files: Where the store is.

    Returns:
        DeepFace's client object; DeepFace keeps it, so a second call is quick.

    Raises:
        ModelError: A package or the weights are missing, and what to do about it.
    """
    _point_to(files.deepface)
    _supply(task, name, files.deepface)
    try:
        from deepface.modules import modeling  # noqa: PLC0415 - see the top

        return modeling.build_model(task=task, model_name=name)
    except (ImportError, ValueError, OSError, RuntimeError, AttributeError) as error:
        # what DeepFace and the packages behind it are known to raise; none has a base class of its own
        raise ModelError(_explain(name, error)) from error


def cut_face(image: Image, detection: Detection, target: tuple[int, int]) -> FloatArray:
    """Cuts a face out of a picture exactly as DeepFace does it for its models.

    DeepFace turns the face's surroundings until the eyes are level, cuts the turned box and fits it into the model's
    input with black around it.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        detection: The face, in pixels of ``image``.
        target: Height and width of the result.

    Returns:
        ``float32`` (height, width, 3) **BGR**, 0..1.
    """
    from deepface.modules import detection as cutting  # noqa: PLC0415 - see the top
    from deepface.modules import preprocessing  # noqa: PLC0415

    piece, area = _surroundings(image, detection)
    face = cutting.extract_face(
        facial_area=area,
        img=piece,
        align=True,
        expand_percentage=0,
        width_border=0,
        height_border=0,
        detector_backend="given",
    ).img
    face = face if face.size else piece
    scaled = face / 255 if face.max() > 1 else face  # as extract_faces() does it
    return np.asarray(preprocessing.resize_image(img=scaled, target_size=target)[0], np.float32)


def _surroundings(image: Image, detection: Detection) -> tuple[Image, Any]:
    """Cuts out what DeepFace may look at about a face: BGR, black where the picture ends; and the face's area in it.

    DeepFace does this with the whole picture and half of its size in black on every side; the result is the same.
    """
    from deepface.models.Detector import FacialAreaRegion  # noqa: PLC0415 - see the top

    box = detection.box
    x, y = int(box.x1), int(box.y1)
    width, height = max(1, int(box.x2) - x), max(1, int(box.y2) - y)
    left, top = x - width, y - height
    piece = np.zeros((3 * height, 3 * width, 3), np.uint8)
    y1, y2 = (int(np.clip(v, 0, image.shape[0])) for v in (top, top + 3 * height))
    x1, x2 = (int(np.clip(v, 0, image.shape[1])) for v in (left, left + 3 * width))
    piece[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2, ::-1]
    eyes = [(int(point[0]) - left, int(point[1]) - top) for point in detection.landmarks[:2]]
    area = FacialAreaRegion(x=width, y=height, w=width, h=height, right_eye=eyes[0], left_eye=eyes[1], confidence=1.0)
    return piece, area


def _point_to(store: Path) -> None:
    """DeepFace learns of its folder and its engine from the environment alone.

    It takes TensorFlow wherever it is installed, and fails where tf-keras is not. What the user has set stays.
    """
    os.environ["DEEPFACE_HOME"] = str(store.parent.parent)
    complete = all(importlib.util.find_spec(name) is not None for name in ("tensorflow", "tf_keras"))
    os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "tensorflow" if complete else "onnx")
    if os.environ["DEEPFACE_BACKEND_ENGINE"] == "tensorflow":
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # its Keras models are written for version 2
    store.mkdir(parents=True, exist_ok=True)


def _supply(task: Task, name: str, store: Path) -> None:
    """Puts weights that an installed package holds into DeepFace's store."""
    file_name = _PACKAGED.get((task, name))
    spec = importlib.util.find_spec(_PACKAGE)
    if file_name is None or (store / file_name).exists() or spec is None or not spec.submodule_search_locations:
        return
    source = Path(next(iter(spec.submodule_search_locations))) / "models" / file_name
    if not source.is_file():
        return
    half = store / f".{file_name}.{os.getpid()}"
    try:
        shutil.copyfile(source, half)
        half.replace(store / file_name)
    except OSError as error:
        raise ModelError("DeepFace's folder for weights cannot be written: check DEEPFACE_HOME.") from error
    finally:
        half.unlink(missing_ok=True)
    logger.info("weights copied to DeepFace's store", extra={"file": file_name})


def _explain(name: str, error: Exception) -> str:
    missing = isinstance(error, ImportError) or "install" in str(error)
    if missing:
        # the YOLO detectors share one package
        package = _NEEDS.get(name) or ("ultralytics" if name.startswith("yolo") else "what the log names")
        return f"DeepFace's {name} needs another package: pip install {package}."
    if "downloading" in str(error):
        return (
            f"The weights of DeepFace's {name} are not here and could not be fetched. Put them into the folder "
            ".deepface/weights of your home (or of DEEPFACE_HOME), or choose another FACE_PACK."
        )
    return f"DeepFace's {name} cannot be loaded; delete its file in .deepface/weights and try again."
