"""Jobs of links, up to where the file is there: from a real site on this machine."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from PIL import Image as PilImage
from sqlalchemy import select

from app.domain import JobState, QueueName, VideoOrigin
from app.errors import (
    AppError,
    ConfigError,
    FetchError,
    JobCancelledError,
    MediaError,
    TooLongError,
    WorkerStoppingError,
)
from app.models import Batch, Job, Video, VideoSource
from app.pixels import decode_image
from app.services.context import Context
from app.services.fetch_video import fetch_video
from app.services.ingest_links import submit_url
from app.services.ingest_options import IngestOptions
from app.services.job_run import JobRun
from app.services.jobs import get_job
from app.services.playlist import rest_of_playlist
from app.storage import job_log
from app.storage import jobs as job_rows
from app.storage import sources as source_rows
from tests.library import RecordingQueue, make_context
from tests.videos import make_video
from tests.website import RangedPage, Website, dripping


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("clip") / "a.mp4", frames=60).read_bytes()


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("clip") / "b.mp4", frames=30).read_bytes()


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


@pytest.fixture
def library(tmp_path: Path) -> Context:
    return _library(tmp_path)


def _library(folder: Path, **settings: object) -> Context:
    return make_context(folder / "library", **{"allowed_fetch_hosts": "127.0.0.1", **settings})


def _page(site: Website, path: str = "/page", video: str = "/film.mp4", head: str = "", more: str = "") -> str:
    html = f"<html><head><title>My holiday</title>{head}</head><body><video src={video!r}></video>{more}</body></html>"
    return site.serve(path, html.encode(), "text/html")


def _picture(side: int = 900) -> bytes:
    data = io.BytesIO()
    PilImage.new("RGB", (side, side // 2), "orange").save(data, "PNG")
    return data.getvalue()


def _attempt(context: Context, job_id: str) -> tuple[bool, JobRun]:
    """Works on a job as a downloader does, and gives it back."""
    with context.database.write() as session:
        token = job_rows.claim(session, job_id, "host:1:1", 60.0)
        job = job_rows.get(session, job_id)
    assert token is not None
    assert job is not None
    with JobRun(context, job, token) as run:
        try:
            return fetch_video(context, run), run
        finally:
            with context.database.write() as session:
                if job_rows.get(session, job_id).state is JobState.RUNNING:  # type: ignore[union-attr]
                    job_rows.release(session, job_id, token)


def _video(context: Context, video_id: int) -> Video:
    with context.database.session() as session:
        return session.get_one(Video, video_id)


def _sources(context: Context, video_id: int) -> list[VideoSource]:
    with context.database.session() as session:
        return source_rows.for_video(session, video_id)


def _left(context: Context) -> list[str]:
    folder = context.settings.temp_folder
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name.startswith(("t-", "direct")))


def test_what_a_site_says_is_kept(library: Context, site: Website, clip: bytes) -> None:
    site.serve("/film.mp4", clip)
    site.serve("/image.png", _picture(), "image/png")
    url = _page(site, head=f'<meta property="og:image" content="{site.url("/image.png")}">')
    submission = submit_url(library, url)
    assert _attempt(library, submission.job_id)[0]
    video = _video(library, submission.video_id)
    assert library.blobs.read(video.blob_key or "") == clip
    assert (video.title, video.file_name, video.size_bytes) == ("My holiday", "My holiday.mp4", len(clip))
    assert (video.width, video.height, video.codec) == (192, 112, "h264")
    (source,) = _sources(library, video.id)
    assert (source.origin, source.address, source.page_url, source.title) == (VideoOrigin.URL, url, url, "My holiday")
    assert source.thumbnail_key == f"thumbnails/{video.id}/site-{source.id}.jpg"
    picture = library.blobs.read(source.thumbnail_key)
    assert picture.startswith(b"\xff\xd8")
    assert decode_image(picture).shape == (320, 640, 3)
    assert _left(library) == []
    with library.database.session() as session:
        assert any("Downloaded" in line.message for line in job_log.lines(session, submission.job_id))


@pytest.mark.parametrize(
    "picture", [b"<svg onload=alert(1)>", b"", b"\x89PNG\r\n\x1a\n" + bytes(50)], ids=["svg", "empty", "damaged"]
)
def test_a_bad_picture_spoils_nothing(library: Context, site: Website, clip: bytes, picture: bytes) -> None:
    site.serve("/film.mp4", clip)
    site.serve("/image.png", picture, "image/png")
    url = _page(site, head=f'<meta property="og:image" content="{site.url("/image.png")}">')
    submission = submit_url(library, url)
    assert _attempt(library, submission.job_id)[0]
    assert _sources(library, submission.video_id)[0].thumbnail_key is None


def test_a_picture_in_the_private_network_is_not_fetched(library: Context, site: Website, clip: bytes) -> None:
    site.serve("/film.mp4", clip)
    with Website() as inside:
        inside.serve("/image.png", _picture(), "image/png")
        url = _page(site, head=f'<meta property="og:image" content="{inside.url("/image.png", "localhost")}">')
        submission = submit_url(library, url)
        assert _attempt(library, submission.job_id)[0]
        assert inside.requests == []
    assert _sources(library, submission.video_id)[0].thumbnail_key is None


def test_the_same_bytes_from_two_places_are_one_video(library: Context, site: Website, clip: bytes) -> None:
    site.serve("/film.mp4", clip)
    site.serve("/copy.mp4", clip)
    first = submit_url(library, site.url("/film.mp4"))
    assert _attempt(library, first.job_id)[0]
    second = submit_url(library, _page(site, video="/copy.mp4"))
    new, run = _attempt(library, second.job_id)
    assert not new
    assert run.note == "This video was in the library already."
    assert get_job(library, second.job_id).video_id == run.video_id == first.video_id
    assert [source.address for source in _sources(library, first.video_id)] == [
        site.url("/film.mp4"),
        site.url("/page"),
    ]
    with library.database.session() as session:
        assert session.get(Video, second.video_id) is None


@pytest.mark.parametrize(("state", "again"), [(JobState.SUCCEEDED, True), (JobState.RUNNING, False)])
def test_a_known_video_is_looked_at_again_where_that_is_asked_for(
    library: Context, site: Website, clip: bytes, state: JobState, again: bool
) -> None:
    site.serve("/film.mp4", clip)
    first = submit_url(library, site.url("/film.mp4"))
    assert _attempt(library, first.job_id)[0]
    with library.database.write() as session:
        session.get_one(Job, first.job_id).state = state
    second = submit_url(library, site.url("/film.mp4"), IngestOptions(again=True))
    assert _attempt(library, second.job_id)[0] is again
    assert get_job(library, second.job_id).video_id == first.video_id


def test_the_next_try_goes_on_where_the_last_one_ended(library: Context, site: Website, clip: bytes) -> None:
    page = RangedPage(clip, break_after=len(clip) // 4)
    site.pages["/film.mp4"] = page
    submission = submit_url(library, site.url("/film.mp4"))
    with pytest.raises(FetchError) as caught:
        _attempt(library, submission.job_id)
    assert caught.value.retryable
    came = sum(int(asked.removeprefix("bytes=").rstrip("-")) > 0 for asked in page.asked if asked)
    assert came
    page.break_after = None
    page.asked.clear()
    assert _attempt(library, submission.job_id)[0]
    assert page.asked == [f"bytes={3 * (len(clip) // 4)}-"]
    assert library.blobs.read(_video(library, submission.video_id).blob_key or "") == clip
    assert _left(library) == []


def test_a_worker_that_stops_leaves_what_has_come(library: Context, site: Website, clip: bytes) -> None:
    page = RangedPage(clip + bytes(400_000))
    site.pages["/film.mp4"] = page
    submission = submit_url(library, site.url("/film.mp4"))
    library.stopping.set()
    with pytest.raises(WorkerStoppingError):
        _attempt(library, submission.job_id)
    assert _left(library)
    library.stopping.clear()
    assert _attempt(library, submission.job_id)[0]
    assert _left(library) == []


@pytest.mark.parametrize("path", ["/drip.mp4", "/page"])
def test_cancelling_ends_a_download_in_two_seconds(library: Context, site: Website, path: str) -> None:
    site.pages["/drip.mp4"] = dripping(site)
    _page(site, video="/drip.mp4")
    submission = submit_url(library, site.url(path))
    cancelled_at: list[float] = []

    def cancel() -> None:
        while "/drip.mp4" not in site.requests:
            site.stopping.wait(0.01)
        with library.database.write() as session:
            assert job_rows.request_cancel(session, submission.job_id)
        cancelled_at.append(time.monotonic())

    person = threading.Thread(target=cancel)
    person.start()
    with pytest.raises(JobCancelledError):
        _attempt(library, submission.job_id)
    ended_at = time.monotonic()
    person.join()
    assert ended_at - cancelled_at[0] < 2.0
    assert _left(library) == []


@pytest.mark.parametrize(
    ("build", "settings", "error"),
    [
        pytest.param(lambda s: s.serve("/a.mp4", b"no video at all" * 100), {}, MediaError, id="no video"),
        pytest.param(lambda s: s.fail("/a", 403), {}, FetchError, id="403"),
        pytest.param(lambda s: s.url("/none"), {}, FetchError, id="404"),
        pytest.param(lambda s: s.url("/film.mp4"), {"max_duration_minutes": 0.01}, TooLongError, id="too long"),
        pytest.param(lambda s: s.url("/film.mp4"), {"allowed_fetch_hosts": ""}, FetchError, id="private"),
        pytest.param(lambda s: s.url("/film.mp4"), {"download_cookies_file": "no.txt"}, ConfigError, id="no cookies"),
    ],
)
def test_what_goes_wrong_leaves_nothing(
    tmp_path: Path, site: Website, clip: bytes, build, settings: dict[str, object], error: type[AppError]
) -> None:
    site.serve("/film.mp4", clip)
    context = _library(tmp_path, **settings)
    submission = submit_url(context, build(site))
    with pytest.raises(error):
        _attempt(context, submission.job_id)
    assert _left(context) == []
    assert _video(context, submission.video_id).blob_key is None


def test_cookies_open_a_door_and_stay_at_home(tmp_path: Path, site: Website, clip: bytes) -> None:
    def members_only(request) -> None:
        if request.headers.get("Cookie") != "login=s3cret":
            request.send_error(403)
            return
        site.pages["/free.mp4"](request)

    site.serve("/free.mp4", clip)
    site.pages["/film.mp4"] = members_only
    (tmp_path / "cookies.txt").write_text(
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/film.mp4\tFALSE\t0\tlogin\ts3cret\n"
    )
    before = (tmp_path / "cookies.txt").read_bytes()
    context = _library(tmp_path, download_cookies_file=str(tmp_path / "cookies.txt"))
    assert _attempt(context, submit_url(context, site.url("/film.mp4")).job_id)[0]
    assert not _attempt(context, submit_url(context, _page(site)).job_id)[0], "the very same bytes, through yt-dlp"
    assert (tmp_path / "cookies.txt").read_bytes() == before


# playlists


def _two_videos(site: Website, clip: bytes, other_clip: bytes) -> str:
    site.serve("/film.mp4", clip)
    site.serve("/other.mp4", other_clip)
    return _page(site, more='<video src="/other.mp4"></video>')


def _feed(site: Website, *paths: str) -> str:
    items = "".join(
        f"<item><title>Part {path}</title><link>{urljoin(site.url(), path)}</link></item>" for path in paths
    )
    body = f"<rss version='2.0'><channel><title>My feed</title>{items}</channel></rss>"
    return site.serve("/feed", body.encode(), "application/rss+xml")


def _batch_jobs(context: Context) -> tuple[Batch, list[Job]]:
    with context.database.session() as session:
        batch = session.scalars(select(Batch)).one()
        jobs = session.scalars(select(Job).where(Job.batch_id == batch.id).order_by(Job.created_at))
        return batch, list(jobs)


def test_a_playlist_is_one_video_unless_asked_for(
    library: Context, site: Website, clip: bytes, other_clip: bytes
) -> None:
    submission = submit_url(library, _two_videos(site, clip, other_clip))
    assert _attempt(library, submission.job_id)[0]
    with library.database.session() as session:
        assert len(session.scalars(select(Video)).all()) == 1


def test_each_video_of_a_page_gets_its_own_job(library: Context, site: Website, clip: bytes, other_clip: bytes) -> None:
    url = _two_videos(site, clip, other_clip)
    submission = submit_url(library, url, IngestOptions(interval=0.5, playlist=True))
    assert _attempt(library, submission.job_id)[0]
    batch, jobs = _batch_jobs(library)
    assert batch.title == "My holiday"
    assert [(job.params["item"], job.params["interval"], "playlist" in job.params) for job in jobs] == [
        (1, 0.5, False),
        (2, 0.5, False),
    ]
    assert jobs[0].id == submission.job_id
    assert [other.job_id for other in rest_of_playlist(library, submission.job_id)] == [jobs[1].id]
    assert isinstance(library.queue, RecordingQueue)
    assert QueueName.DOWNLOAD in library.queue.woken
    assert _attempt(library, jobs[1].id)[0]
    keys = [_video(library, job.video_id or 0).blob_key or "" for job in jobs]
    assert [library.blobs.read(key) for key in keys] == [clip, other_clip]


def test_the_entries_of_a_feed_get_their_own_jobs_up_to_the_cap(tmp_path: Path, site: Website, clip: bytes) -> None:
    context = _library(tmp_path, playlist_max_videos=2)
    site.serve("/film.mp4", clip)
    url = _feed(site, "/film.mp4", "/2.mp4", "/3.mp4")
    submission = submit_url(context, url, IngestOptions(playlist=True))
    assert _attempt(context, submission.job_id)[0]
    batch, jobs = _batch_jobs(context)
    assert batch.title == "My feed"
    assert [_video(context, job.video_id or 0).source_url for job in jobs] == [
        site.url("/film.mp4"),
        site.url("/2.mp4"),
    ]
    assert [source.page_url for source in _sources(context, jobs[1].video_id or 0)] == [url]
    with context.database.session() as session:
        assert any("PLAYLIST_MAX_VIDEOS is 2" in line.message for line in job_log.lines(session, submission.job_id))


def test_one_video_asked_for_as_a_playlist_stays_one(library: Context, site: Website, clip: bytes) -> None:
    site.serve("/film.mp4", clip)
    submission = submit_url(library, site.url("/film.mp4"), IngestOptions(playlist=True))
    assert _attempt(library, submission.job_id)[0]
    assert get_job(library, submission.job_id).batch_id is None
    assert "playlist" not in get_job(library, submission.job_id).params


def test_a_playlist_leads_nowhere_inside(library: Context, site: Website) -> None:
    """An entry that points inside is filed like any address, and refused when it is fetched."""
    with Website() as inside:
        url = _feed(site, inside.url("/a.mp4", "localhost"))
        submission = submit_url(library, url, IngestOptions(playlist=True))
        with pytest.raises(FetchError, match="private network"):
            _attempt(library, submission.job_id)
        assert inside.requests == []
