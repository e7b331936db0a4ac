"""The engine as a library: what the README shows, and what must not be needed for it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from app.errors import InvalidInputError
from app.vision import FaceEngine, detect_faces, find_faces

ROOT = Path(__file__).resolve().parents[3]
MARKS = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]


@pytest.fixture(scope="module")
def engine(models_cache: Path) -> FaceEngine:
    return FaceEngine("bundled", models_cache)


def test_one_picture_gives_a_list_of_faces(engine: FaceEngine, astronaut: Image) -> None:
    (face,) = find_faces(astronaut, engine)
    assert 0.9 < face.confidence <= 1
    assert face.quality.usable
    assert 0 < face.quality.score <= 1
    assert face.embedding.shape == (engine.pack.dimension,)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    marks = face.landmarks
    assert face.box.x1 < marks.left_eye[0] < marks.nose[0] < marks.right_eye[0] < face.box.x2
    assert marks.left_eye[1] < marks.nose[1] < marks.left_mouth[1] < face.box.y2
    assert marks.left_mouth[0] < marks.right_mouth[0]


def test_several_pictures_give_a_list_for_each(engine: FaceEngine, astronaut: Image, grace_hopper: Image) -> None:
    blank = np.zeros((64, 64, 3), np.uint8)
    found = find_faces([PilImage.fromarray(astronaut), blank, grace_hopper], engine)
    assert [len(faces) for faces in found] == [1, 0, 1]
    assert found[0][0].embedding @ found[2][0].embedding < 1 - engine.pack.same_person_distance
    assert find_faces([], engine) == []


def test_plain_values_have_the_documented_form(engine: FaceEngine, astronaut: Image) -> None:
    result = detect_faces([PilImage.fromarray(astronaut)], engine=engine)
    assert list(result) == ["result"]
    (picture,) = result["result"]
    assert list(picture) == ["faces_count", "faces"]
    assert picture["faces_count"] == len(picture["faces"]) == 1
    (face,) = picture["faces"]
    assert list(face) == ["bounding_box", "landmarks", "confidence"]
    assert all(type(value) is float for value in [*face["bounding_box"], face["confidence"]])
    assert [mark["type"] for mark in face["landmarks"]] == MARKS
    assert all(type(value) is float for mark in face["landmarks"] for value in mark["position"])
    assert json.loads(json.dumps(result)) == result


def test_quality_and_embeddings_come_on_request(engine: FaceEngine, astronaut: Image) -> None:
    plain = detect_faces(astronaut, engine=engine)["result"][0]["faces"][0]
    full = detect_faces(astronaut, engine=engine, quality=True, embeddings=True)["result"][0]["faces"][0]
    assert full["bounding_box"] == plain["bounding_box"]
    assert 0 < full["quality"] <= 1
    assert full["quality_reasons"] == []
    assert np.linalg.norm(full["embedding"]) == pytest.approx(1, abs=1e-5)


def test_without_them_the_embedder_does_not_run(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine("bundled", models_cache)
    assert detect_faces(astronaut, engine=engine)["result"][0]["faces_count"] == 1
    assert engine.timings.embed == 0


def test_no_face_and_no_picture(engine: FaceEngine) -> None:
    assert detect_faces([], engine=engine) == {"result": []}
    one_pixel = PilImage.new("RGB", (1, 1))
    assert detect_faces(one_pixel, engine=engine) == {"result": [{"faces_count": 0, "faces": []}]}
    assert find_faces(one_pixel, engine) == []


def test_a_picture_of_100_million_pixels_is_looked_at(engine: FaceEngine, astronaut: Image) -> None:
    large = np.zeros((8_000, 12_500, 3), np.uint8)
    large[:4096, :4096] = np.kron(astronaut, np.ones((8, 8, 1), np.uint8))
    (face,) = find_faces(large, engine)
    assert face.box.width > 500


def test_a_wrong_picture_spoils_the_call_with_one_error(engine: FaceEngine, astronaut: Image) -> None:
    with pytest.raises(InvalidInputError):
        detect_faces([astronaut, "x"[:0] or None], engine=engine)  # type: ignore[list-item]


PROGRAM = """
    import sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {"flask", "werkzeug", "sqlalchemy", "alembic", "celery", "kombu", "pydantic", "dotenv", "redis"}:
                raise ImportError(f"{name} is not installed")

    sys.meta_path.insert(0, Refuse())
    from PIL import Image
    from app.vision import detect_faces

    print(detect_faces([Image.open(sys.argv[1])])["result"][0]["faces_count"])
    assert "app.config" not in sys.modules
"""


def test_it_works_without_flask_and_a_database(tmp_path: Path, astronaut: Image) -> None:
    PilImage.fromarray(astronaut).save(tmp_path / "a.png")
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    environment: dict[str, Any] = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py", tmp_path / "a.png"],
        check=False, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert list((tmp_path / ".cache" / "faaaaaces" / "models").glob("*.onnx"))
