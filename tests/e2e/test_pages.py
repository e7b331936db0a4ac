"""Every page in a real browser: every button pressed, in both themes, wide and narrow; contrast, width, keyboard."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from app.domain import Image, JobKind, JobState
from app.factory import create_app
from app.services.context import Context
from app.services.people import rename_person
from tests.browser import served
from tests.library import Library, ago, jpeg, make_context
from tests.videos import tiny_video

pytestmark = pytest.mark.xdist_group("browser")

LOOKS = [
    pytest.param({"theme": theme, "width": width, "height": height}, id=f"{theme}-{width}")
    for theme in ("light", "dark")
    for width, height in ((1440, 900), (390, 844))
]
PAGES = ("/", "/add", "/videos", "/videos/1", "/videos/2", "/videos/3", "/people", "/people/1", "/people/2", "/jobs")


class Library_(Library):
    """A small library with something of every kind."""

    def fill(self, film: bytes, astronaut: Image, grace_hopper: Image) -> None:
        first, second = jpeg(astronaut[40:210, 150:320], 160), jpeg(grace_hopper[60:260, 170:370], 160)
        video = self.video(
            "Two women", duration=8.0, picture=jpeg(astronaut[:288]), data=film, warning="The file is cut off at 0:08."
        )
        ada, other = self.person("Eileen Collins"), self.person()
        self.track(video, ada, [0.0, 1.0, 2.0, 3.0], crop=first)
        self.track(video, other, [5.0, 6.0], crop=second)
        self.track(video, None, [7.0], crop=second)
        self.track(video, None, [7.5], crop=second, usable=False)
        running = self.video(
            "Running",
            state=JobState.RUNNING,
            data=film,
            duration=100.0,
            job={"step": "looking", "done": 30.0, "total": 100.0, "faces_found": 2, "seconds_left": 20.0},
        )
        self.track(running, None, [1.0, 2.0], crop=first, linked=False)
        self.video("Broken", state=JobState.FAILED, data=film, job={"error": "This file is no video."})
        self.video("Waiting", state=JobState.QUEUED, data=None, duration=None)
        self.job(kind=JobKind.CLUSTER, state=JobState.SUCCEEDED, note="Nothing new.", created_at=ago(hours=1))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path)
    yield made
    made.database.dispose()


@pytest.fixture
def site(context: Context, film: Path, astronaut: Image, grace_hopper: Image) -> Iterator[str]:
    Library_(context).fill(film.read_bytes(), astronaut, grace_hopper)
    with served(create_app(context.settings, context)) as url:
        yield url


def buttons(page: Page) -> Locator:
    # what a pop-over holds has a test of its own: pressed here, it would take the pages of the others away
    return page.locator(
        "button:visible:not(.popover-body button), summary:visible, a.button:visible, .file-button:visible"
    )


def name_of(button: Locator) -> str:
    return re.sub(r"\s+", " ", button.inner_text()).strip() or button.get_attribute("class") or "?"


def press_all(page: Page, url: str, pressed: set[str]) -> None:
    """Presses every button of a page, one after the other, coming back after each that leads away."""
    page.goto(url)
    number = 0
    while number < buttons(page).count():
        button = buttons(page).nth(number)
        name = name_of(button)
        number += 1
        page.keyboard.press("Escape")  # a pop-over that the last one opened may cover this one
        if "name-save" in (button.get_attribute("class") or ""):
            button.locator("xpath=preceding-sibling::input").focus()  # it appears with the focus
        with_dialog = "Choose" in name
        if with_dialog:
            with page.expect_file_chooser():
                button.click()
        elif button.get_attribute("download") is not None:
            with page.expect_download():
                button.click()
        else:
            button.click()
        pressed.add(name)
        page.wait_for_load_state("load")
        if page.url.split("#")[0].split("?")[0] != url:
            page.goto(url)


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[-1]])  # light and wide, dark and narrow
def test_every_button(site: str, open_page: Callable[..., Page], look: dict[str, object]) -> None:
    # an empty list of links is refused (400), and so is what contradicts a button that was pressed before (409)
    page, pressed = open_page(**look, expected=("400", "409")), set()
    for path in PAGES:
        press_all(page, site + path, pressed)
    theme = {"Dark theme", "Light theme"} if look["width"] == 1440 else set()
    wanted = {
        "Add videos",
        "Choose files",
        "Choose a folder",
        "Fetch videos",
        "Options",
        "Download",
        "Delete",
        "Cancel",
    }
    found = {re.sub(r"^Cancel .*", "Cancel", name) for name in pressed}
    assert wanted | theme <= found
    assert {"Group faces again", "Save the name"} <= found


@pytest.mark.parametrize("look", LOOKS)
def test_deleting_a_video(site: str, open_page: Callable[..., Page], look: dict[str, object]) -> None:
    page = open_page(**look)
    page.goto(f"{site}/videos/1")
    page.get_by_text("Delete", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete this video")).to_be_hidden()
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete this video").click()
    expect(page.locator(".flash")).to_contain_text("deleted")
    expect(page.get_by_text("Two women")).to_have_count(0)


CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("look", LOOKS)
def test_text_can_be_read_and_nothing_sticks_out(
    site: str, open_page: Callable[..., Page], look: dict[str, object]
) -> None:
    page = open_page(**look, expected="404")
    for path in (*PAGES, "/nothing"):
        page.goto(site + path)
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        assert page.evaluate(CONTRAST) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


@pytest.mark.parametrize("path", PAGES)
def test_a_window_of_360_pixels_is_wide_enough(site: str, open_page: Callable[..., Page], path: str) -> None:
    page = open_page(width=360, height=640)
    page.goto(site + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_theme_is_kept(site: str, open_page: Callable[..., Page]) -> None:
    page = open_page(theme="light")
    page.goto(site)
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    page.goto(f"{site}/people")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark
    expect(page.get_by_role("button", name="Light theme")).to_be_visible()


def test_keyboard(site: str, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site}/people")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Eileen Collins, 4 faces")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus must be seen"
    page.keyboard.press("Tab")
    page.keyboard.type("X")
    page.keyboard.press("Escape")
    expect(page.locator(".person-card input").first).to_have_value("Eileen Collins")
    page.locator(".person-card input").first.fill("Eileen")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save the name").first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("[data-toast]")).to_have_text("Named Eileen")


def test_player_keys_and_lanes(site: str, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site}/videos/1?t=2")
    now = "document.querySelector('video').currentTime"
    page.wait_for_function("() => document.querySelector('video').readyState > 1")
    assert page.evaluate(now) == pytest.approx(2.0, abs=0.3), "the address says where to start"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(now) == pytest.approx(7.0, abs=0.3)
    page.keyboard.press("j")
    assert page.evaluate(now) == pytest.approx(0.0, abs=0.3)
    page.locator(".lane").nth(1).locator(".bars a").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {now} >= 5")
    box = page.locator(".lane-track").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    page.wait_for_function(f"() => {now} >= 5.9 && {now} < 8.1")


def test_a_page_follows_what_happens(site: str, open_page: Callable[..., Page], context: Context) -> None:
    page = open_page()
    page.goto(site)
    library = Library.__new__(Library)
    library.context, library.space_id = context, 1
    job = page.locator("#video-2 [data-job]").get_attribute("data-job")
    assert job
    field = page.locator("#person-2 input")
    field.fill("half a na")
    library.change_job(job, done=60.0, faces_found=9)
    expect(page.locator("#video-2 progress")).to_have_js_property("value", 0.6)
    expect(page.locator("#video-2")).to_contain_text("60 of 100 frames · 9 faces")
    library.track(2, library.person("Newcomer"), [3.0, 4.0])
    expect(page.locator("#person-3 input")).to_have_value("Newcomer")
    expect(field).to_have_value("half a na"), "a name that is being typed must not be taken away"
    expect(field).to_be_focused()
    library.change_job(job, state=JobState.FAILED, error="The disk is full.")
    expect(page.locator("#video-2 .problem")).to_contain_text("The disk is full.")
    expect(page.locator("#failed")).to_contain_text("The disk is full.")
    expect(page.locator("#menu-jobs .pill")).to_contain_text("1")


def test_what_changes_while_the_page_is_fetched_is_not_missed(
    site: str, open_page: Callable[..., Page], context: Context
) -> None:
    page = open_page()
    page.route("**/events*", lambda route: route.fulfill(status=204))  # they would ask again later
    page.clock.install()  # so that the pause between two fetches passes at once
    page.goto(f"{site}/people")
    refresh = "import('/static/js/live.js').then(live => live.refreshSoon())"
    held: list[tuple[Route, APIResponse]] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route(f"{site}/people", hold_the_first)
    page.evaluate(refresh)
    page.clock.run_for(1300)
    while not held:
        page.wait_for_timeout(10)  # lets the handler run
    rename_person(context, 2, "Grace Hopper")  # the answer that is under way does not tell it
    page.evaluate(refresh)
    page.clock.run_for(1300)
    ((route, answer),) = held
    with page.expect_response(f"{site}/people"):
        route.fulfill(response=answer)
    with page.expect_response(f"{site}/people"):
        page.clock.run_for(1300)
    expect(page.locator("#person-2 input")).to_have_value("Grace Hopper")


def test_upload_problems_are_told_beside_the_file(
    site: str, open_page: Callable[..., Page], tmp_path: Path, film: Path
) -> None:
    page = open_page(expected="400")
    page.goto(f"{site}/add")
    (tmp_path / "long.mp4").write_bytes(bytes(1_200_000))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "good.mp4").write_bytes(tiny_video(b"something new"))
    files = [tmp_path / "long.mp4", tmp_path / "empty.mp4", tmp_path / "good.mp4", film]
    page.locator("[data-upload] input[type=file]").set_input_files(files)
    rows = page.locator(".upload")
    expect(rows.nth(0)).to_contain_text("the limit is 1.0 MB")
    expect(rows.nth(1)).to_contain_text("This file is empty.")
    expect(rows.nth(2)).to_contain_text("In the library")
    rows.nth(2).get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="good")).to_be_visible()
    page.goto(f"{site}/add")
    page.get_by_label("Or paste links").fill("ftp://nowhere\nalso nothing")
    page.get_by_role("button", name="Fetch videos").click()
    expect(page.get_by_role("alert")).to_contain_text("also nothing: This is not a web address")
    expect(page.get_by_label("Or paste links")).to_have_value("ftp://nowhere\nalso nothing")


DROP = """async ([name, base64]) => {
  const data = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  data.items.add(new File([bytes], name, { type: "video/mp4" }));
  const target = document.querySelector("h1");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def test_files_may_be_dropped_anywhere(site: str, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site}/add")
    film = base64.b64encode(tiny_video()).decode()
    page.evaluate(DROP, ["dropped.mp4", film])
    expect(page.locator(".upload.done")).to_contain_text("dropped.mp4")
    page.evaluate(DROP, ["again.mp4", film])
    expect(page.locator(".upload.done").nth(1)).to_contain_text("in the library already")


def test_login(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    context = make_context(tmp_path / "locked", app_password="open sesame")
    page = open_page(expected="401")
    with served(create_app(context.settings, context)) as url:
        page.goto(f"{url}/people?order=name")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not the password")
        page.get_by_label("Password").fill("open sesame")
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{url}/people?order=name")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto("about:blank")  # so that the page asks for nothing more when the server stops
    context.database.dispose()
