"""DeepFace's TensorFlow engine. `make test-tensorflow` runs this in an environment with requirements-tensorflow.txt."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from app.vision import FaceEngine, ModelFiles, find_faces

# tf_keras must not be imported here: DeepFace has to say first which Keras TensorFlow is to use.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tf_keras") is None, reason="runs in an environment of its own: make test-tensorflow"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    folder = tmp_path_factory.mktemp("deepface")
    return ModelFiles.within(folder / "models", folder / "home")


def test_mtcnn_and_dlib_through_tensorflow(files: ModelFiles) -> None:
    engine = FaceEngine("deepface:mtcnn/Dlib", files)
    from deepface.commons import backend_utils

    assert backend_utils.get_backend_engine() == "tensorflow"
    picture = data.astronaut()
    (face,), (mirrored,) = find_faces([picture, picture[:, ::-1]], engine)
    assert face.confidence > 0.9
    assert face.landmarks.left_eye[0] < face.landmarks.right_eye[0]
    assert face.embedding @ mirrored.embedding > 1 - engine.pack.same_person_distance


def test_a_keras_model_of_deepfaces(files: ModelFiles) -> None:
    """ArcFace with random weights: the way through Keras, batched, gives what DeepFace itself gives one by one."""
    from deepface.models.facial_recognition.tf import ArcFace

    files.deepface.mkdir(parents=True, exist_ok=True)
    _save_random_weights(ArcFace, files.deepface / "arcface_weights.h5")
    engine = FaceEngine("deepface:mtcnn/ArcFace", files)
    picture = data.astronaut()
    (face,), (again,) = find_faces([picture, picture], engine)
    assert face.embedding.shape == (512,)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    (alone,) = find_faces(picture, engine)
    assert face.embedding @ again.embedding == pytest.approx(1, abs=1e-5)
    assert face.embedding @ alone.embedding == pytest.approx(1, abs=1e-4)


def _save_random_weights(module: Any, path: Path) -> None:
    import tensorflow as tf

    tf.keras.utils.set_random_seed(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.weight_utils, "download_weights_if_necessary", lambda **_: str(path))
        patch.setattr(module.weight_utils, "load_model_weights", lambda model, weight_file: model)
        module.load_model().save_weights(str(path))
