"""The way that a person takes, in a real browser, with a real server, worker and engine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.domain import Image
from tests.films import make_film

ROOT = Path(__file__).resolve().parents[2]
LOOK_MS = 180_000  # a small machine that runs other tests too

pytestmark = pytest.mark.xdist_group("browser")


class Site:
    """``python run.py`` over a folder of its own."""

    def __init__(self, folder: Path, models: Path) -> None:
        ours = {
            "FAAAAACES_DATA": str(folder),
            "MODELS_FOLDER": str(models),
            "PORT": "0",
            "HOST": "127.0.0.1",
            "MAX_VIDEO_SIZE_MB": "20",
            "FRAME_EXTRACTION_INTERVAL": "0.5",
        }
        unset = ("APP_PASSWORD", "DATABASE_URL", "CELERY_BROKER_URL", "WORKER_CONCURRENCY", "LOG_LEVEL")
        inherited = {name: value for name, value in os.environ.items() if name not in unset}
        self.lines: list[str] = []
        self.url = ""
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=ROOT,
            env={**inherited, **ours},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(120), "\n".join(self.lines)
        assert self.url, "\n".join(self.lines)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            if match := re.search(r"ready: (http://\S+)", line):
                self.url = match[1]
                self._ready.set()
        self._ready.set()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        self._reader.join(30)


@pytest.fixture
def site(tmp_path: Path, models_cache: Path) -> Iterator[Site]:
    started = Site(tmp_path / "data", models_cache)
    yield started
    started.stop()


def test_from_the_first_video_to_a_name(site: Site, open_page: Callable[..., Page], film: Path) -> None:
    page = open_page()
    page.goto(site.url)
    expect(page.get_by_role("heading", name="Who is in your videos, and when?")).to_be_visible()
    page.evaluate("window.neverReloaded = true")

    page.locator("[data-upload] input[type=file]").set_input_files(film)
    upload = page.locator(".upload")
    expect(upload).to_contain_text("two women.mp4")
    expect(upload).to_contain_text("faces are being looked for", timeout=LOOK_MS)
    card = page.locator(".video-card")
    expect(card).to_contain_text("two women", timeout=LOOK_MS)
    expect(page.locator(".person-card")).to_have_count(2, timeout=LOOK_MS)
    expect(card.locator(".thumb img")).to_be_visible()
    expect(card.locator("progress")).to_have_count(0, timeout=LOOK_MS)
    assert page.evaluate("window.neverReloaded"), "all of this must come without a reload"

    name = page.locator(".person-card").first.get_by_role("textbox")
    name.fill("Eileen Collins")
    name.press("Enter")
    expect(page.locator("[data-toast]")).to_have_text("Named Eileen Collins")
    page.reload()
    expect(page.locator(".person-card input[name=name]").first).to_have_value("Eileen Collins")

    card.get_by_role("link", name="two women").click()
    expect(page.locator(".lane")).to_have_count(2)
    expect(page.locator(".lane").first).to_contain_text(re.compile(r"\d s on screen"))
    moment = page.locator(".person-faces").nth(1).locator(".moment").first
    wanted = float(moment.get_attribute("data-seek") or "nan")
    moment.click()
    page.wait_for_function("moment => document.querySelector('video').currentTime >= moment - 0.05", arg=wanted)
    assert page.evaluate("document.querySelector('video').currentTime") < wanted + 5
    expect(page.locator("[data-playhead]")).to_be_visible()

    page.locator(".lane-who").first.click()
    expect(page.locator("h1")).to_have_text(re.compile("Eileen Collins|Person"))
    page.locator(".moment").first.click()
    page.wait_for_function("() => document.querySelector('[data-stage] video')?.readyState > 0")

    page.goto(f"{site.url}/jobs")
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.locator("#menu-jobs .pill")).to_have_count(0, timeout=LOOK_MS)


def test_a_running_video_shows_faces_as_they_are_found_and_can_be_cancelled(
    site: Site, open_page: Callable[..., Page], tmp_path: Path, astronaut: Image, grace_hopper: Image
) -> None:
    long_film = make_film(tmp_path / "long.mp4", [astronaut, grace_hopper], seconds_each=60.0)
    page = open_page()
    page.goto(f"{site.url}/add")
    page.locator("[data-upload]").get_by_text("Options").click()
    page.locator("#file-interval").fill("0.1")
    page.locator("[data-upload] input[type=file]").set_input_files(long_film)
    page.locator(".upload").get_by_role("link", name="Open").click(timeout=LOOK_MS)
    page.evaluate("window.neverReloaded = true")
    moments = page.locator("#faces .moment")
    expect(moments.first).to_be_visible(timeout=LOOK_MS)
    expect(page.locator("#state [data-job-line]")).to_have_text(
        re.compile(r"Looking for faces · \d+ of [\d,]+ frames · \d+ faces"), timeout=LOOK_MS
    )
    before = page.locator("#state progress").get_attribute("value")
    page.wait_for_function(
        "before => Number(document.querySelector('#state progress').value) > Number(before)", arg=before
    )
    assert page.evaluate("window.neverReloaded")
    page.locator("#state").get_by_role("button", name="Cancel").click()
    expect(page.locator(".flash")).to_contain_text("cancelled")
    page.go_back()
    expect(page.locator("#state")).to_contain_text("was cancelled", timeout=LOOK_MS)


def test_without_javascript(site: Site, open_page: Callable[..., Page], film: Path) -> None:
    page = open_page(scripts=False, width=390, height=844, expected=".js csp")  # how Chromium says "switched off"
    page.goto(f"{site.url}/add")
    page.locator("[data-upload] input[type=file]").set_input_files(film)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name="two women")).to_be_visible()
    for _ in range(LOOK_MS // 1000):
        if page.locator(".lane").count() == 2:
            break
        page.wait_for_timeout(1000)  # without scripts, a reload is the only way to see what is new
        page.reload()
    page.locator(".lane-who").first.click()
    page.get_by_role("textbox").fill("Grace")
    page.get_by_role("textbox").press("Enter")
    expect(page.get_by_role("textbox")).to_have_value("Grace")
    assert "Grace" in page.title()
