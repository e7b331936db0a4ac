"""What settings mean, and how a wrong one is told."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from app.config import Settings, load_settings
from app.errors import ConfigError
from app.pack_names import DEEPFACE_DETECTORS, DEEPFACE_MODELS, PACKS
from app.vision import get_pack, pack_table


def load(**environ: str) -> Settings:
    return load_settings(environ, Path("/nowhere/.env"))


@pytest.mark.parametrize(
    ("environ", "pack"),
    [
        ({}, "auto"),
        ({"FACE_PACK": "bundled"}, "bundled"),
        ({"FACE_PACK": "yunet+sface"}, "yunet+sface"),
        ({"FACE_PACK": "deepface:MTCNN/dlib"}, "deepface:mtcnn/Dlib"),
        ({"FACE_MODEL": "ArcFace", "DETECTOR_BACKEND": "retinaface"}, "retinaface-arcface"),
        ({"FACE_MODEL": "arcface"}, "retinaface-arcface"),
        ({"DETECTOR_BACKEND": "retinaface"}, "retinaface-arcface"),
        ({"FACE_MODEL": "Facenet512"}, "deepface:retinaface/Facenet512"),
        ({"DETECTOR_BACKEND": "mtcnn"}, "deepface:mtcnn/ArcFace"),
        ({"FACE_MODEL": "Dlib", "DETECTOR_BACKEND": "dlib"}, "deepface:dlib/Dlib"),
        ({"FACE_MODEL": "Dlib", "FACE_PACK": "auto"}, "deepface:retinaface/Dlib"),
        ({"FACE_MODEL": "ArcFace", "FACE_PACK": "retinaface-arcface"}, "retinaface-arcface"),
        ({"FACE_MODEL": "", "DETECTOR_BACKEND": " "}, "auto"),
    ],
)
def test_the_pack_is_named_in_one_way_or_another(environ: dict[str, str], pack: str) -> None:
    assert load(**environ).wanted_pack == pack


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"FACE_PACK": "bundeld"}, ("FACE_PACK", "Did you mean bundled?", "retinaface-arcface")),
        ({"FACE_PACK": "deepface:mtcnn/Foo"}, ("FACE_PACK", "no model 'Foo'", "ArcFace")),
        ({"FACE_PACK": "deepface:mtcnn"}, ("FACE_PACK", "no model ''")),
        ({"FACE_PACK": "+"}, ("FACE_PACK", "no pack '+'")),
        ({"DETECTOR_BACKEND": "mtcn"}, ("no detector 'mtcn'", "Did you mean mtcnn?", "yunet")),
        ({"FACE_MODEL": "facenet-512"}, ("no model", "Did you mean Facenet512?")),
        ({"FACE_PACK": "bundled", "FACE_MODEL": "Dlib"}, ("Remove FACE_PACK", "deepface:retinaface/Dlib")),
        ({"EXECUTION_PROVIDERS": "gpu"}, ("EXECUTION_PROVIDERS", "cuda")),
        ({"EXECUTION_PROVIDERS": "auto,cpu"}, ("EXECUTION_PROVIDERS", "auto alone")),
        ({"MODEL_THREADS": "0"}, ("MODEL_THREADS",)),
        ({"DEEPFACE_COMPATIBLE": "maybe"}, ("DEEPFACE_COMPATIBLE", "boolean")),
        ({"FACE_FLIP": "2"}, ("FACE_FLIP", "boolean")),
    ],
)
def test_a_wrong_setting_is_told_with_what_to_do(environ: dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**environ)
    for word in words:
        assert word in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("Yes", True), ("on", True), ("0", False), ("false", False), ("No", False), ("OFF", False)],
)  # fmt: skip
def test_switches_mean_what_they_say(text: str, value: bool) -> None:
    settings = load(DEEPFACE_COMPATIBLE=text, FACE_FLIP=text, HALF_PRECISION=text)
    assert (settings.deepface_compatible, settings.face_flip, settings.half_precision) == (value, value, value)


def test_what_runs_networks() -> None:
    settings = load(EXECUTION_PROVIDERS="CUDA, cpu", MODEL_THREADS="3", FACE_FLIP="auto", MODELS_IDLE_MINUTES="0")
    assert settings.execution_providers == ("cuda", "cpu")
    assert (settings.model_threads, settings.face_flip, settings.models_idle_minutes) == (3, None, 0)
    assert load(MODEL_THREADS="auto").model_threads is None


def test_deepface_s_home_is_a_whole_path(tmp_path: Path) -> None:
    assert load(FAAAAACES_DATA=str(tmp_path), DEEPFACE_HOME="weights").deepface_home == tmp_path / "weights"
    assert load(DEEPFACE_HOME="~/x").deepface_home == Path.home() / "x"
    assert load().deepface_home is None


def test_the_names_are_those_of_our_packs() -> None:
    assert set(PACKS) == set(pack_table.PACKS)
    assert set(DEEPFACE_MODELS) == set(pack_table.DEEPFACE_MODELS)
    assert set(DEEPFACE_DETECTORS) == set(pack_table.DEEPFACE_DETECTORS)
    assert [get_pack(name).name for name in PACKS] == list(PACKS)


def test_the_names_are_those_of_the_installed_deepface() -> None:
    """Read from its source: importing it writes to the user's home."""
    spec = importlib.util.find_spec("deepface")
    assert spec is not None and spec.submodule_search_locations
    source = (Path(spec.submodule_search_locations[0]) / "modules" / "modeling.py").read_text(encoding="utf-8")
    (table,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "AVAILABLE_MODELS"
    )
    assert isinstance(table, ast.Dict)
    found = {
        key.value: {name.value for name in models.keys}  # type: ignore[union-attr]
        for key, models in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    assert found["facial_recognition"] == set(DEEPFACE_MODELS)
    assert found["face_detector"] | {"skip"} == set(DEEPFACE_DETECTORS)
