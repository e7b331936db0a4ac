"""Every usual mistake with MobileFaceNet, made on purpose: all must be refused, the right way must pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain import FloatArray
from app.services.models.check import check_and_record
from app.services.models.records import Records
from app.vision import ModelFiles
from app.vision.build import build_detector, build_embedder
from app.vision.check import check_pack, check_parts
from app.vision.embedders.onnx_embedder import ARCFACE_TEMPLATE, OnnxEmbedder
from app.vision.packs import get_pack
from app.vision.runtime import RuntimeOptions

PACK = get_pack("yunet-mobilefacenet")


@pytest.fixture
def embedder(files: ModelFiles) -> Iterator[OnnxEmbedder]:
    made = build_embedder(PACK, files, RuntimeOptions())
    assert isinstance(made, OnnxEmbedder)
    return made


def around_middle(factor: float) -> FloatArray:
    return np.asarray((ARCFACE_TEMPLATE - 56) * factor + 56, np.float32)


# what is changed in the spec, and in the template
MISTAKES: dict[str, tuple[dict[str, Any], FloatArray]] = {
    "channel order": ({"bgr": True}, ARCFACE_TEMPLATE),
    "pixels of -1..1": ({"mean": (127.5,) * 3, "std": (127.5,) * 3}, ARCFACE_TEMPLATE),
    "pixels of 0..1": ({"mean": (0.0,) * 3, "std": (255.0,) * 3}, ARCFACE_TEMPLATE),
    "pixels of 0..255": ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, ARCFACE_TEMPLATE),
    "means for 0..1": ({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, ARCFACE_TEMPLATE),
    "template too small": ({}, around_middle(0.8)),
    "template too large": ({}, around_middle(1.3)),
    "template moved": ({}, ARCFACE_TEMPLATE + 2),
    "template of 96 pixels": ({}, ARCFACE_TEMPLATE - np.float32([8, 0])),
    "eyes mirrored": ({}, ARCFACE_TEMPLATE[[1, 0, 2, 4, 3]]),
}


@pytest.mark.parametrize("name", ["yunet-mobilefacenet", "retinaface-mobile", "mtcnn+mobilefacenet"])
def test_what_is_right_passes(files: ModelFiles, name: str) -> None:
    report = check_pack(files, get_pack(name))
    assert report.passed, report.problems
    assert report.other_nearest > 4 * report.same_farthest


@pytest.mark.parametrize(("spec", "template"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused(
    files: ModelFiles, embedder: OnnxEmbedder, spec: dict[str, Any], template: FloatArray
) -> None:
    embedder.spec = replace(embedder.spec, **spec)
    embedder.template = np.asarray(template, np.float32)
    report = check_parts(PACK, build_detector(PACK, files, RuntimeOptions()), embedder)
    assert not report.passed


@pytest.mark.parametrize("name", ["pixels of 0..255", "means for 0..1", "pixels of 0..1", "eyes mirrored"])
def test_gross_mistakes_show_by_distances_alone(files: ModelFiles, embedder: OnnxEmbedder, name: str) -> None:
    spec, template = MISTAKES[name]
    embedder.spec = replace(embedder.spec, **spec)
    embedder.template = np.asarray(template, np.float32)
    report = check_parts(replace(PACK, space="no record"), build_detector(PACK, files, RuntimeOptions()), embedder)
    assert any("people are" in problem or "on average" in problem for problem in report.problems)


def test_exchanged_channels_of_an_unknown_network_are_told(files: ModelFiles, embedder: OnnxEmbedder) -> None:
    unknown, detector = replace(PACK, space="no record"), build_detector(PACK, files, RuntimeOptions())
    assert check_parts(unknown, detector, embedder).remark is None
    embedder.spec = replace(embedder.spec, bgr=True)
    assert "red and blue exchanged" in (check_parts(unknown, detector, embedder).remark or "")


def test_a_refusal_is_remembered_until_the_pack_passes(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(files, cache=tmp_path)
    monkeypatch.setattr(OnnxEmbedder, "prepare", lambda self, chips: chips.transpose(0, 3, 1, 2).astype(np.float32))
    assert not check_and_record(own, PACK).passed
    assert "apart" in (Records(tmp_path).refusal(PACK.space) or "")
    monkeypatch.undo()
    assert check_and_record(own, PACK).passed
    assert Records(tmp_path).refusal(PACK.space) is None
