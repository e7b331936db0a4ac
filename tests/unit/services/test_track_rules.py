"""The file of settings for tracks."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import ConfigError
from app.services.context import build_context
from app.services.track_rules import track_rules, track_settings
from app.vision import BUNDLED
from app.vision.track import TrackRules, TrackSettings


def _rules(tmp_path: Path, text: str | bytes | None) -> TrackRules:
    path = tmp_path / "deep_sort.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return track_rules(load_settings({"DEEP_SORT_CONFIG": str(path)}, tmp_path / "none"))


def test_the_file_that_comes_with_the_program_says_what_the_program_thinks(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path / "none")
    assert track_rules(settings) == TrackRules()
    assert track_settings(settings, BUNDLED) == TrackSettings.for_distance(BUNDLED.same_person_distance)


def test_a_file_of_one_s_own_changes_what_it_names(tmp_path: Path) -> None:
    assert _rules(tmp_path, "max_age: 10\nn_init: 1  # at once\n") == TrackRules(max_age=10, n_init=1)
    assert _rules(tmp_path, "") == TrackRules()
    assert _rules(tmp_path, "# nothing\n") == TrackRules()
    assert _rules(tmp_path, "\N{ZERO WIDTH NO-BREAK SPACE}max_cosine_distance: .5\n").max_cosine_distance == 0.5


WRONG = {
    "missing": (None, "DEEP_SORT_CONFIG: There is no such file."),
    "no YAML": ("max_age: 3\nn_init: [1\nx: 2", "DEEP_SORT_CONFIG: Line 3 of the file is no YAML."),
    "a list": ("- max_age\n", 'DEEP_SORT_CONFIG: The file must hold lines such as "max_age: 3.0".'),
    "a word": ("max_age 3\n", 'DEEP_SORT_CONFIG: The file must hold lines such as "max_age: 3.0".'),
    "an object": ("max_age: !!python/object/apply:os.getcwd []\n", "DEEP_SORT_CONFIG: Line 1 of the file is no YAML."),
    "other names": ("DEEPSORT:\n  MAX_AGE: 70\n", "DEEP_SORT_CONFIG: 'DEEPSORT' is no setting of tracks."),
    "frames": ("max_age: -1\n", "DEEP_SORT_CONFIG: max_age must be a number, more than 0 and not more than 3600"),
    "no text": (b"\xff\xfe\x00", "DEEP_SORT_CONFIG: The file is no text."),
    "too large": ("#" * 100_001, "DEEP_SORT_CONFIG: The file is too large"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, text: str | bytes | None, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        _rules(tmp_path, text)
    assert refused.value.message.startswith(message)
    assert str(tmp_path) not in refused.value.message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        track_rules(load_settings({"DEEP_SORT_CONFIG": str(tmp_path)}, tmp_path / "none"))


def test_it_is_refused_when_the_program_starts(tmp_path: Path) -> None:
    settings = load_settings({"FAAAAACES_DATA": str(tmp_path), "DEEP_SORT_CONFIG": "mine.yaml"}, tmp_path / "none")
    with pytest.raises(ConfigError, match="DEEP_SORT_CONFIG"):
        build_context(settings)
