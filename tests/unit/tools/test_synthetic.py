"""Made-up libraries are as alike as the real faces that they are modelled on, and always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.face_models import DLIB, MOBILEFACENET, FaceModel
from tools.synthetic import SyntheticLibrary, make_library

MODELS = pytest.mark.parametrize("model", [DLIB, MOBILEFACENET], ids=lambda model: model.name)


def pairs(library: SyntheticLibrary, poor: bool) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of faces of one person and of two."""
    chosen = np.flatnonzero(library.poor == poor)
    vectors, truth = library.embeddings()[chosen], library.truth[chosen]
    upper = np.triu(np.ones((len(chosen), len(chosen)), bool), 1)
    same = truth[:, None] == truth
    similarity = vectors @ vectors.T
    return similarity[same & upper], similarity[~same & upper]


@MODELS
@pytest.mark.parametrize("dimension", [128, 512])
def test_similarities_are_those_that_were_measured(model: FaceModel, dimension: int) -> None:
    library = make_library(3000, dimension=dimension, model=model, seed=1, noise=0.1, look_alikes=0.0)
    same, strangers = pairs(library, poor=False)
    spread = model.same[1]
    assert strangers.mean() == pytest.approx(model.strangers[0], abs=0.1 * spread)
    assert strangers.std() == pytest.approx(model.strangers[1], rel=0.05)
    assert same.mean() == pytest.approx(model.same[0], abs=0.25 * spread)
    assert same.std() == pytest.approx(spread, rel=0.25)
    assert pairs(library, poor=True)[1].mean() == pytest.approx(model.poor_strangers, abs=0.25 * spread)


@MODELS
def test_doubles_are_as_alike_as_the_most_alike_people(model: FaceModel) -> None:
    library = make_library(4000, dimension=128, model=model, look_alikes=0.2)
    vectors = library.embeddings()
    means = [(vectors[library.truth == a] @ vectors[library.truth == b].T).mean() for a, b in library.doubles]
    assert np.mean(means) == pytest.approx(model.look_alike, abs=0.2 * model.same[1])


def test_pieces_of_any_size_are_the_same_library(tmp_path: Path) -> None:
    library = make_library(9000, dimension=128, seed=3)
    whole = library.embeddings()
    assert np.array_equal(np.concatenate(list(library.pieces(700))), whole)
    assert np.array_equal(library.save(tmp_path / "faces.npy"), whole)
    assert np.allclose(np.linalg.norm(whole, axis=1), 1.0, atol=1e-5)
    again = make_library(9000, dimension=128, seed=3)
    assert np.array_equal(again.embeddings(), whole) and np.array_equal(again.truth, library.truth)
    assert not np.array_equal(make_library(9000, dimension=128, seed=4).truth, library.truth)


def test_some_are_seen_once_and_some_very_often() -> None:
    library = make_library(50_000, dimension=128, noise=0.2)
    sizes = np.bincount(library.truth)
    assert library.poor.sum() == 10_000 and (sizes[np.unique(library.truth[library.poor])] == 1).all()
    clear = np.bincount(library.truth[~library.poor])
    assert 0.4 < (clear == 1).mean() < 0.7 and clear.max() > 500 and clear.sum() == 40_000


def test_a_picture_shows_nobody_twice() -> None:
    library = make_library(5000, dimension=128)
    rules = library.cannot_link()
    assert len(rules) > 1000
    assert (library.truth[rules[:, 0]] != library.truth[rules[:, 1]]).all()
    assert (library.frames[rules[:, 0]] == library.frames[rules[:, 1]]).all()
    assert len(np.unique(np.column_stack([library.frames, library.truth]), axis=0)) == 5000


@pytest.mark.parametrize("faces", [1, 2, 3])
def test_tiny_libraries(faces: int) -> None:
    assert make_library(faces, noise=0.0).embeddings().shape == (faces, 512)


def test_what_cannot_be_is_refused() -> None:
    for arguments in (
        {"faces": 0},
        {"faces": 5, "noise": 1.5},
        {"faces": 5, "look_alikes": -1},
        {"faces": 5, "dimension": 16},
    ):
        with pytest.raises(ValueError):
            make_library(**arguments)
