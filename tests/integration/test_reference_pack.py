"""Our way through the reference pack's networks against retina-face's and DeepFace's own, on real pictures.

The networks are those of the two packages, with random weights: what they find are no faces, but everything around them
does the same work as with the real weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from app.domain import BoundingBox, Detection, Image
from app.errors import ModelError
from app.vision import ModelFiles
from app.vision.detectors.retinaface import RetinaFaceDetector
from app.vision.embedders.arcface import arcface_embedder
from app.vision.embedders.compatible import level_crop
from app.vision.embedders.onnx_embedder import OnnxEmbedder
from app.vision.runtime import RuntimeOptions
from tests.reference_graphs import ENGINE_VARIABLE, reference_home, torch_arcface

__all__ = ["reference_home"]

CPU = RuntimeOptions(providers=("cpu",))
THRESHOLD = 0.05  # low, so that dozens of boxes appear


@pytest.fixture(scope="module")
def files(reference_home: Path) -> ModelFiles:
    return ModelFiles.within(reference_home / "ours", reference_home)


@pytest.fixture(scope="module")
def detector(files: ModelFiles) -> RetinaFaceDetector:
    return RetinaFaceDetector(files, CPU)


@pytest.fixture(scope="module")
def embedder(files: ModelFiles) -> OnnxEmbedder:
    return arcface_embedder(files, CPU, flip=False, compatible=False)


@pytest.fixture(scope="module")
def compatible(files: ModelFiles) -> OnnxEmbedder:
    return arcface_embedder(files, CPU, flip=False, compatible=True)


@pytest.fixture(scope="module")
def packages(reference_home: Path) -> Iterator[Packages]:
    """Both packages on their ONNX engine with the random weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENGINE_VARIABLE, "onnx")
        patch.setenv("DEEPFACE_HOME", str(reference_home))
        from deepface.commons import backend_utils as deepface_backend
        from retinaface.commons import backend_utils as retinaface_backend

        # both remember their first choice, and another test may have made it
        patch.setattr(deepface_backend, "_backend_engine", "onnx")
        patch.setattr(retinaface_backend, "_backend_engine", "onnx")
        yield Packages(reference_home)


class Packages:
    """retina-face and DeepFace."""

    def __init__(self, home: Path) -> None:
        from deepface.models.facial_recognition.onnx.ArcFace import ArcFaceClient
        from deepface.modules import detection, preprocessing
        from retinaface import RetinaFace
        from retinaface.model import retinaface_onnx_model

        session = onnxruntime.InferenceSession(
            home / ".deepface" / "weights" / "retinaface.onnx", providers=["CPUExecutionProvider"]
        )
        self.retinaface_model = retinaface_onnx_model.RetinaFace(session)
        self.retinaface: ModuleType = RetinaFace
        self.detection: ModuleType = detection
        self.preprocessing: ModuleType = preprocessing
        self.arcface: Any = ArcFaceClient()

    def detect(self, image: Image, threshold: float) -> list[dict[str, Any]]:
        found = self.retinaface.detect_faces(
            image[..., ::-1], threshold=threshold, model=self.retinaface_model, allow_upscaling=False
        )
        return list(found.values())

    def crop(self, image: Image, face: Detection) -> Image:
        """DeepFace's own crop (RGB), of a face as its RetinaFace client would hand it over."""
        height, width = image.shape[:2]
        border_y, border_x = int(0.5 * height), int(0.5 * width)
        bordered = np.pad(image[..., ::-1], ((border_y, border_y), (border_x, border_x), (0, 0)))
        x1, y1, x2, y2 = (
            int(value + border)
            for value, border in zip(
                (face.box.x1, face.box.y1, face.box.x2, face.box.y2), (border_x, border_y) * 2, strict=True
            )
        )
        from deepface.models.Detector import FacialAreaRegion

        points = [(int(x + border_x), int(y + border_y)) for x, y in face.landmarks.tolist()]
        region = FacialAreaRegion(
            x=x1, y=y1, w=x2 - x1, h=y2 - y1, right_eye=points[0], left_eye=points[1], confidence=0.99
        )
        found = self.detection.extract_face(region, bordered, True, 0, border_x, border_y, "retinaface")
        return found.img[..., ::-1]

    def embed(self, crop: Image) -> np.ndarray:
        """What ``represent`` does with a crop of ``extract_faces``."""
        scaled = crop / 255 if crop.max() > 1 else crop
        resized = self.preprocessing.resize_image(scaled[..., ::-1], (112, 112))
        normalised = self.preprocessing.normalize_input(resized, "base")
        return np.array(self.arcface.forward(normalised), np.float64)


@pytest.mark.parametrize(
    ("picture", "threshold"),
    [
        ("astronaut", THRESHOLD),
        ("grace_hopper", 0.9),
        ("a corner of grace_hopper", THRESHOLD),
        ("astronaut in black", THRESHOLD),
    ],
)
def test_finds_what_retinaface_finds(
    picture: str,
    threshold: float,
    detector: RetinaFaceDetector,
    packages: Packages,
    astronaut: Image,
    grace_hopper: Image,
) -> None:
    image = {
        "astronaut": astronaut[:400, :384],
        "grace_hopper": grace_hopper[:592],
        "a corner of grace_hopper": grace_hopper[100:360, 90:410],
        "astronaut in black": np.pad(astronaut[:256, 64:320], ((64, 64), (96, 96), (0, 0))),
    }[picture]
    image = np.ascontiguousarray(image[: image.shape[0] // 8 * 8])
    theirs = packages.detect(image, threshold)
    (ours,) = detector.detect([image], min_face_size=0, confidence=threshold)
    assert len(theirs) >= 10
    assert len(ours) == len(theirs)
    for mine, face in zip(ours, theirs, strict=True):
        assert mine.confidence == pytest.approx(face["score"], abs=1e-5)
        assert _box_as_theirs(mine, image) == pytest.approx(face["facial_area"], abs=1.001)
        named = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
        np.testing.assert_allclose(mine.landmarks, [face["landmarks"][name] for name in named], atol=0.02)


def _box_as_theirs(face: Detection, image: Image) -> list[int]:
    """Cut off at the picture's edge, and to whole pixels."""
    height, width = image.shape[:2]
    box = np.array([face.box.x1, face.box.y1, face.box.x2, face.box.y2])
    return np.clip(box, 0, [width - 1, height - 1, width - 1, height - 1]).astype(int).tolist()


def test_pictures_together_and_alone_have_the_same_faces(
    detector: RetinaFaceDetector, astronaut: Image, grace_hopper: Image
) -> None:
    images = [astronaut[:256, :256], grace_hopper[:300, :200], astronaut[200:456, 100:356], astronaut[:256, 256:]]
    together = detector.detect(images, min_face_size=[0, 0, 12, 0], confidence=THRESHOLD)
    for image, smallest, faces in zip(images, [0, 0, 12, 0], together, strict=True):
        (alone,) = detector.detect([image], min_face_size=smallest, confidence=THRESHOLD)
        assert alone
        assert [face.confidence for face in faces] == pytest.approx([face.confidence for face in alone], abs=1e-5)
        for one, other in zip(faces, alone, strict=True):
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.02)
            assert min(one.box.width, one.box.height) >= smallest - 1


@pytest.mark.parametrize("picture", ["astronaut", "grace_hopper"])
def test_embeds_a_chip_as_deepface_does(
    picture: str, embedder: OnnxEmbedder, packages: Packages, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(picture)
    chips = np.stack([image[top : top + 112, 180:292] for top in (20, 60, 100)])
    theirs = np.array(packages.arcface.forward(_as_trained(chips)), np.float64)
    np.testing.assert_allclose(embedder.describe(chips), theirs, rtol=1e-3, atol=2e-4)
    embedded = embedder.embed(chips)
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    cosines = (embedded * theirs).sum(1) / np.linalg.norm(theirs, axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


def test_embeds_a_chip_as_the_pytorch_model_does(embedder: OnnxEmbedder, astronaut: Image) -> None:
    import torch

    chips = astronaut[None, 40:152, 170:282]
    with torch.no_grad():
        theirs = torch_arcface()(torch.from_numpy(_as_trained(chips)).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(embedder.describe(chips), theirs, rtol=1e-3, atol=2e-4)


def _as_trained(chips: np.ndarray) -> np.ndarray:
    return ((chips.astype(np.float32) - 127.5) / 128).astype(np.float32)


def face_at(x1: float, y1: float, x2: float, y2: float, tilt: float) -> Detection:
    """A face whose eyes stand at an angle, in degrees."""
    width, height = x2 - x1, y2 - y1
    upright = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * [width, height]
    turn = np.deg2rad(tilt)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([width, height]) / 2
    points = (upright - middle) @ matrix.T + middle + [x1, y1]
    return Detection(BoundingBox(x1, y1, x2, y2), points.astype(np.float32), 0.99)


FACES = [
    pytest.param("astronaut", face_at(172.3, 61.8, 278.9, 208.4, 0), id="astronaut, level"),
    pytest.param("astronaut", face_at(172.3, 61.8, 278.9, 208.4, 14), id="astronaut, tilted"),
    pytest.param("grace_hopper", face_at(172.6, 90.2, 362.5, 336.7, -9), id="Hopper, tilted"),
    pytest.param("grace_hopper", face_at(-40.7, -30.5, 150.2, 230.4, 25), id="reaching outside"),
    pytest.param("astronaut", face_at(380.1, 400.9, 560.3, 640.8, -33), id="outside at the other end"),
    pytest.param("grace_hopper", face_at(200.5, 100.5, 221.5, 128.5, 178), id="small, head down"),
]


@pytest.mark.parametrize(("picture", "face"), FACES)
def test_compatible_embeddings_are_those_of_deepface(
    picture: str, face: Detection, compatible: OnnxEmbedder, packages: Packages, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(picture)
    crop = packages.crop(image, face)
    np.testing.assert_array_equal(level_crop(image, face), crop)
    chip = compatible.cut(image, face)
    np.testing.assert_allclose(chip, packages.preprocessing.resize_image(crop / 255, (112, 112))[0], atol=1e-5)
    theirs = packages.embed(crop)
    ours = compatible.embed(chip[None])[0]
    assert float(ours @ theirs) / np.linalg.norm(theirs) == pytest.approx(1, abs=1e-5)


def test_compatible_embeddings_are_those_of_represent(
    compatible: OnnxEmbedder, packages: Packages, grace_hopper: Image
) -> None:
    """The whole of DeepFace, from picture to embedding; its boxes and eyes are whole pixels already."""
    from deepface.modules.representation import represent

    found = represent(
        grace_hopper[..., ::-1], model_name="ArcFace", detector_backend="retinaface", enforce_detection=False
    )
    compared = 0
    height, width = grace_hopper.shape[:2]
    for face in found:
        area = face["facial_area"]
        inside = 0 < area["x"] < width - area["w"] - 1 and 0 < area["y"] < height - area["h"] - 1
        if not inside or area["left_eye"] is None or area["right_eye"] is None:
            continue  # of these DeepFace reports less than it used
        box = BoundingBox(area["x"], area["y"], area["x"] + area["w"], area["y"] + area["h"])
        points = np.array([area["right_eye"], area["left_eye"], (0, 0), (0, 0), (0, 0)], np.float32)
        ours = compatible.embed(compatible.cut(grace_hopper, Detection(box, points, 0.99))[None])[0]
        theirs = np.array(face["embedding"])
        assert float(ours @ theirs) / np.linalg.norm(theirs) == pytest.approx(1, abs=1e-5)
        compared += 1
    assert compared >= 2


def test_presence_is_small_for_what_is_no_face(embedder: OnnxEmbedder, astronaut: Image) -> None:
    flat = embedder.embed(np.full((1, 112, 112, 3), 128, np.uint8))
    assert float(embedder.presence(flat)[0]) == pytest.approx(0, abs=1e-5)
    face = embedder.embed(astronaut[None, 60:172, 170:282])
    assert float(embedder.presence(face)[0]) > 0.01
    assert embedder.presence(np.empty((0, 512), np.float32)).shape == (0,)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    empty = ModelFiles.within(tmp_path, tmp_path)
    with pytest.raises(ModelError, match=r"faaaaaces models pull retinaface-arcface.*FACE_PACK=bundled"):
        RetinaFaceDetector(empty, CPU)
    with pytest.raises(ModelError, match=r"arcface_weights\.onnx"):
        arcface_embedder(empty, CPU, flip=False, compatible=False)


def test_a_file_of_another_network_is_refused(tmp_path: Path, files: ModelFiles) -> None:
    swapped = ModelFiles.within(tmp_path, tmp_path)
    swapped.deepface.mkdir(parents=True)
    (swapped.deepface / "retinaface.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match=r"retinaface\.onnx"):
        RetinaFaceDetector(swapped, CPU)
    (swapped.deepface / "retinaface.onnx").unlink()
    (swapped.deepface / "retinaface.onnx").symlink_to(files.deepface / "arcface_weights.onnx")
    with pytest.raises(ModelError, match=r"retinaface\.onnx is the file of another model"):
        RetinaFaceDetector(swapped, CPU)
