from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from app.domain import JobKind, JobState, VideoOrigin
from app.models import Job
from app.services.context import Context
from app.storage import sources as source_rows
from tests.library import Library, jpeg, plain

VOID = {"meta", "link", "input", "img", "br", "rect", "path", "circle", "hr"}


class Checker(HTMLParser):
    """Finds unclosed tags, ids used twice, pictures without alt, and fields without a label."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.feed(page)
        self.problems += [f"never closed: {tag}" for tag in self.open]
        self.problems += [f"id twice: {name}" for name in {name for name in self.ids if self.ids.count(name) > 1}]
        for field in self.fields:
            hidden = field.get("type") in ("hidden", "file") or field.get("aria-hidden") == "true"
            if not hidden and field.get("id") not in self.labels:
                self.problems.append(f"no label: {field}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, dict(attrs))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look(tag, dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def _look(self, tag: str, attrs: dict[str, str | None]) -> None:
        if attrs.get("id"):
            self.ids.append(str(attrs["id"]))
        if tag == "img" and "alt" not in attrs:
            self.problems.append(f"img without alt: {attrs}")
        if tag == "label" and attrs.get("for"):
            self.labels.add(str(attrs["for"]))
        if tag in ("input", "textarea", "select"):
            self.fields.append(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    text = response.get_data(as_text=True)
    assert Checker(text).problems == []
    return text


@pytest.fixture
def full(library: Library) -> tuple[int, int]:
    """A library with a bit of everything; gives a video and a person of it."""
    picture = jpeg(plain())
    video = library.video("Launch <day> & more", picture=picture, warning="The file is cut off.")
    ada, other = library.person("Ada <b>"), library.person()
    library.track(video, ada, [1.0, 2.0, 3.0])
    library.track(video, ada, [20.0])
    library.track(video, other, [59.5])
    library.track(video, None, [30.0])
    library.track(video, None, [40.0], usable=False)
    running = library.video("Running", state=JobState.RUNNING, duration=None)
    library.track(running, None, [1.0, 2.0], linked=False)
    library.video("Waiting", state=JobState.QUEUED, data=None)
    library.video("Broken", state=JobState.FAILED, job={"error": "The file is no video."})
    library.video("Stopped", state=JobState.CANCELLED)
    library.job(kind=JobKind.CLUSTER, state=JobState.SUCCEEDED, note="Nothing to do.")
    return video, ada


@pytest.mark.parametrize("path", ["/", "/add", "/videos", "/people", "/jobs"])
def test_an_empty_library_says_what_to_do(client: FlaskClient, path: str) -> None:
    assert "Add videos" in page(client, path)


@pytest.mark.parametrize("path", ["/people?only=named", "/people?only=unnamed&order=name&page=99", "/videos?page=x"])
def test_odd_lists_are_pages_too(client: FlaskClient, path: str) -> None:
    page(client, path)


@pytest.mark.parametrize("path", ["/", "/add", "/videos", "/people", "/people?order=newest", "/jobs"])
def test_a_full_library(client: FlaskClient, full: tuple[int, int], path: str) -> None:
    text = page(client, path)
    assert "Launch <day>" not in text, "titles must be escaped"
    assert "Ada <b>" not in text


def test_dashboard(client: FlaskClient, full: tuple[int, int]) -> None:
    text = page(client, "/")
    assert "Launch &lt;day&gt; &amp; more" in text
    assert "The file is no video." in text
    assert 'value="Ada &lt;b&gt;"' in text
    assert re.search(r'data-job="\w+" data-state="running"', text)
    assert re.search(r"<dt>Faces</dt><dd>9</dd>", text)


def test_video_page(client: FlaskClient, full: tuple[int, int]) -> None:
    video, ada = full
    text = page(client, f"/videos/{video}?t=2.5")
    assert f'src="/media/videos/{video}#t=2.50"' in text
    assert "The file is cut off." in text
    assert f'href="/people/{ada}"' in text
    assert 'data-seek="20.00"' in text
    assert "Too poor to tell" in text
    assert "Not known" in text
    assert "0:20.0 to 0:21.0" in text, "a single face stands for the time up to the next sample"
    assert "0:59.5 to 1:00.0" in text, "nothing reaches past the end of the video"


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Running", "Just found"),
        ("Waiting", "The video is on its way."),
        ("Broken", "The file is no video."),
        ("Stopped", "was cancelled"),
    ],
)
def test_video_page_in_every_state(client: FlaskClient, full: tuple[int, int], title: str, words: str) -> None:
    videos = client.get("/api/videos").get_json()["videos"]
    found = next(video for video in videos if video["title"] == title)
    assert words in page(client, found["page_url"])


@pytest.mark.parametrize("moment", ["abc", "-1", "nan", "inf", "1e99"])
def test_a_silly_moment_is_ignored(client: FlaskClient, full: tuple[int, int], moment: str) -> None:
    assert "#t=" not in page(client, f"/videos/{full[0]}?t={moment}")


def test_person_page(client: FlaskClient, full: tuple[int, int]) -> None:
    video, ada = full
    text = page(client, f"/people/{ada}")
    assert "4 s on screen · 4 faces · 1 video" in text
    assert f'href="/videos/{video}?t=20.00"' in text


def test_a_named_person_without_faces(client: FlaskClient, library: Library) -> None:
    person = library.person("Nobody")
    assert "No appearances" in page(client, f"/people/{person}")
    assert "0 faces" in page(client, "/people")


def test_name_a_person_without_javascript(client: FlaskClient, full: tuple[int, int]) -> None:
    response = client.post(f"/people/{full[1]}/name", data={"name": " Grace  Hopper "})
    assert response.location == f"/people/{full[1]}"
    assert 'value="Grace Hopper"' in page(client, f"/people/{full[1]}")


def test_delete_a_video_without_javascript(client: FlaskClient, full: tuple[int, int]) -> None:
    response = client.post(f"/videos/{full[0]}/delete", follow_redirects=True)
    assert "is deleted" in response.get_data(as_text=True)
    page(client, f"/videos/{full[0]}", 404)


def test_cancel_and_cluster_without_javascript(client: FlaskClient, library: Library) -> None:
    job = library.job(library.video(state=None))
    assert client.post(f"/jobs/{job}/cancel").status_code == 303
    assert "Cancelled" in page(client, "/jobs")
    assert client.post("/jobs/cluster").status_code == 303
    assert "Group all faces into people" in page(client, "/jobs")


@pytest.mark.parametrize(
    ("urls", "status", "words"),
    [
        ("https://example.org/a.mp4\n\nhttps://example.org/b.mp4", 303, ""),
        ("https://example.org/a.mp4\nnonsense", 200, "nonsense: This is not a web address"),
        ("nonsense", 400, "nonsense: This is not a web address"),
        ("", 400, "at least one address"),
    ],
)
def test_add_urls_without_javascript(client: FlaskClient, urls: str, status: int, words: str) -> None:
    response = client.post("/add/urls", data={"urls": urls, "interval": ""})
    assert response.status_code == status
    text = response.get_data(as_text=True)
    assert words in text
    if words:
        assert Checker(text).problems == []


def test_links_from_a_text_file_without_javascript(client: FlaskClient, context: Context) -> None:
    form = {"urls": "", "playlist": "1", "list": (io.BytesIO(b"# mine\nhttps://example.org/list\n"), "links.txt")}
    assert client.post("/add/urls", data=form).status_code == 303
    with context.database.session() as session:
        job = session.scalars(select(Job)).one()
    assert job.params["playlist"] is True


def test_where_a_video_came_from(client: FlaskClient, library: Library, context: Context) -> None:
    video = library.video(origin=VideoOrigin.URL)
    assert "From <a" not in page(client, f"/videos/{video}")
    with context.database.write() as session:
        source_rows.add(
            session,
            video,
            VideoOrigin.URL,
            address="https://example.org/x",
            page_url="https://www.example.org/watch?v=1&t=2",
            uploader="<b>Somebody</b>",
            published_on="2026-11-22",
            thumbnail_key=f"thumbnails/{video}/site-1.jpg",
        )
        source_rows.add(session, video, VideoOrigin.FILE, address="/secret/folder/a.mp4", file_name="a.mp4")
    text = page(client, f"/videos/{video}")
    assert Checker(text).problems == []
    assert 'href="https://www.example.org/watch?v=1&amp;t=2" rel="noreferrer noopener">example.org</a>' in text
    assert "by &lt;b&gt;Somebody&lt;/b&gt;, published on 2026-11-22" in text
    assert "From a file: a.mp4" in text
    told = client.get(f"/api/video_info/{video}").get_json()["sources"]
    assert [(one["origin"], one.get("url"), one.get("thumbnail_url")) for one in told] == [
        ("url", "https://example.org/x", f"/media/thumbnails/{video}/site-1.jpg"),
        ("file", None, None),
    ]
    assert "/secret" not in text + str(told)


def test_theme_is_in_the_first_byte(client: FlaskClient) -> None:
    client.set_cookie("theme", "dark")
    assert '<html lang="en" data-theme="dark">' in page(client, "/")
    client.set_cookie("theme", '"><script>')
    assert '<html lang="en">' in page(client, "/")


@pytest.mark.parametrize("path", ["/", "/videos", "/people", "/jobs", "/videos/1", "/people/1"])
def test_number_of_statements_does_not_grow(client: FlaskClient, library: Library, context: Context, path: str) -> None:
    counted: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *args: counted.append(args[2]))

    def count() -> int:
        counted.clear()
        assert client.get(path).status_code == 200
        return len(counted)

    def grow(number: int) -> None:
        for _ in range(number):
            video = library.video(picture=jpeg(plain()))
            library.track(video, library.person(), [1.0, 2.0])
            library.track(video, 1, [3.0])

    grow(2)
    before = count()
    grow(6)
    assert count() == before
    assert before <= 16
