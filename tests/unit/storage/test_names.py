from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.storage.names import RESERVED_NAMES, safe_file_name, safe_suffix


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("Ferien am Meer (2).MP4", "Ferien am Meer (2).MP4"),
        ("Ré\u0301union.mkv", "Ré\u0301union.mkv"),
        ("e\u0301t\u00e9.mp4", "été.mp4"),
        ("日本の夏.webm", "日本の夏.webm"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\clip.avi", "clip.avi"),
        ("/", "video"),
        ("..", "video"),
        ("", "video"),
        (" . . ", "video"),
        (".htaccess", "htaccess"),
        ("clip.mp4. . ", "clip.mp4"),
        ("a\x00b\nc.mp4", "ab c.mp4"),
        ("invoice\u202e4pm.exe", "invoice4pm.exe"),
        ("zero\u200bwidth\ufeff.mp4", "zerowidth.mp4"),
        ('a<b>:"c|d?e*.mp4', "a_b___c_d_e_.mp4"),
        ("CON", "_CON"),
        ("nul.mp4", "_nul.mp4"),
        ("com1 .mp4", "_com1 .mp4"),
        ("console.mp4", "console.mp4"),
        ("half\ud800.mp4", "half.mp4"),
        ("many    blanks\u00a0here.mp4", "many blanks here.mp4"),
    ],
)
def test_names_stay_readable_and_lose_what_is_dangerous(given_name: str, kept: str) -> None:
    assert safe_file_name(given_name) == kept


@given(st.text(max_size=400))
@example("\u0344" * 130)  # grows when it is normalised
@example("x" * 250 + ".toolongending")
@example(("é" * 200) + ".mp4")
def test_every_name_becomes_one_that_any_file_system_takes(name: str) -> None:
    safe = safe_file_name(name)
    assert 1 <= len(safe.encode()) <= 255
    assert not set(safe) & set('/\\<>:"|?*\x00')
    assert safe == safe.strip(" .")
    assert not any(unicodedata.category(char).startswith("C") for char in safe)
    assert safe.split(".", 1)[0].strip().lower() not in RESERVED_NAMES
    assert safe_file_name(safe) == safe


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_file_name("ü" * 300 + ".mp4").endswith("ü.mp4")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.MP4", ".mp4"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
        ("a.", ""),
        ("a.m p", ""),
        ("a.mp4\n", ""),
        ("a.\uff4dp4", ""),
        ("a.verylongending", ""),
        (".mp4", ".mp4"),
    ],
)
def test_endings(name: str, suffix: str) -> None:
    assert safe_suffix(name) == suffix
