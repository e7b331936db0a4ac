"""Files of networks become parts of packs, or leave no trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from app.errors import InvalidInputError, ModelError
from app.services.models.importing import import_file, inspect_file, trial_pack
from app.services.models.listing import list_models, list_packs
from app.services.models.records import Records
from app.vision import FaceEngine, ModelFiles, Pack, get_pack
from app.vision.build import build_detector, build_embedder
from app.vision.check import CheckReport
from app.vision.importing.kinds import KINDS
from app.vision.runtime import RuntimeOptions
from tests.networks import toy_embedder, toy_scrfd, toy_yunet

BOX, POINTS = [0.0] * 4, [0.0] * 10
MODELS = {
    "yunet": toy_yunet(16, BOX, POINTS, side=640),
    "scrfd": toy_scrfd(16, [1.0] * 4, POINTS, side=640),
    "mobilefacenet": toy_embedder([1, 3, 112, 112], 128),
    "sface": toy_embedder([1, 3, 112, 112], 128, normalises=True),
    "insightface-arcface": toy_embedder(["n", 3, 112, 112], 512, fixed_reshape=False),
    "facenet": toy_embedder([1, 160, 160, 3], 512),
    "facenet-128": toy_embedder([1, 3, 160, 160], 128),
}


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path / "cache", tmp_path / "imported", tmp_path / "deepface")


def _file(folder: Path, model: onnx.ModelProto, name: str = "given.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_file_becomes_a_part(files: ModelFiles, tmp_path: Path, name: str) -> None:
    candidate = inspect_file(files, _file(tmp_path, MODELS[name]))
    assert candidate.kind.name == name
    tried: list[str] = []

    def check(staged: ModelFiles, pack: Pack) -> CheckReport:
        tried.append(pack.name)
        assert not (files.imported / f"{name}.onnx").exists()
        _build(pack, name, staged)
        return _report(pack)

    manifest = import_file(files, candidate, check).manifest
    assert tried == [trial_pack(KINDS[name]).name]
    assert manifest.source_file == "given.onnx"
    assert sorted(path.name for path in files.imported.iterdir()) == [f"{name}.json", f"{name}.onnx"]
    _build(trial_pack(KINDS[name]), name, files)


def _report(pack: Pack, *, point_error: float = 0.05, problems: tuple[str, ...] = ()) -> CheckReport:
    return CheckReport(pack.name, point_error, 0.1, 0.8, 0.9, 0.5, 0.5, None, problems)


def _build(pack: Pack, name: str, files: ModelFiles) -> None:
    """Runs a part as a pack does."""
    if KINDS[name].role == "detector":
        detector = build_detector(pack, files, RuntimeOptions())
        assert detector.detect([np.zeros((90, 70, 3), np.uint8)], min_face_size=20, confidence=0.5) == [[]]
    else:
        embedder = build_embedder(pack, files, RuntimeOptions())
        side = 160 if name.startswith("facenet") else 112
        chips = np.random.default_rng(0).integers(0, 255, (3, side, side, 3)).astype(np.uint8)
        assert embedder.embed(chips).shape == (3, pack.dimension)


def test_weights_of_pytorch_become_a_detector(files: ModelFiles, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from tests.retinaface_torch import random_retinaface

    torch.save(random_retinaface(0.1).state_dict(), tmp_path / "weights.pth")
    manifest = import_file(files, inspect_file(files, tmp_path / "weights.pth"), None).manifest
    assert (manifest.name, manifest.variant) == ("retinaface-mobile", "Pytorch_Retinaface")
    detector = build_detector(get_pack("retinaface-mobile"), files, RuntimeOptions())
    assert len(detector.detect([np.zeros((64, 64, 3), np.uint8)], min_face_size=20, confidence=0.999)) == 1


def test_the_variant_that_sees_faces_best_is_kept(files: ModelFiles, tmp_path: Path, shared: Path) -> None:
    # the same weights, but no longer a file that is known
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    weights = torch.load(shared / "models" / "retinaface_mobilenet025.pth", map_location="cpu", weights_only=True)
    torch.save(weights, tmp_path / "again.pth")
    candidate = inspect_file(files, tmp_path / "again.pth")
    assert not candidate.file.known
    assert len(candidate.file.variants) == 2
    imported = import_file(files, candidate)
    assert imported.manifest.variant == "Face-Detector-1MB"
    assert imported.report is not None
    assert imported.report.point_error < 0.15
    assert sorted(path.name for path in files.imported.iterdir()) == [
        "retinaface-mobile.json",
        "retinaface-mobile.onnx",
    ]


def test_what_fails_the_check_leaves_no_trace(files: ModelFiles, tmp_path: Path) -> None:
    def refuse(_files: ModelFiles, pack: Pack) -> CheckReport:
        return _report(pack, problems=("One person is at 0.9, two people at 0.8.",))

    candidate = inspect_file(files, _file(tmp_path, MODELS["mobilefacenet"]))
    with pytest.raises(ModelError, match=r"0\.9"):
        import_file(files, candidate, refuse)
    assert list(files.imported.iterdir()) == []


def test_a_failed_replacement_keeps_what_was_there(files: ModelFiles, tmp_path: Path) -> None:
    first = import_file(files, inspect_file(files, _file(tmp_path, MODELS["mobilefacenet"])), None).manifest

    def refuse(_files: ModelFiles, pack: Pack) -> CheckReport:
        return _report(pack, problems=("No.",))

    other = _file(tmp_path, MODELS["sface"], "other.onnx")
    candidate = inspect_file(files, other, "mobilefacenet")
    assert candidate.replaces == first
    with pytest.raises(ModelError):
        import_file(files, candidate, refuse)
    assert [model.sha256 for model in list_models(files) if model.name == "mobilefacenet"] == [first.source_sha256]


def test_a_good_file_clears_what_a_bad_one_left(files: ModelFiles, tmp_path: Path) -> None:
    space = get_pack("yunet-mobilefacenet").space
    Records(files.cache).refuse(space, "It mixes people up.")
    import_file(files, inspect_file(files, _file(tmp_path, MODELS["mobilefacenet"])), None)
    assert Records(files.cache).refusal(space) is None


def test_replacing_an_embedder_is_asked_about(files: ModelFiles, tmp_path: Path) -> None:
    path = _file(tmp_path, MODELS["mobilefacenet"])
    import_file(files, inspect_file(files, path), None)
    assert inspect_file(files, path).doubts == ()  # the same file again
    (doubt,) = inspect_file(files, _file(tmp_path, MODELS["sface"], "other.onnx"), "mobilefacenet").doubts
    assert "cannot be compared" in doubt


@pytest.mark.parametrize(
    ("name", "doubts"), [("yunet", 0), ("mobilefacenet", 0), ("scrfd", 1), ("insightface-arcface", 1)]
)
def test_licences_that_forbid_much_are_asked_about(files: ModelFiles, tmp_path: Path, name: str, doubts: int) -> None:
    candidate = inspect_file(files, _file(tmp_path, MODELS[name]))
    assert len(candidate.doubts) == doubts
    assert all("non-commercial" in doubt for doubt in candidate.doubts)


@pytest.mark.parametrize(("name", "message"), [("nothing", "no network 'nothing'"), ("facenet", "cannot be 'facenet'")])
def test_names_that_do_not_fit(files: ModelFiles, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        inspect_file(files, _file(tmp_path, MODELS["yunet"]), name)


def test_lists_what_is_here(files: ModelFiles, tmp_path: Path) -> None:
    before = {row.name: row for row in list_packs(files)}
    assert not before["yunet-mobilefacenet"].complete
    assert "models import" in (before["yunet-mobilefacenet"].missing or "")
    for name in ("yunet", "mobilefacenet"):
        import_file(files, inspect_file(files, _file(tmp_path, MODELS[name])), None)
    after = {row.name: row for row in list_packs(files)}
    assert after["yunet-mobilefacenet"].complete
    assert not after["retinaface-mobile"].complete
    rows = {row.name: row for row in list_models(files)}
    assert {"mtcnn", "dlib-resnet-v1", "yunet", "mobilefacenet"} <= set(rows)
    assert rows["yunet"].size == len(MODELS["yunet"].SerializeToString())


def test_shared_files_make_packs_that_know_people(
    files: ModelFiles, shared: Path, models_cache: Path, astronaut: np.ndarray, grace_hopper: np.ndarray
) -> None:
    files = ModelFiles(models_cache, files.imported, files.deepface)
    for name in ("yunet_n_dynamic.onnx", "retinaface_mobilenet025.pth", "mobilefacenet_arcface_128.onnx"):
        candidate = inspect_file(files, shared / "models" / name)
        assert candidate.file.known
        assert candidate.doubts == ()
        report = import_file(files, candidate).report
        assert report is not None
        assert report.passed
    darker = (astronaut * 0.6).astype(np.uint8)
    for name in ("yunet-mobilefacenet", "retinaface-mobile", "yunet+dlib-resnet-v1"):
        pack = get_pack(name)
        (eileen,), (again,), (grace,) = FaceEngine(pack, files).analyse([astronaut, darker, grace_hopper])
        assert eileen.embedding @ again.embedding > 1 - pack.same_person_distance
        assert eileen.embedding @ grace.embedding < 1 - pack.same_person_distance
