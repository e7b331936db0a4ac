"""Uploads by the page: several at once, pause, cancel, a reload, a killed server, the same file chosen again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from app.factory import create_app
from app.models import Batch, Job
from app.services.context import Context
from tests.browser import served
from tests.e2e.webserver import WebServer, Wire
from tests.library import make_context
from tests.videos import tiny_video

SIZE = 30_000_000
MIDDLE = 18_000_000
RESTART_MS = 60_000  # a server starts, and a page finds out, on a small machine that runs other tests too
# What a browser says of a connection that is meant to break here. Chromium then sends a piece once more by itself, at
# an offset that is the wrong one by now.
BREAKS = ("net::ERR_", "409")

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with 30 MB behind it."""
    path = tmp_path_factory.mktemp("film") / "a long film.mp4"
    start, filling = tiny_video(), os.urandom(1_000_000) * (SIZE // 1_000_000)
    path.write_bytes(start + struct.pack(">I4sQ", 1, b"free", len(filling) + 16) + filling)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("web") / "data"
    with WebServer(folder, MAX_VIDEO_SIZE_MB="100", MIN_FREE_DISK_MB="0") as started:
        started.wait()
        yield started


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path / "data")
    yield made
    made.database.dispose()


@pytest.fixture
def site(context: Context) -> Iterator[str]:
    with served(create_app(context.settings, context)) as url:
        yield url


def told(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def take_away(server: WebServer, video: dict[str, Any]) -> None:
    """So that the next test brings something new."""
    request = urllib.request.Request(f"{server.url}/api/videos/{video['video_id']}", method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()


def only_video(server: WebServer, film: Path) -> dict[str, Any]:
    """The one video of the library, which has the very bytes of the film."""
    [video] = told(f"{server.url}/api/videos")["videos"]
    assert video["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    assert told(f"{server.url}/api/uploads")["uploads"] == []
    return dict(video)


def chosen(page: Page, *files: Path) -> None:
    page.locator("[data-upload] input[type=file]").set_input_files(files)


def offsets(page: Page) -> list[int]:
    """Where in the file each request of the page begins, from now on."""
    found: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            found.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return found


def test_paused_reloaded_and_gone_on_with_after_a_restart(
    server: WebServer, film: Path, open_page: Callable[..., Page]
) -> None:
    gate = threading.Event()
    page = open_page(expected=BREAKS)
    with Wire(server.port, MIDDLE, gate.wait) as wire:
        page.goto(f"{wire.url}/add")
        chosen(page, film)
        row = page.locator(".upload")
        expect(row).to_contain_text(re.compile(r"[12]\d\.\d MB of 30\.0 MB"))
        row.get_by_role("button", name="Pause").click()
        expect(row).to_contain_text(re.compile(r"Paused · [12]\d\.\d MB of 30\.0 MB"))
        gate.set()
        page.reload()
        expect(row).to_contain_text(
            re.compile(r"[12]\d\.\d MB of 30\.0 MB are here. Choose the same file again"), timeout=RESTART_MS
        )
        server.kill()
        server.start()
        sent = offsets(page)
        chosen(page, film)
        expect(row).to_contain_text("In the library", timeout=RESTART_MS)
        assert sent
        assert 0 < sent[0] < SIZE
        page.goto("about:blank")
    take_away(server, only_video(server, film))


def test_it_goes_on_by_itself_when_the_server_was_killed(
    server: WebServer, film: Path, open_page: Callable[..., Page]
) -> None:
    def kill() -> None:
        server.kill()
        server.start()

    page = open_page(expected=BREAKS)
    with Wire(server.port, MIDDLE, kill) as wire:
        page.goto(f"{wire.url}/add")
        sent = offsets(page)
        chosen(page, film)
        expect(page.locator(".upload.done")).to_contain_text("In the library", timeout=RESTART_MS)
        assert wire.has_called
        assert [offset == 0 for offset in sent] == [True] + [False] * (len(sent) - 1)
        page.goto("about:blank")
    take_away(server, only_video(server, film))


class Held:
    """Keeps what a page sends until the test lets it go."""

    def __init__(self, page: Page) -> None:
        self.routes: list[Route] = []
        page.route("**/files/*", self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method == "PATCH":
            self.routes.append(route)
        else:
            route.continue_()

    def release(self, page: Page) -> None:
        """What comes from now on passes; what was held is lost."""
        page.unroute("**/files/*")


def tiny_films(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(tiny_video(name.encode()))
    return [folder / name for name in names]


def test_three_at_a_time_and_all_together(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    held = Held(page)
    chosen(page, *tiny_films(tmp_path, *(f"{number}.mp4" for number in range(5))))
    expect(page.locator(".upload.busy")).to_have_count(3)
    expect(page.locator(".upload.waiting")).to_have_count(2)
    expect(page.locator("[data-upload-total]")).to_contain_text("0 of 5 files done")
    page.get_by_role("button", name="Pause all").click()
    expect(page.locator(".upload.paused")).to_have_count(5)
    held.release(page)
    page.get_by_role("button", name="Resume all").click()
    expect(page.locator(".upload.done")).to_have_count(5)
    expect(page.locator("[data-upload-total]")).to_be_hidden()
    expect(page.locator("[data-upload-status]")).to_contain_text("In the library")


def test_many_files_are_a_batch(site: str, open_page: Callable[..., Page], context: Context, tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    chosen(page, *tiny_films(tmp_path, *(f"{number}.mp4" for number in range(10))))
    expect(page.locator(".upload.done")).to_have_count(10, timeout=RESTART_MS)
    with context.database.session() as session:
        [batch] = session.query(Batch).all()
        assert {job.batch_id for job in session.query(Job).all()} == {batch.id}


def test_cancel_forgets_it_on_the_server_too(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    held = Held(page)
    chosen(page, *tiny_films(tmp_path, "a.mp4"))
    expect(page.locator(".upload.busy")).to_have_count(1)
    while not held.routes:
        page.wait_for_timeout(20)
    assert len(told(f"{site}/api/uploads")["uploads"]) == 1
    with page.expect_response(lambda response: response.request.method == "DELETE") as deleted:
        page.get_by_role("button", name="Cancel").click()
    assert deleted.value.status == 204
    expect(page.locator(".upload")).to_have_count(0)
    assert told(f"{site}/api/uploads")["uploads"] == []


def test_only_the_same_file_goes_on(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    held = Held(page)
    [film] = tiny_films(tmp_path, "a.mp4")
    chosen(page, film)
    while not held.routes:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Pause").click()
    page.reload()
    row = page.locator(".upload.missing")
    expect(row).to_contain_text("Choose the same file again")
    [other] = tiny_films(tmp_path, "other.mp4")
    row.locator("input[type=file]").set_input_files(other)
    expect(row).to_contain_text("That is another file. Choose a.mp4")
    copy = tmp_path / "copy" / "a.mp4"
    copy.parent.mkdir()
    copy.write_bytes(film.read_bytes())
    os.utime(copy, (1_000_000_000, 1_000_000_000))
    row.locator("input[type=file]").set_input_files(copy)
    expect(row).to_contain_text("This file was changed since.")
    held.release(page)
    row.locator("input[type=file]").set_input_files(film)
    expect(page.locator(".upload.done")).to_contain_text("In the library")
    expect(page.locator(".upload")).to_have_count(1)


def test_an_unfinished_upload_can_be_given_up(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    held = Held(page)
    chosen(page, *tiny_films(tmp_path, "a.mp4"))
    while not held.routes:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Pause").click()
    page.reload()
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.locator(".upload.missing").get_by_role("button", name="Remove").click()
    expect(page.locator(".upload")).to_have_count(0)
    assert told(f"{site}/api/uploads")["uploads"] == []


def test_a_broken_connection_is_said_and_mended(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(expected="net::ERR_FAILED")
    page.goto(f"{site}/add")
    held = Held(page)
    chosen(page, *tiny_films(tmp_path, "a.mp4"))
    while not held.routes:
        page.wait_for_timeout(20)
    held.routes.pop().abort()
    row = page.locator(".upload")
    expect(row).to_contain_text(re.compile(r"The connection is gone. Next try in \d+ s."))
    page.unroute("**/files/*")
    row.get_by_role("button", name="Try now").click()
    expect(page.locator(".upload.done")).to_contain_text("In the library")


def test_what_is_refused_says_why(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(expected="422")
    page.goto(f"{site}/add")
    (tmp_path / "note.mp4").write_text("This is no video.")
    chosen(page, tmp_path / "note.mp4")
    row = page.locator(".upload.failed")
    expect(row).to_contain_text("not a video")
    expect(row.get_by_role("button", name="Try again")).to_have_count(0)
    row.get_by_role("button", name="Remove").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_whole_folder(site: str, open_page: Callable[..., Page], tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    tiny_films(folder, "a.mp4", "deep/er/b.MKV", ".hidden.mp4")
    (folder / "list.txt").write_text("no video")
    (folder / "me.jpg").write_bytes(b"a picture")
    page = open_page()
    page.goto(f"{site}/add")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(page.locator(".upload.done")).to_have_count(2)
    expect(page.locator(".upload")).to_have_count(2)
    expect(page.locator("[data-toast]")).to_contain_text("1 picture left out")
