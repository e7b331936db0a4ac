from __future__ import annotations

from pathlib import Path

import pytest

from app.config import Settings
from app.errors import AppError, ConfigError, ModelError, PackMismatchError
from app.models import EmbeddingSpace
from app.services.models.choose import choose, missing_parts, model_files, pack_of_space, wish
from app.services.models.records import Records
from app.vision import Pack, get_pack
from tests.weights import files_in, put, small_network

REFERENCE = get_pack("retinaface-arcface")
BUNDLED = get_pack("bundled")


def settings_in(folder: Path, **values: object) -> Settings:
    home = {"faaaaaces_data": str(folder), "deepface_home": str(folder / "home"), "models_folder": "models"}
    return Settings.model_validate({**home, **values})


def space_of(pack: Pack) -> EmbeddingSpace:
    return EmbeddingSpace(name=pack.space, pack=pack.name, dimension=pack.dimension)


def put_reference(folder: Path) -> None:
    for name in ("retinaface.onnx", "arcface_weights.onnx"):
        put(files_in(folder), name, small_network(values=100))


@pytest.mark.parametrize("at_hand", [True, False], ids=["weights", "no weights"])
@pytest.mark.parametrize(
    ("values", "pinned", "with_weights", "without"),
    [
        pytest.param({}, None, "retinaface-arcface", "bundled", id="auto, no face yet"),
        pytest.param({}, BUNDLED, "bundled", "bundled", id="auto, faces of bundled"),
        pytest.param({}, REFERENCE, "retinaface-arcface", ModelError, id="auto, faces of the reference"),
        pytest.param({"face_pack": "bundled"}, None, "bundled", "bundled", id="bundled"),
        pytest.param({"face_pack": "bundled-exact"}, BUNDLED, "bundled-exact", "bundled-exact", id="same space"),
        pytest.param({"face_pack": "bundled"}, REFERENCE, PackMismatchError, PackMismatchError, id="another pack"),
        pytest.param(
            {"face_pack": "retinaface-arcface"}, None, "retinaface-arcface", ModelError, id="reference by its name"
        ),
        pytest.param({"face_model": "ArcFace"}, None, "retinaface-arcface", ModelError, id="reference by DeepFace's"),
        pytest.param({"deepface_compatible": True}, None, "retinaface-arcface", ModelError, id="compatible"),
        pytest.param({"deepface_compatible": True}, REFERENCE, PackMismatchError, PackMismatchError, id="other form"),
        pytest.param({"face_flip": False}, BUNDLED, PackMismatchError, PackMismatchError, id="no mirror images"),
        pytest.param(
            {"face_model": "Dlib", "detector_backend": "mtcnn"}, None, "deepface:mtcnn/Dlib", "deepface:mtcnn/Dlib",
            id="DeepFace's names",
        ),
        pytest.param({"face_pack": "yunet+nothing"}, None, ConfigError, ConfigError, id="no such part"),
    ],
)  # fmt: skip
def test_the_pack_depends_on_settings_library_and_weights(
    tmp_path: Path,
    values: dict[str, object],
    pinned: Pack | None,
    with_weights: str | type[AppError],
    without: str | type[AppError],
    at_hand: bool,
) -> None:
    settings, space = settings_in(tmp_path, **values), space_of(pinned) if pinned else None
    if at_hand:
        put_reference(tmp_path)
    expected = with_weights if at_hand else without
    if isinstance(expected, str):
        assert choose(settings, space).pack.name == expected
    else:
        with pytest.raises(expected):
            choose(settings, space)


def test_auto_says_what_it_makes_do_with(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    choice = choose(settings, None)
    assert choice.fell_back and "`faaaaaces models pull`" in (choice.remark or "")
    kept = choose(settings, space_of(BUNDLED))
    assert not kept.fell_back and "`faaaaaces migrate-pack retinaface-arcface`" in (kept.remark or "")
    assert choose(settings_in(tmp_path, face_pack="bundled"), None).remark is None
    put_reference(tmp_path)
    assert choose(settings, None).remark is None


@pytest.mark.parametrize("body", [b"<html>", small_network()[:999]], ids=["page", "cut off"])
def test_auto_does_without_damaged_weights_and_says_so(tmp_path: Path, body: bytes) -> None:
    put_reference(tmp_path)
    put(files_in(tmp_path), "arcface_weights.onnx", body)
    choice = choose(settings_in(tmp_path), None)
    assert choice.pack.name == "bundled" and "arcface_weights.onnx are cut off" in (choice.remark or "")


def test_auto_does_without_networks_that_failed_their_check(tmp_path: Path) -> None:
    put_reference(tmp_path)
    Records(files_in(tmp_path).cache).refuse(REFERENCE.space, "The reference sees no difference between people.")
    choice = choose(settings_in(tmp_path), None)
    assert choice.pack.name == "bundled" and "sees no difference" in (choice.remark or "")
    with pytest.raises(ModelError, match="sees no difference"):
        choose(settings_in(tmp_path, face_pack="retinaface-arcface"), None)


def test_only_auto_before_the_first_face_is_content_with_another_pack(tmp_path: Path) -> None:
    assert not wish(settings_in(tmp_path), None).required
    assert wish(settings_in(tmp_path), space_of(REFERENCE)).required
    assert wish(settings_in(tmp_path, face_pack="retinaface-arcface"), None).required
    assert wish(settings_in(tmp_path, deepface_compatible=True), None).required


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bundled", None),
        ("retinaface-arcface", "retinaface.onnx and arcface_weights.onnx"),
        ("yunet+arcface", "arcface_weights.onnx"),
        ("yunet-mobilefacenet", "yunet and mobilefacenet"),
        ("mtcnn+sface", "sface is missing"),
        ("deepface:mtcnn/Dlib", None),
    ],
)
def test_what_a_pack_lacks(tmp_path: Path, name: str, words: str | None) -> None:
    found = missing_parts(get_pack(name), files_in(tmp_path))
    assert found is None if words is None else words in (found or "")


def test_an_imported_file_is_at_hand(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.imported.mkdir(parents=True)
    for name in ("yunet", "mobilefacenet"):
        (files.imported / f"{name}.onnx").write_bytes(b"")
    assert missing_parts(get_pack("yunet-mobilefacenet"), files) is None


def test_the_figures_of_the_library_do_not_follow_the_settings(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, face_pack="retinaface-arcface", deepface_compatible=True)
    assert pack_of_space(settings, space_of(BUNDLED)) == BUNDLED
    own = get_pack("retinaface-arcface", compatible=True)
    assert pack_of_space(settings, space_of(own)) == own


def test_files_lie_where_the_settings_say(tmp_path: Path) -> None:
    assert model_files(settings_in(tmp_path)) == files_in(tmp_path)
