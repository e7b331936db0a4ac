from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ConfigError
from app.vision.calibration import Calibration, load_calibration, save_calibration
from app.vision.files import ModelFiles
from app.vision.packs import BUNDLED, get_pack, load_pack

FOUND = Calibration(BUNDLED.space, 0.1, 0.012, people=14, faces=53, measured="2026-11-22")


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles.within(tmp_path / "models")


def test_a_pack_comes_as_it_is_where_nothing_was_measured(files):
    assert load_pack("bundled", files) == BUNDLED


def test_what_was_stored_is_used(files):
    save_calibration(files, FOUND)
    pack = load_pack("bundled", files)
    assert (pack.same_person_distance, pack.similarity_scale) == (0.1, 0.012)
    assert pack.grouping_distance == pytest.approx(BUNDLED.grouping_distance * 0.1 / BUNDLED.same_person_distance)
    assert pack.similarity(0.1) == pytest.approx(0.5)


def test_it_holds_for_every_pack_of_the_space_and_for_no_other(files):
    save_calibration(files, FOUND)
    assert load_pack("bundled-exact", files).same_person_distance == 0.1
    assert load_pack("bundled", files, flip=False).same_person_distance == BUNDLED.same_person_distance


def test_a_guess_becomes_a_measured_pack(files):
    space = get_pack("deepface:opencv/Dlib").space
    path = save_calibration(files, Calibration(space, 0.08, 0.01, 5, 20, "2026-11-22"))
    assert path.parent == files.cache / "calibration"
    assert load_pack("deepface:opencv/Dlib", files).calibrated


def test_saving_again_replaces(files):
    save_calibration(files, Calibration(BUNDLED.space, 0.2, 0.01, 5, 20, "2026-11-21"))
    save_calibration(files, FOUND)
    assert load_calibration(files, BUNDLED.space) == FOUND


@pytest.mark.parametrize(
    "change",
    [
        {"same_person_distance": "far"},
        {"same_person_distance": float("nan")},
        {"same_person_distance": -1},
        {"similarity_scale": 0},
        {"space": "another"},
        {"people": None},
    ],
    ids=str,
)
def test_a_damaged_file_is_named(files, change):
    path = save_calibration(files, FOUND)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match="eval --save"):
        load_pack("bundled", files)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_no_json_of_ours_is_damaged_too(files, text):
    save_calibration(files, FOUND).write_text(text)
    with pytest.raises(ConfigError, match="damaged"):
        load_pack("bundled", files)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="written"):
        save_calibration(ModelFiles.within(tmp_path / "models"), FOUND)
