"""DeepFace itself as the engine, with the parts of it whose weights come inside packages."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.domain import BoundingBox, Detection, Image
from app.errors import InvalidInputError, ModelError
from app.vision import FaceEngine, ModelFiles, find_faces
from app.vision.detectors.deepface import DeepFaceDetector, complete
from app.vision.embedders.deepface import DeepFaceEmbedder

# DeepFace keeps its models in the process, and TensorFlow takes a while to load: one process for all of these.
pytestmark = pytest.mark.xdist_group("deepface")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    folder = tmp_path_factory.mktemp("deepface")
    return ModelFiles.within(folder / "models", folder / "home")


@pytest.fixture(scope="module")
def dlib_dlib(files: ModelFiles) -> FaceEngine:
    return FaceEngine("deepface:dlib/Dlib", files)


def test_dlib_and_dlib(dlib_dlib: FaceEngine, files: ModelFiles, astronaut: Image, grace_hopper: Image) -> None:
    found = find_faces([astronaut, astronaut[:, ::-1], grace_hopper], dlib_dlib)
    (her,), (mirrored,), (other,) = found
    assert her.landmarks.left_eye[0] < her.landmarks.nose[0] < her.landmarks.right_eye[0]
    assert her.landmarks.nose[1] < her.landmarks.left_mouth[1]
    assert (
        her.embedding @ mirrored.embedding > 1 - dlib_dlib.pack.same_person_distance > her.embedding @ other.embedding
    )
    names = {path.name for path in files.deepface.iterdir()}
    assert names == {"shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"}


@pytest.mark.parametrize("detector", ["dlib", "mtcnn"])
def test_the_answers_are_deepfaces(
    files: ModelFiles, monkeypatch: pytest.MonkeyPatch, astronaut: Image, detector: str
) -> None:
    engine = FaceEngine(f"deepface:{detector}/Dlib", files)
    from deepface.modules.representation import represent  # DeepFace.represent, without its switch to old Keras

    monkeypatch.setenv("DEEPFACE_HOME", str(files.deepface.parent.parent))
    (ours,) = find_faces(astronaut, engine)
    (theirs,) = represent(astronaut[..., ::-1].copy(), model_name="Dlib", detector_backend=detector)
    area = theirs["facial_area"]
    # DeepFace looks at the picture with a black border: its detectors then answer a few pixels off
    assert [ours.box.x1, ours.box.y1, ours.box.width, ours.box.height] == pytest.approx(
        [area["x"], area["y"], area["w"], area["h"]], abs=12
    )
    embedding = np.array(theirs["embedding"])
    assert 1 - ours.embedding @ (embedding / np.linalg.norm(embedding)) < 0.02


def test_the_same_face_gives_deepfaces_very_embedding(
    dlib_dlib: FaceEngine, files: ModelFiles, astronaut: Image
) -> None:
    from deepface.models.Detector import FacialAreaRegion
    from deepface.modules import detection, preprocessing

    (face,) = dlib_dlib.detect([astronaut])[0]
    embedder = DeepFaceEmbedder("Dlib", files)
    ours = embedder.embed(embedder.cut(astronaut, face)[None])[0]
    border = 256
    padded = cv2.copyMakeBorder(astronaut[..., ::-1], border, border, border, border, cv2.BORDER_CONSTANT)
    right, left = (tuple(int(v) + border for v in point) for point in face.landmarks[:2])
    area = FacialAreaRegion(
        x=int(face.box.x1) + border, y=int(face.box.y1) + border, w=int(face.box.width), h=int(face.box.height),
        left_eye=left, right_eye=right,
    )  # fmt: skip
    crop = detection.extract_face(area, padded, True, 0, border, border, "dlib").img
    chip = preprocessing.resize_image(img=crop / 255, target_size=(150, 150))
    theirs = np.array(embedder._client.forward(chip))
    assert 1 - ours @ (theirs / np.linalg.norm(theirs)) < 1e-6


def test_skip_takes_the_picture_as_the_face(files: ModelFiles, astronaut: Image) -> None:
    engine = FaceEngine("deepface:skip/Dlib", files)
    portrait = np.ascontiguousarray(astronaut[50:250, 130:320])
    (face,) = find_faces(portrait, engine)
    assert (face.box.width, face.box.height, face.confidence) == (190, 200, 1.0)
    assert portrait.shape[1] * 0.2 < face.landmarks.left_eye[0] < face.landmarks.right_eye[0]


def test_confidence_and_size_are_floors(files: ModelFiles, astronaut: Image) -> None:
    detector = DeepFaceDetector("dlib", files)
    assert [len(found) for found in detector.detect([astronaut] * 2, min_face_size=[20, 400], confidence=0.5)] == [1, 0]
    assert detector.detect([], min_face_size=20, confidence=0.5) == []


def test_no_faces_and_wrong_chips(files: ModelFiles) -> None:
    embedder = DeepFaceEmbedder("Dlib", files)
    assert embedder.embed(np.empty((0, 150, 150, 3), np.float32)).shape == (0, 128)
    assert embedder.presence(np.empty((0, 128), np.float32)).shape == (0,)
    with pytest.raises(InvalidInputError, match="float32"):
        embedder.embed(np.zeros((1, 150, 150, 3), np.uint8))


def test_a_face_at_the_edge_is_cut_with_black(files: ModelFiles, astronaut: Image) -> None:
    embedder = DeepFaceEmbedder("Dlib", files)
    box = BoundingBox(-60.0, -40.0, 90.0, 110.0)
    chip = embedder.cut(astronaut, Detection(box, complete(box, {}), 1.0))
    assert chip.shape == (150, 150, 3)
    assert chip[:30, :40].max() == 0
    assert chip[60:, 80:].mean() > 0.2


@pytest.mark.parametrize(
    ("pack", "part"),
    [
        pytest.param("deepface:mediapipe/Dlib", "pip install mediapipe", id="a package is missing"),
        pytest.param("deepface:yolov8n/Dlib", "pip install ultralytics", id="YOLO's package is missing"),
        pytest.param("deepface:skip/SFace", ".deepface/weights", id="weights are missing, and no network"),
    ],
)
def test_what_is_missing_is_said(files: ModelFiles, monkeypatch: pytest.MonkeyPatch, pack: str, part: str) -> None:
    import requests

    def refuse(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no network")

    monkeypatch.setattr("requests.head", refuse)  # tests never reach out
    with pytest.raises(ModelError) as caught:
        FaceEngine(pack, files)
    assert part in caught.value.message


def test_guessed_landmarks_follow_the_box_and_the_eyes() -> None:
    box = BoundingBox(100.0, 100.0, 200.0, 234.0)
    guessed = complete(box, {})
    assert 100 < guessed[0, 0] < guessed[2, 0] < guessed[1, 0] < 200
    assert guessed[0, 1] == pytest.approx(guessed[1, 1], abs=0.1)
    assert guessed[0, 1] < guessed[2, 1] < guessed[3, 1] < 234
    eyes = {0: (120.0, 150.0), 1: (120.0, 190.0)}  # lying on the side
    turned = complete(box, eyes)
    assert turned[0].tolist() == [120, 150]
    assert turned[2, 0] < 120 and turned[3, 0] < turned[2, 0]
    assert np.isfinite(complete(box, {0: (5.0, 5.0), 1: (5.0, 5.0)})).all()
