from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from app.errors import ConfigError
from app.vision import pack_table
from app.vision.packs import BUNDLED, get_pack


@pytest.mark.parametrize(
    ("name", "detector", "embedder", "dimension"),
    [
        ("bundled", "mtcnn", "dlib-resnet-v1", 128),
        ("bundled-exact", "mtcnn-exact", "dlib-resnet-v1", 128),
        ("retinaface-arcface", "retinaface", "arcface", 512),
        ("yunet-mobilefacenet", "yunet", "mobilefacenet", 128),
        ("retinaface-mobile", "retinaface-mobile", "mobilefacenet", 128),
        ("deepface:mtcnn/Dlib", "deepface:mtcnn", "deepface:Dlib", 128),
        ("deepface:skip/VGG-Face", "deepface:skip", "deepface:VGG-Face", 4096),
        ("scrfd+insightface-arcface", "scrfd", "insightface-arcface", 512),
        ("yunet+sface", "yunet", "sface", 128),
        ("mtcnn+facenet", "mtcnn", "facenet", 512),
        ("mtcnn+facenet-128", "mtcnn", "facenet-128", 128),
    ],
)
def test_a_name_tells_the_parts(name, detector, embedder, dimension):
    pack = get_pack(name)
    assert (pack.name, pack.detector, pack.embedder, pack.dimension) == (name, detector, embedder, dimension)
    assert 0 < pack.track_noise < pack.grouping_distance < pack.face_grouping_distance < pack.same_person_distance < 1


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nothing", "bundled"),
        ("yunet", "yunet-mobilefacenet"),
        ("yunet+", "mobilefacenet"),
        ("+sface", "yunet"),
        ("nobody+sface", "yunet"),
        ("yunet+nothing", "sface"),
        ("deepface:", "deepface:mtcnn/Dlib"),
        ("deepface:mtcnn", "deepface:mtcnn/Dlib"),
        ("deepface:mtcnn/dlib", "Dlib"),
        ("deepface:nothing/Dlib", "mtcnn"),
        ("", "bundled"),
    ],
)
def test_a_wrong_name_is_told_the_right_ones(name, hint):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        get_pack(name)


def test_exact_and_fast_bundled_share_their_vectors_and_figures():
    exact = get_pack("bundled-exact")
    assert exact.space == BUNDLED.space
    assert exact.face_grouping_distance == BUNDLED.face_grouping_distance


def test_flip_averaging_makes_another_space():
    assert get_pack("bundled", flip=True) == BUNDLED
    plain = get_pack("bundled", flip=False)
    assert not plain.flip
    assert plain.space == f"{BUNDLED.space}/plain"
    averaged = get_pack("retinaface-arcface", flip=True)
    assert averaged.flip
    assert averaged.space == f"{get_pack('retinaface-arcface').space}/mirror"


def test_deepface_preprocessing_makes_another_space():
    pack = get_pack("retinaface-arcface", compatible=True)
    assert pack.compatible
    assert not pack.flip
    assert pack.space.endswith("/deepface-compatible")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bundled", {"compatible": True}),
        ("retinaface-arcface", {"compatible": True, "flip": True}),
        ("deepface:mtcnn/Dlib", {"flip": True}),
    ],
    ids=["no-such-form", "both", "not-ours"],
)
def test_what_cannot_be_had_is_refused(name, options):
    with pytest.raises(ConfigError, match=r"DeepFace|flip"):
        get_pack(name, **options)


def test_only_measured_packs_say_that_they_are():
    assert get_pack("bundled").calibrated
    assert get_pack("yunet-mobilefacenet").calibrated
    assert not get_pack("retinaface-arcface").calibrated
    assert get_pack("deepface:mtcnn/Dlib").calibrated
    assert not get_pack("deepface:opencv/Dlib").calibrated


def deepface_source(relative: str) -> str:
    spec = importlib.util.find_spec("deepface")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("deepface is not installed")
    return (Path(spec.submodule_search_locations[0]) / relative).read_text()


def test_the_names_are_deepfaces():
    source = deepface_source("modules/modeling.py")
    for name in (*pack_table.DEEPFACE_MODELS, *pack_table.DEEPFACE_DETECTORS):
        assert name == "skip" or f'"{name}"' in source


def test_the_thresholds_are_deepfaces():
    source = deepface_source("config/threshold.py")
    for name in pack_table.DEEPFACE_MODELS:
        found = re.search(rf'"{name}": {{"cosine": ([0-9.]+)', source)
        assert found
        assert get_pack(f"deepface:opencv/{name}").same_person_distance == pytest.approx(float(found[1]))
