"""The frames on which tools are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.vision import FaceEngine
from benchmarks import frames


@pytest.fixture(scope="module")
def engine(models_cache: Path) -> FaceEngine:
    return FaceEngine("bundled", models_cache)


def test_portraits_have_one_face_each_and_views_several(engine: FaceEngine) -> None:
    assert [len(faces) for faces in engine.detect(frames.portraits((1280, 720), 2))] == [1, 1]
    assert min(len(faces) for faces in engine.detect(frames.views((1280, 720), 2))) >= 3


@pytest.mark.parametrize("make", [frames.views, frames.portraits])
def test_frames_have_the_size_that_was_asked_for_and_differ(make) -> None:
    pictures = make((640, 360), 3)
    assert [picture.shape for picture in pictures] == [(360, 640, 3)] * 3
    assert all(picture.dtype == np.uint8 and picture.flags.c_contiguous for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_squares_are_square_and_saved_pictures_come_back(tmp_path: Path) -> None:
    pictures = frames.squares(96, 2)
    loaded = np.load(frames.save(tmp_path / "p.npy", pictures))
    assert loaded.shape == (2, 96, 96, 3)
    assert np.array_equal(loaded[1], pictures[1])
