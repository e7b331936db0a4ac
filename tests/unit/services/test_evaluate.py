"""Pictures of known people in, thresholds out: by the service and by the command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as PilImage

from app.cli import main
from app.domain import Image
from app.errors import InvalidInputError
from app.services.evaluate import evaluate_folder, save
from app.services.models.records import Records
from app.vision import BUNDLED, FaceEngine, ModelFiles, check
from app.vision.calibration import load_calibration
from app.vision.packs import load_pack
from app.vision.sample_faces import varied_faces


@pytest.fixture(scope="module")
def engine(models_cache: Path) -> FaceEngine:
    return FaceEngine(BUNDLED, models_cache)


@pytest.fixture
def own_models(models_cache: Path, tmp_path: Path) -> Path:
    """The networks of all tests, in a folder that a test may write to."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in models_cache.glob("*.onnx*"):
        (folder / path.name).symlink_to(path)
    return folder


def variants(image: Image) -> list[Image]:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    bright = np.clip(image * 1.2 + 15, 0, 255).astype(np.uint8)
    turned = cv2.warpAffine(
        image, cv2.getRotationMatrix2D((256, 256), 12, 0.9), image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )
    mirrored = np.ascontiguousarray(image[:, ::-1])
    return [
        image,
        mirrored,
        small,
        bright,
        turned,
        cv2.GaussianBlur(mirrored, (0, 0), 1.5),
        (image // 2).astype(np.uint8),
    ]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    """Two people, seven pictures each; and things that folders hold besides."""
    folder = tmp_path_factory.mktemp("people")
    for name, image in (("Eileen Collins", astronaut), ("Grace Hopper", grace_hopper)):
        (folder / name).mkdir()
        for number, variant in enumerate(variants(image)):
            PilImage.fromarray(variant).save(folder / name / f"{number}.png")
    PilImage.new("RGB", (200, 200), "grey").save(folder / "Grace Hopper" / "wall.jpg")
    (folder / "Grace Hopper" / "broken.jpg").write_bytes(b"no picture")
    (folder / "Grace Hopper" / "notes.txt").write_text("no picture either")
    both = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    PilImage.fromarray(np.ascontiguousarray(both)).save(folder / "Eileen Collins" / "twice.png")
    (folder / ".hidden").mkdir()
    (folder / "readme.txt").write_text("not a person")
    return folder


def test_two_people_are_told_apart(engine, people):
    seen: list[tuple[int, int]] = []
    report = evaluate_folder(people, engine, lambda done, count: seen.append((done, count)))
    gallery, found = report.gallery, report.evaluation
    assert gallery.people == ["Eileen Collins", "Grace Hopper"]
    assert gallery.pictures == 17
    assert len(gallery.embeddings) == 15
    assert gallery.faceless == ["Grace Hopper/wall.jpg"]
    assert gallery.unreadable == ["Grace Hopper/broken.jpg"]
    assert gallery.crowded == ["Eileen Collins/twice.png"]
    assert (found.same_pairs, found.different_pairs) == (28 + 21, 56)
    assert found.points[0].true_rate >= 0.99
    assert not found.points[2].resolved
    assert 0.02 < found.same_person_distance < 0.12
    assert seen[-1] == (17, 17)


def test_what_was_found_is_stored_and_used(engine, people, tmp_path):
    files = ModelFiles.within(tmp_path / "models")
    report = evaluate_folder(people, engine)
    save(report, files, date(2026, 11, 22))
    stored = load_calibration(files, BUNDLED.space)
    assert stored is not None
    assert (stored.people, stored.faces, stored.measured) == (2, 15, "2026-11-22")
    assert load_pack("bundled", files).same_person_distance == report.evaluation.same_person_distance


def folder_of(root: Path, **pictures: list[Image]) -> Path:
    for name, images in pictures.items():
        (root / name).mkdir(parents=True)
        for number, image in enumerate(images):
            PilImage.fromarray(image).save(root / name / f"{number}.png")
    return root


def test_few_pictures_set_no_thresholds(engine, tmp_path, astronaut, grace_hopper):
    folder = folder_of(tmp_path / "few", a=[astronaut, np.ascontiguousarray(astronaut[:, ::-1])], b=[grace_hopper])
    report = evaluate_folder(folder, engine)
    with pytest.raises(InvalidInputError, match="1 pairs of one person"):
        save(report, ModelFiles.within(tmp_path / "models"), date(2026, 11, 22))
    assert not (tmp_path / "models").exists()


def test_mixed_up_folders_set_no_thresholds(engine, tmp_path, astronaut, grace_hopper):
    mixed = [*variants(astronaut)[:4], *variants(grace_hopper)[:4]]
    report = evaluate_folder(folder_of(tmp_path / "mixed", a=mixed, b=mixed), engine)
    with pytest.raises(InvalidInputError, match="every folder holds one person"):
        save(report, ModelFiles.within(tmp_path / "models"), date(2026, 11, 22))


GREY = np.full((120, 120, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root, _a, _b: root / "nowhere", "no such folder"),
        (lambda root, _a, _b: root, "no folders"),
        (lambda root, a, _b: folder_of(root / "x", a=[a]), "fewer than two people"),
        (lambda root, a, _b: folder_of(root / "x", a=[a], b=[]), "fewer than two people"),
        (lambda root, a, _b: folder_of(root / "x", a=[a, a], b=[GREY]), "only 1 people"),
        (lambda root, a, b: folder_of(root / "x", a=[a], b=[b]), "nobody two faces"),
    ],
    ids=["missing", "no-folders", "one-person", "empty-folder", "one-person-with-a-face", "one-face-each"],
)
def test_what_cannot_be_measured_is_said(engine, tmp_path, astronaut, grace_hopper, make, message):
    with pytest.raises(InvalidInputError, match=message):
        evaluate_folder(make(tmp_path, astronaut, grace_hopper), engine)


@pytest.fixture
def faaaaaces(own_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAAAAACES_DATA", str(tmp_path / "library"))
    monkeypatch.setenv("MODELS_FOLDER", str(own_models))
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))

    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return invoke


def test_the_command_tells_draws_and_stores(faaaaaces, people, tmp_path, own_models):
    plot = tmp_path / "histogram.png"
    result = faaaaaces("eval", people, "--pack", "bundled", "--plot", plot, "--save", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [point["false_rate"] for point in found["operating_points"]] == [1e-2, 1e-3, 1e-4]
    assert found["operating_points"][0]["true_rate"] >= 0.99
    assert found["saved"] is True
    assert found["without_face"] == ["Grace Hopper/wall.jpg"]
    with PilImage.open(plot) as picture:
        assert (picture.format, picture.size) == ("PNG", (1100, 620))
    assert load_pack("bundled", ModelFiles.within(own_models)).same_person_distance == found["same_person_distance"]
    again = faaaaaces("eval", people, "--pack", "bundled")
    assert "TPR 1.0000 at FPR 1e-02" in again.stdout
    assert f"in use: {found['same_person_distance']:.4f}" in again.stdout
    assert "1 picture without a face: Grace Hopper/wall.jpg" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such folder"),
        ([".", "--pack", "nothing"], "no pack 'nothing'"),
        ([".", "--pack", "yunet-mobilefacenet"], "models import"),
    ],
    ids=["no-folder", "no-pack", "no-weights"],
)
def test_a_mistake_is_one_line(faaaaaces, tmp_path, arguments, message):
    result = faaaaaces("eval", tmp_path / arguments[0], *arguments[1:])
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.strip().count("\n") == 0


def test_a_histogram_needs_a_folder_that_exists(faaaaaces, people, tmp_path):
    result = faaaaaces("eval", people, "--pack", "bundled", "--plot", tmp_path / "nowhere" / "x.png")
    assert (result.exit_code, "cannot be written" in result.stderr) == (1, True)


def test_models_check_tells_figures_and_times(faaaaaces):
    result = faaaaaces("models", "check", "bundled", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["passed"] is True
    assert found["problems"] == []
    assert 0 < found["same_farthest"] < found["other_nearest"]
    speed = found["speed"]
    assert 0 < speed["small_frame_ms"] < 5000
    assert speed["hours_per_hour"] == pytest.approx((speed["frame_ms"] + speed["face_ms"]) / 1000 / found["interval"])
    assert all(other["hours_per_hour"] < speed["hours_per_hour"] for other in found["faster"])
    words = faaaaaces("models", "check", "bundled").stdout
    for part in ("bundled: good", "ms for a frame of 640x360", "of work for an hour of video"):
        assert part in words


def test_a_pack_that_fails_is_refused_and_remembered(faaaaaces, own_models, monkeypatch):
    # the two "people" are now one: every pack must fail on them
    monkeypatch.setattr(check, "varied_faces", _same_face_twice)
    result = faaaaaces("models", "check", "bundled")
    assert result.exit_code == 1
    assert "bundled: REFUSED" in result.stdout
    assert "Two people are 0.0" in result.stdout
    assert "Two people" in (Records(own_models).refusal(BUNDLED.space) or "")


def _same_face_twice():
    faces = [face for face in varied_faces() if face.name == "grace_hopper"]
    return [*faces, *(replace(face, name="another") for face in faces)]
