"""What links need is told, and never stands in the way of the rest."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path

import pytest

from app.config import Settings
from app.media.ffmpeg import Ffmpeg
from app.media.javascript import Runtime
from app.services import download_needs
from app.services.download_needs import check_downloads, log_downloads
from app.services.readiness import Check

SHUT_OFF = Runtime("deno", "2.9.8", recent=True, shut_off=True)
OPEN = Runtime("node", "22.1.0", recent=True, shut_off=False)
ANCIENT = Runtime("node", "20.0.0", recent=False, shut_off=False)


def _check(name: str, today: date | None = None, **settings: object) -> Check:
    return {check.name: check for check in check_downloads(Settings.model_validate(settings), today)}[name]


def test_this_installation_has_all_it_needs() -> None:
    checks = check_downloads(Settings(), date(2026, 11, 22))
    assert [check.name for check in checks] == ["yt_dlp", "ffmpeg", "javascript"]
    assert [check for check in checks if not check.ok] == []


@pytest.mark.parametrize(("today", "ok"), [(date(2026, 12, 1), True), (date(2027, 12, 1), False)])
def test_an_old_yt_dlp_is_named(monkeypatch: pytest.MonkeyPatch, today: date, ok: bool) -> None:
    monkeypatch.setattr(download_needs, "yt_dlp_version", lambda: "2026.10.26")
    check = _check("yt_dlp", today)
    assert check.ok is ok
    assert "2026.10.26" in check.message
    monkeypatch.setattr(download_needs, "yt_dlp_version", lambda: "unknown")
    assert _check("yt_dlp", today).ok


@pytest.mark.parametrize(
    ("found", "sound", "ok", "words"),
    [
        (None, False, True, "not needed"),
        (None, True, False, "smaller video with sound"),
        (Ffmpeg(Path("/x"), "7.1", own=True), True, True, "came with this program"),
        (Ffmpeg(Path("/x"), "5.1", own=False), False, True, "the system's"),
    ],
)
def test_ffmpeg(monkeypatch: pytest.MonkeyPatch, found: Ffmpeg | None, sound: bool, ok: bool, words: str) -> None:
    monkeypatch.setattr(download_needs, "find_ffmpeg", lambda: found)
    check = _check("ffmpeg", download_sound=sound)
    assert check.ok is ok
    assert words in check.message


@pytest.mark.parametrize(
    ("found", "choice", "ok", "words"),
    [
        ((SHUT_OFF,), "auto", True, "shut off from disk and network"),
        ((OPEN,), "auto", False, "does not surely shut"),
        ((OPEN,), "node", True, "allowed by DOWNLOAD_JAVASCRIPT"),
        ((ANCIENT,), "auto", False, "too old"),
        ((), "auto", False, "No JavaScript runtime"),
        ((SHUT_OFF,), "off", True, "switched off"),
    ],
)
def test_javascript(
    monkeypatch: pytest.MonkeyPatch, found: tuple[Runtime, ...], choice: str, ok: bool, words: str
) -> None:
    monkeypatch.setattr("app.media.javascript.find_runtimes", lambda: found)
    monkeypatch.setattr(download_needs, "find_runtimes", lambda: found)
    check = _check("javascript", download_javascript=choice)
    assert check.ok is ok
    assert words in check.message


def test_a_missing_file_of_cookies_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(download_cookies_file=tmp_path / "cookies.txt")
    check = _check("cookies", download_cookies_file=str(tmp_path / "cookies.txt"))
    assert not check.ok
    assert "DOWNLOAD_COOKIES_FILE" in check.message
    assert str(tmp_path) not in check.message
    with caplog.at_level(logging.INFO):
        log_downloads(settings)
    assert [record.levelname for record in caplog.records if "DOWNLOAD_COOKIES_FILE" in record.message] == ["WARNING"]
    assert any("yt-dlp" in record.message for record in caplog.records)
    (tmp_path / "cookies.txt").write_text("# Netscape HTTP Cookie File\n")
    assert _check("cookies", download_cookies_file=str(tmp_path / "cookies.txt")).ok
