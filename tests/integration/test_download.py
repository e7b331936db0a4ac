"""Downloading from a real site on this machine: direct links, and pages through yt-dlp."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import AppError, FetchError, ForbiddenAddressError, TooLargeError
from app.media.answer import Progress
from app.media.download import DownloadedVideo, download_video
from app.media.download_options import DownloadOptions
from app.media.probe import probe
from app.media.sites import has_own_extractor
from tests.videos import make_video
from tests.website import Website, content, dripping, endless, silent

LIMIT = 1_000_000


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "a.mp4", frames=30).read_bytes()


@pytest.fixture(scope="session")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "a.ts", frames=30).read_bytes()


@pytest.fixture
def site(film: bytes, segment: bytes) -> Iterator[Website]:
    with Website() as running:
        running.serve("/film.mp4", film)
        running.serve("/segment.ts", segment, "video/mp2t")
        yield running


def page(site: Website, path: str, source: str, head: str = "<title>My holiday</title>") -> str:
    html = f'<html><head>{head}</head><body><video src="{source}" width="192"></video></body></html>'
    return site.serve(path, html.encode(), "text/html")


def playlist(site: Website, path: str, *segments: str, key: str = "") -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2"]
    if key:
        lines.append(f'#EXT-X-KEY:METHOD=AES-128,URI="{key}"')
    for segment in segments:
        lines += ["#EXTINF:2,", segment]
    body = "\n".join([*lines, "#EXT-X-ENDLIST", ""])
    return site.serve(path, body.encode(), "application/vnd.apple.mpegurl")


def fetch(url: str, folder: Path, *, progress: Progress | None = None, **settings: object) -> DownloadedVideo:
    usual: dict[str, object] = {"max_bytes": LIMIT, "allowed_hosts": ("127.0.0.1",), "timeout": 5.0}
    return download_video(url, folder, DownloadOptions(**{**usual, **settings}), progress=progress)  # type: ignore[arg-type]


def _page_at(site: Website, path: str, answer) -> str:
    site.pages[path] = answer
    return site.url(path)


def _cut(site: Website) -> str:
    return site.serve("/cut.mp4", bytes(1000), Content_Length="50000")


def _endless(site: Website) -> str:
    return _page_at(site, "/endless.mp4", endless(bytes(50_000)))


def _boast(site: Website) -> str:
    return site.serve("/boast.mp4", bytes(1000), Content_Length="2000000")


def _flood(site: Website) -> str:
    return _page_at(site, "/flood", endless(b"<p>" * 20_000, "text/html"))


def _large(site: Website) -> str:
    return _page_at(site, "/large.ts", content(bytes(400_000), "video/mp2t"))


def _silent(site: Website) -> str:
    return _page_at(site, "/silent.mp4", silent(site))


def _drip(site: Website) -> str:
    return _page_at(site, "/drip.mp4", dripping(site))


# what works


@pytest.mark.parametrize("kind", ["video/mp4", "VIDEO/MP4; charset=x", "application/octet-stream", "text/plain", ""])
def test_a_direct_link_is_fetched(site: Website, film: bytes, tmp_path: Path, kind: str) -> None:
    url = site.serve("/films/my%20film.mp4", film, kind)
    calls: list[tuple[int, int | None]] = []
    video = fetch(url, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert video.path.read_bytes() == film
    assert list(tmp_path.iterdir()) == [video.path]
    assert (video.title, video.file_name, video.source_url) == ("my film", "my film.mp4", url)
    assert calls[-1] == (len(film), len(film))
    assert site.requests == ["/films/my%20film.mp4"]


def test_a_redirect_is_followed(site: Website, film: bytes, tmp_path: Path) -> None:
    video = fetch(site.redirect("/go", "/film.mp4"), tmp_path)
    assert video.path.read_bytes() == film
    assert video.source_url == site.url("/film.mp4")


def test_the_video_of_a_page_is_fetched(site: Website, film: bytes, tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    url = page(site, "/page", "/film.mp4")
    video = fetch(url, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert video.path.read_bytes() == film
    assert list(tmp_path.iterdir()) == [video.path]
    assert (video.title, video.file_name) == ("My holiday", "My holiday.mp4")
    assert video.source_url == url
    assert calls[-1][0] == len(film)


def test_only_one_video_of_a_page_is_fetched(site: Website, film: bytes, tmp_path: Path) -> None:
    site.serve("/other.mp4", film)
    html = '<html><head><title>Two</title></head><body><video src="/film.mp4"></video><video src="/other.mp4"></video></body></html>'
    video = fetch(site.serve("/page", html.encode(), "text/html"), tmp_path)
    assert video.path.read_bytes() == film
    assert "/other.mp4" not in site.requests


def test_a_stream_in_pieces_is_fetched_without_ffmpeg(site: Website, segment: bytes, tmp_path: Path) -> None:
    video = fetch(playlist(site, "/stream.m3u8", "/segment.ts", "/segment.ts"), tmp_path)
    assert video.path.read_bytes() == segment * 2
    assert probe(video.path).codec == "h264"
    assert list(tmp_path.iterdir()) == [video.path]


def test_what_comes_is_a_video(site: Website, tmp_path: Path) -> None:
    assert probe(fetch(page(site, "/page", "film.mp4"), tmp_path).path).width == 192


def test_two_downloads_into_one_folder(site: Website, tmp_path: Path) -> None:
    first, second = fetch(site.url("/film.mp4"), tmp_path), fetch(site.url("/film.mp4"), tmp_path)
    assert first.path != second.path
    assert sorted(tmp_path.iterdir()) == sorted([first.path, second.path])


@pytest.mark.parametrize("title", ["../../../etc/passwd", "%(id)s %s", "a/b\\c\u202e\x00", "x" * 5000, "<script>"])
def test_a_title_never_becomes_a_path(site: Website, tmp_path: Path, title: str) -> None:
    folder = tmp_path / "100% of %(title)s"
    folder.mkdir()
    video = fetch(page(site, "/page", "/film.mp4", f"<title>{title}</title>"), folder)
    assert video.path.parent == folder
    assert video.path.name.startswith("download-")
    assert len(video.file_name) < 320
    assert sorted(tmp_path.iterdir()) == [folder]


# what must not work


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda s, a: page(s, "/p", a), id="the video of a page"),
        pytest.param(lambda s, a: s.redirect("/p", a), id="a redirect"),
        pytest.param(lambda s, a: page(s, "/p", s.redirect("/r", a)), id="a redirect of a page's video"),
        pytest.param(lambda s, a: playlist(s, "/p.m3u8", a), id="a piece of a stream"),
        pytest.param(lambda s, a: playlist(s, "/p.m3u8", s.redirect("/r", a)), id="a redirect of a piece"),
        pytest.param(lambda s, a: playlist(s, "/p.m3u8", "/segment.ts", key=a), id="the key of a stream"),
        pytest.param(
            lambda s, a: s.serve(
                "/p.m3u8", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{a}\n".encode(), "application/x-mpegurl"
            ),
            id="a playlist in a playlist",
        ),
        pytest.param(
            lambda s, a: s.serve(
                "/p", f'<html><head><meta http-equiv="refresh" content="0;url={a}"></head></html>'.encode(), "text/html"
            ),
            id="a page that sends on",
        ),
        pytest.param(
            lambda s, a: page(s, "/p", "", f'<title>x</title><meta property="og:video" content="{a}">'), id="open graph"
        ),
        pytest.param(
            lambda s, a: s.serve(
                "/p",
                f"<rss><channel><item><title>x</title><link>{a}</link></item></channel></rss>".encode(),
                "text/xml",
            ),
            id="a feed",
        ),
    ],
)
@pytest.mark.parametrize("target", ["http", "file"])
def test_nothing_leads_inside(site: Website, film: bytes, tmp_path: Path, build, target: str) -> None:
    """A second site plays the private network: it must never see a request."""
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(film)
    folder = tmp_path / "downloads"
    folder.mkdir()
    with Website() as inside:
        inside.serve("/secret.mp4", film)
        address = inside.url("/secret.mp4", "localhost") if target == "http" else secret.as_uri()
        with pytest.raises(FetchError) as caught:
            fetch(build(site, address), folder)
        assert inside.requests == []
    assert list(folder.iterdir()) == []
    assert str(tmp_path) not in caught.value.message


def test_a_private_address_is_explained(site: Website, tmp_path: Path) -> None:
    for url in (site.url("/film.mp4"), page(site, "/page", "/film.mp4")):
        with pytest.raises(ForbiddenAddressError, match="ALLOWED_FETCH_HOSTS"):
            fetch(url, tmp_path, allowed_hosts=())
    url = page(site, "/page", f"http://localhost:{site.port}/film.mp4")
    with pytest.raises(ForbiddenAddressError, match="localhost"):
        fetch(url, tmp_path)
    assert "/film.mp4" not in site.requests


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a.mp4", "ytsearch:cats", "rtmp://example.org/a", ""]
)
def test_only_the_web_is_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        fetch(url, tmp_path)


def test_a_proxy_in_the_environment_is_not_used(site: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Website() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert fetch(page(site, "/page", "/film.mp4"), tmp_path).path.is_file()
        assert proxy.requests == []


def test_nothing_of_the_users_own_is_read_or_written(
    site: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "downloads"
    folder.mkdir()
    (home / ".config" / "yt-dlp").mkdir(parents=True)
    (home / ".config" / "yt-dlp" / "config").write_text(f"--exec 'touch {tmp_path}/pwned'\n")
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.chdir(tmp_path)
    fetch(page(site, "/page", "/film.mp4"), folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "home"]
    assert sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()) == [
        ".config/yt-dlp/config",
        ".netrc",
    ]


def test_nothing_is_started(site: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ffmpeg", "ffprobe", "aria2c", "curl", "wget", "rtmpdump", "mpv"):
        (tools / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/started-{name}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    folder = tmp_path / "downloads"
    folder.mkdir()
    fetch(playlist(site, "/stream.m3u8", "/segment.ts"), folder)
    with pytest.raises(FetchError):
        fetch(page(site, "/page", "rtmp://127.0.0.1/live/x"), folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("started")] == []


# what goes wrong


@pytest.mark.parametrize(
    ("build", "error", "words", "retryable"),
    [
        pytest.param(lambda s: s.fail("/a.mp4", 404), FetchError, "nothing at this address", False, id="404"),
        pytest.param(lambda s: s.fail("/a.mp4", 403), FetchError, "refuses", False, id="403"),
        pytest.param(lambda s: s.fail("/a", 401), FetchError, "password", False, id="401"),
        pytest.param(lambda s: s.fail("/a", 503), FetchError, "problem of its own", True, id="503"),
        pytest.param(
            lambda s: page(s, "/a", "/none.mp4"), FetchError, "nothing at this address", False, id="page, 404"
        ),
        pytest.param(lambda s: page(s, "/a", s.fail("/no", 403)), FetchError, "refuses", False, id="page, 403"),
        pytest.param(
            lambda s: page(s, "/a", s.fail("/no", 503)), FetchError, "problem of its own", True, id="page, 503"
        ),
        pytest.param(
            lambda s: s.serve("/a", b"<html><title>x</title><p>text", "text/html"),
            FetchError,
            "No video",
            False,
            id="no video",
        ),
        pytest.param(lambda s: s.serve("/a", b"", "text/html"), FetchError, "", None, id="empty page"),
        pytest.param(_cut, FetchError, "broke off", True, id="cut off"),
        pytest.param(lambda s: page(s, "/a", _cut(s)), FetchError, "broke off", True, id="page, cut off"),
        pytest.param(_endless, TooLargeError, "1 MB", None, id="too large"),
        pytest.param(lambda s: page(s, "/a", _endless(s)), TooLargeError, "1 MB", None, id="page, too large"),
        pytest.param(_boast, TooLargeError, "1 MB", None, id="says it is too large"),
        pytest.param(lambda s: page(s, "/a", _boast(s)), TooLargeError, "1 MB", None, id="page, says it is too large"),
        pytest.param(_flood, TooLargeError, "1 MB", None, id="an endless page"),
        pytest.param(
            lambda s: playlist(s, "/a.m3u8", *[_large(s)] * 4),
            TooLargeError,
            "1 MB",
            None,
            id="pieces that are too much",
        ),
        pytest.param(_silent, FetchError, "in time", True, id="silent"),
        pytest.param(lambda s: page(s, "/a", _silent(s)), FetchError, "in time", True, id="page, silent"),
        pytest.param(_drip, FetchError, "in time", True, id="drips"),
        pytest.param(lambda s: page(s, "/a", _drip(s)), FetchError, "in time", True, id="page, drips"),
        pytest.param(lambda s: playlist(s, "/a.m3u8", "/none.ts"), FetchError, "", None, id="a piece is missing"),
    ],
)
def test_failures_are_explained_and_leave_nothing(
    site: Website, tmp_path: Path, build, error: type[AppError], words: str, retryable: bool | None
) -> None:
    url = build(site)
    with pytest.raises(error) as caught:
        fetch(url, tmp_path, timeout=0.7, max_seconds=2.0)
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert "yt-dlp" not in caught.value.message
    assert str(tmp_path) not in caught.value.message
    if retryable is not None:
        assert caught.value.retryable is retryable  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


class EnoughError(Exception):
    pass


@pytest.mark.parametrize("source", ["/film.mp4", "/page", "/stream.m3u8"])
def test_what_progress_raises_ends_the_download(site: Website, tmp_path: Path, source: str) -> None:
    page(site, "/page", "/film.mp4")
    playlist(site, "/stream.m3u8", "/segment.ts", "/segment.ts")

    def stop(done: int, total: int | None) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        fetch(site.url(source), tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_addresses_with_keys_in_them_stay_out_of_the_log(
    site: Website, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fetch(page(site, "/page", "/film.mp4") + "?token=s3cret", tmp_path)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://www.youtube.com/watch?v=BaW_jenozKc", True),
        ("https://vimeo.com/76979871", True),
        ("https://example.org/film.mp4", False),
        ("http://127.0.0.1:8000/page", False),
    ],
)
def test_sites_are_known_by_name(url: str, known: bool) -> None:
    assert has_own_extractor(url) is known


def test_a_known_site_goes_through_the_guard_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that says that a famous site lives in the private network is not believed."""
    asked: list[str] = []

    def lookup(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(ForbiddenAddressError):
        fetch("https://vimeo.com/76979871", tmp_path, max_seconds=20)
    assert asked
    assert list(tmp_path.iterdir()) == []
