"""Streams in pieces, pictures and sound apart, and what else a real site on this machine can serve."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import av
import pytest

from app.errors import FetchError, JobCancelledError, TooLongError
from app.media.download import DownloadedVideo, download_video
from app.media.download_options import DownloadOptions
from app.media.ffmpeg import container_for, find_ffmpeg, merge
from tests.streams import make_dash, make_hls, serve_folder
from tests.videos import make_video, read_number
from tests.website import RangedPage, Website, content, dripping

FRAMES = 90
RATE = 30


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound; each picture holds its number."""
    return make_video(tmp_path_factory.mktemp("film") / "a.mp4", frames=FRAMES, rate=RATE, sound_seconds=3.0)


@pytest.fixture(scope="session")
def silent_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("film") / "b.mp4", frames=FRAMES, rate=RATE)


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


def fetch(url: str, folder: Path, **settings: object) -> DownloadedVideo:
    extra = {name: settings.pop(name) for name in ("progress", "stop") if name in settings}
    usual: dict[str, object] = {"max_bytes": 5_000_000, "allowed_hosts": ("127.0.0.1",), "timeout": 5.0}
    return download_video(url, folder, DownloadOptions(**{**usual, **settings}), **extra)  # type: ignore[arg-type]


def numbers(path: Path) -> list[int]:
    """The numbers in every thirtieth picture."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == FRAMES
    return [read_number(picture) for picture in pictures[::RATE]]


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return sorted(stream.type for stream in container.streams)


@pytest.mark.parametrize(
    ("fmp4", "sealed"), [(False, False), (True, False), (False, True)], ids=["ts", "mp4", "AES-128"]
)
def test_hls_comes_whole(
    site: Website, silent_film: Path, tmp_path: Path, fmp4: bool, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the system has an ffmpeg, which yt-dlp would let fetch the sealed pieces past the guard."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "ffmpeg").write_text(f"#!/bin/sh\necho ffmpeg version 7.1; touch {tmp_path}/started\n")
    (tools / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    make_hls(tmp_path / "hls", silent_film, fmp4=fmp4, sealed=sealed)
    serve_folder(site, tmp_path / "hls", "/hls")
    calls: list[tuple[int, int | None]] = []
    folder = tmp_path / "out"
    folder.mkdir()
    video = fetch(site.url("/hls/list.m3u8"), folder, progress=lambda done, total: calls.append((done, total)))
    assert numbers(video.path) == [0, 30, 60]
    assert calls[-1][0] == video.path.stat().st_size or sealed
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert all(total is None or total > 0 for _, total in calls)
    assert any(total for _, total in calls), "yt-dlp guesses the size from the pieces that have come"
    assert list(folder.iterdir()) == [video.path]
    assert not (tmp_path / "started").exists()


def test_the_best_variant_that_is_not_too_large(site: Website, silent_film: Path, tmp_path: Path) -> None:
    make_hls(tmp_path / "hls", silent_film)
    for name in ("small", "good", "huge"):
        serve_folder(site, tmp_path / "hls", f"/{name}")
    sizes = {"small": "640x360", "good": "1280x720", "huge": "3840x2160"}
    lines = ["#EXTM3U"]
    for number, (name, size) in enumerate(sizes.items(), 1):
        lines += [
            f'#EXT-X-STREAM-INF:BANDWIDTH={number}00000,RESOLUTION={size},CODECS="avc1.64000b"',
            f"{name}/list.m3u8",
        ]
    url = site.serve("/master.m3u8", "\n".join(lines).encode(), "application/vnd.apple.mpegurl")
    assert numbers(fetch(url, tmp_path, max_height=720).path) == [0, 30, 60]
    assert {path.split("/")[1] for path in site.requests if path.endswith(".ts")} == {"good"}


def test_dash_without_sound(site: Website, film: Path, tmp_path: Path) -> None:
    make_dash(tmp_path / "dash", film)
    serve_folder(site, tmp_path / "dash", "/dash")
    video = fetch(site.url("/dash/list.mpd"), tmp_path)
    assert numbers(video.path) == [0, 30, 60]
    assert streams(video.path) == ["video"]


def test_dash_with_sound_is_put_together(site: Website, film: Path, tmp_path: Path) -> None:
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None
    make_dash(tmp_path / "dash", film)
    serve_folder(site, tmp_path / "dash", "/dash")
    calls: list[int] = []
    video = fetch(
        site.url("/dash/list.mpd"),
        tmp_path,
        sound=True,
        ffmpeg=ffmpeg.path,
        progress=lambda done, _: calls.append(done),
    )
    assert numbers(video.path) == [0, 30, 60]
    assert streams(video.path) == ["audio", "video"]
    assert calls == sorted(calls), "sound counts on where the pictures ended"


@pytest.mark.parametrize(
    ("pictures", "sound", "container"),
    [("mp4", "m4a", "mp4"), ("webm", "webm", "webm"), ("mp4", "webm", "mkv"), ("webm", "m4a", "mkv")],
)
def test_which_container_holds_both(pictures: str, sound: str, container: str) -> None:
    assert container_for(pictures, sound) == container


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param("#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n", id="a playlist"),
        pytest.param("ffconcat version 1.0\nfile '{secret}'\n", id="a list to be joined"),
        pytest.param("{url}", id="an address"),
    ],
)
def test_ffmpeg_cannot_be_led_astray(site: Website, film: Path, tmp_path: Path, disguise: str) -> None:
    """Pictures that are a playlist in disguise: neither a file of this machine nor an address is opened."""
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None
    url = site.serve("/film.mp4", film.read_bytes())
    bad = tmp_path / "part-0"
    bad.write_text(disguise.format(secret=film, url=url))
    for pictures, sound in ((bad, film), (film, bad)):
        with pytest.raises(FetchError, match="put together"):
            merge(ffmpeg.path, pictures, sound, tmp_path / "merged", "mkv", lambda: None)
    assert site.requests == []


def test_putting_together_can_be_stopped(film: Path, tmp_path: Path) -> None:
    slow = tmp_path / "ffmpeg"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)

    def stop() -> None:
        raise JobCancelledError("The job was cancelled.")

    began = time.monotonic()
    with pytest.raises(JobCancelledError):
        merge(slow, film, film, tmp_path / "merged", "mp4", stop)
    assert time.monotonic() - began < 2.0


def test_a_site_that_says_how_long_it_is_is_refused_at_once(site: Website, silent_film: Path, tmp_path: Path) -> None:
    make_hls(tmp_path / "hls", silent_film)
    serve_folder(site, tmp_path / "hls", "/hls")
    body = '<script type="application/ld+json">{"@context":"https://schema.org","@type":"VideoObject","name":"x",'
    body += f'"duration":"PT3H","contentUrl":"{site.url("/hls/list.m3u8")}"}}</script>'
    url = site.serve("/page", f"<html><head><title>x</title>{body}</head></html>".encode(), "text/html")
    with pytest.raises(TooLongError, match="MAX_DURATION_MINUTES"):
        fetch(url, tmp_path, max_duration=3600.0)
    assert not [path for path in site.requests if path.endswith(".ts")]


def test_a_broadcast_that_goes_on_is_refused(site: Website, silent_film: Path, tmp_path: Path) -> None:
    playlist = make_hls(tmp_path / "hls", silent_film)
    playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST", "").replace("#EXT-X-PLAYLIST-TYPE:VOD\n", ""))
    serve_folder(site, tmp_path / "hls", "/hls")
    with pytest.raises(FetchError, match="live broadcast") as caught:
        fetch(site.url("/hls/list.m3u8"), tmp_path)
    assert not caught.value.retryable
    assert not [path for path in site.requests if path.endswith(".ts")]


def test_copy_protection_is_told(site: Website, tmp_path: Path) -> None:
    text = '#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n'
    text += "#EXTINF:1,\n/a.ts\n#EXT-X-ENDLIST\n"
    url = site.serve("/drm.m3u8", text.encode(), "application/vnd.apple.mpegurl")
    with pytest.raises(FetchError, match="copy-protected") as caught:
        fetch(url, tmp_path)
    assert not caught.value.retryable


@pytest.mark.parametrize("stops_at", ["/hls/1.ts", "/hls/list.key", "/page.mp4"])
def test_cancelling_in_the_middle_of_a_stream(site: Website, silent_film: Path, tmp_path: Path, stops_at: str) -> None:
    make_hls(tmp_path / "hls", silent_film, sealed=stops_at.endswith("key"))
    serve_folder(site, tmp_path / "hls", "/hls")
    site.serve("/page", b'<html><head><title>x</title></head><video src="/page.mp4"></video></html>', "text/html")
    site.pages[stops_at] = dripping(site, "video/mp2t")
    cancelled_at: list[float] = []

    def stop() -> None:
        if stops_at in site.requests:
            cancelled_at.append(time.monotonic())
            raise JobCancelledError("The job was cancelled.")

    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(JobCancelledError):
        fetch(site.url("/page" if stops_at == "/page.mp4" else "/hls/list.m3u8"), folder, stop=stop, timeout=30.0)
    assert time.monotonic() - cancelled_at[0] < 2.0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("path", ["/film.mp4", "/page", "/hls/list.m3u8"])
def test_a_limit_of_speed_holds_for_all_ways(site: Website, silent_film: Path, tmp_path: Path, path: str) -> None:
    make_hls(tmp_path / "hls", silent_film)
    serve_folder(site, tmp_path / "hls", "/hls")
    site.serve("/film.mp4", silent_film.read_bytes())
    site.serve("/page", b'<html><head><title>x</title></head><video src="/film.mp4"></video></html>', "text/html")
    began = time.monotonic()
    size = fetch(site.url(path), tmp_path, rate_limit=30_000).path.stat().st_size
    assert time.monotonic() - began >= size / 30_000 - 0.5, "the last piece is not waited for"


def test_cookies_open_the_door_of_a_page(site: Website, silent_film: Path, tmp_path: Path) -> None:
    seen: dict[str, str | None] = {}

    def members(body: bytes, kind: str):
        def page(request: BaseHTTPRequestHandler) -> None:
            seen[request.path] = request.headers.get("Cookie")
            if request.headers.get("Cookie") != "login=s3cret":
                request.send_error(403)
                return
            content(body, kind)(request)

        return page

    site.pages["/page"] = members(
        b'<html><head><title>x</title></head><video src="/film.mp4"></video></html>', "text/html"
    )
    site.pages["/film.mp4"] = members(silent_film.read_bytes(), "video/mp4")
    file = tmp_path / "cookies.txt"
    file.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tlogin\ts3cret\n")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(FetchError, match="403"):
        fetch(site.url("/page"), folder)
    assert numbers(fetch(site.url("/page"), folder, cookies_file=file).path) == [0, 30, 60]
    with Website() as stranger:
        stranger.pages["/elsewhere"] = members(b"", "video/mp4")
        site.redirect("/away", stranger.url("/elsewhere", "localhost"))
        site.serve("/out", f'<video src="{stranger.url("/elsewhere", "localhost")}"></video>'.encode(), "text/html")
        for start in ("/away", "/out"):
            seen.clear()
            with pytest.raises(FetchError):
                fetch(site.url(start), folder, cookies_file=file, allowed_hosts=("127.0.0.1", "localhost"))
            assert seen == {"/elsewhere": None}


def test_several_at_once(site: Website, silent_film: Path, tmp_path: Path) -> None:
    """A downloader works in threads; each download has its own connections, limits and end."""
    make_hls(tmp_path / "hls", silent_film)
    serve_folder(site, tmp_path / "hls", "/hls")
    site.serve("/film.mp4", silent_film.read_bytes())
    site.serve("/page", b'<html><head><title>x</title></head><video src="/film.mp4"></video></html>', "text/html")
    site.pages["/drip.mp4"] = dripping(site)
    stopped = threading.Event()

    def stop() -> None:
        if stopped.is_set():
            raise JobCancelledError("The job was cancelled.")

    def one(path: str) -> str:
        try:
            return str(numbers(fetch(site.url(path), tmp_path, stop=stop if "drip" in path else lambda: None).path))
        except JobCancelledError:
            return "cancelled"

    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(one, "/drip.mp4")
        found = list(pool.map(one, ["/film.mp4", "/page", "/hls/list.m3u8"] * 3))
        stopped.set()
        assert slow.result(timeout=20) == "cancelled"
    assert found == ["[0, 30, 60]"] * 9


def test_a_direct_link_that_breaks_off_is_gone_on_with(site: Website, silent_film: Path, tmp_path: Path) -> None:
    body = silent_film.read_bytes()
    page = RangedPage(body, break_after=len(body) // 2 + 1)
    site.pages["/film.mp4"] = page
    assert fetch(site.url("/film.mp4"), tmp_path).path.read_bytes() == body
    assert page.asked == [None, f"bytes={len(body) // 2 + 1}-"]


def test_a_changed_file_is_begun_anew(site: Website, silent_film: Path, tmp_path: Path) -> None:
    part, old = tmp_path / "part", bytes(5000)
    site.pages["/film.mp4"] = RangedPage(old, break_after=1000)
    with pytest.raises(FetchError):
        download_video(site.url("/film.mp4"), tmp_path, DownloadOptions(10**6, ("127.0.0.1",), timeout=5.0), part=part)
    assert part.stat().st_size == 3000
    body = silent_film.read_bytes()
    site.pages["/film.mp4"] = RangedPage(body, etag='"2"')
    video = download_video(
        site.url("/film.mp4"), tmp_path, DownloadOptions(10**6, ("127.0.0.1",), timeout=5.0), part=part
    )
    assert video.path.read_bytes() == body
    assert list(tmp_path.iterdir()) == [video.path]
