"""What is chosen of what a site offers, and what is refused before anything is fetched."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor.youtube.jsc._builtin.deno import DenoJCP
from yt_dlp.utils._jsruntime import DenoJsRuntime

from app.errors import ConfigError, FetchError, JobCancelledError, TooLargeError, TooLongError
from app.media import javascript
from app.media.addresses import Guard
from app.media.cookies import cookies_for, read_cookies
from app.media.download_options import DownloadOptions
from app.media.ffmpeg import find_ffmpeg
from app.media.javascript import Runtime, choose_runtime, find_runtimes
from app.media.site_details import refuse_unwanted, site_details
from app.media.site_network import Budget, GuardedYoutubeDL
from app.media.site_options import site_options
from app.media.sites import _fetch_part

LIMIT = 10**9


def picture(name: str, height: int, codec: str = "avc1.64", protocol: str = "https", **more: object) -> dict[str, Any]:
    width = more.pop("width", height * 16 // 9)
    return {
        "format_id": name, "url": f"https://cdn.example/{name}", "ext": "mp4", "vcodec": codec, "acodec": "none",
        "height": height, "width": width, "protocol": protocol, "fps": 30, **more,
    }  # fmt: skip


def both(name: str, height: int, **more: object) -> dict[str, Any]:
    return picture(name, height, **more) | {"acodec": "mp4a.40.2"}


def sound(name: str = "sound") -> dict[str, Any]:
    return picture(name, 0, codec="none") | {
        "ext": "m4a",
        "acodec": "mp4a.40.2",
        "height": None,
        "width": None,
        "abr": 128,
    }


YOUTUBE = [
    sound(),
    both("18", 360),
    picture("137", 1080),
    picture("248", 1080, codec="vp9"),
    picture("399", 1080, codec="av01.0.08M.08"),
    picture("136", 720),
    picture("271", 1440, codec="vp9"),
    picture("313", 2160, codec="vp9"),
]
VIMEO = [
    both("http-720p", 720),
    picture("hls-1080", 1080, protocol="m3u8_native"),
    picture("dash-1080", 1080, protocol="http_dash_segments"),
    both("hls-old", 1080, protocol="m3u8"),
    sound(),
]


def choose(formats: list[dict[str, Any]], folder: Path, **options: Any) -> list[str]:
    """The ids that yt-dlp chooses, asked with our options as it is for a site."""
    settings = DownloadOptions(LIMIT, **options)
    info = {"id": "x", "title": "x", "extractor": "test", "webpage_url": "https://x.example/", "formats": formats}
    with GuardedYoutubeDL(site_options(settings, folder), Guard(), Budget(LIMIT)) as downloader:
        found = downloader.process_ie_result(info, download=False)
    return [part["format_id"] for part in found.get("requested_formats") or [found]]


@pytest.mark.parametrize(
    ("formats", "options", "chosen"),
    [
        pytest.param(YOUTUBE, {}, ["137"], id="the best up to 1080 lines, silent, in H.264"),
        pytest.param(YOUTUBE, {"max_height": 720}, ["136"], id="up to 720 lines"),
        pytest.param(YOUTUBE, {"max_height": 2160}, ["313"], id="up to 2160 lines"),
        pytest.param(YOUTUBE, {"sound": True, "ffmpeg": Path("/x")}, ["137", "sound"], id="with sound"),
        pytest.param(YOUTUBE, {"sound": True}, ["18"], id="with sound, but without ffmpeg"),
        pytest.param(VIMEO, {}, ["hls-1080"], id="streams in pieces"),
        pytest.param([both("a", 480), both("b", 720), sound()], {}, ["b"], id="never silent"),
        pytest.param([both("a", 1080), picture("b", 360)], {}, ["a"], id="pixels before silence"),
        pytest.param([both("a", 1080), picture("b", 1080)], {}, ["b"], id="silence among equals"),
        pytest.param([both("4k", 2160), both("8k", 4320)], {}, ["4k"], id="the smallest of those that are too large"),
        pytest.param([both("a", 1920, width=1080), both("b", 960, width=540)], {}, ["a"], id="a picture that stands"),
        pytest.param([picture("a", 1080, codec="vp9"), picture("b", 720)], {}, ["a"], id="pixels before H.264"),
        pytest.param([picture("a", 1080, dynamic_range="HDR10"), picture("b", 1080)], {}, ["b"], id="without HDR"),
        pytest.param([both("a", 720) | {"height": None, "width": None}], {}, ["a"], id="of unknown size"),
    ],
)  # fmt: skip
def test_what_is_chosen(
    formats: list[dict[str, Any]], options: dict[str, Any], chosen: list[str], tmp_path: Path
) -> None:
    assert choose(formats, tmp_path, **options) == chosen


@pytest.mark.parametrize("protocol", ["rtmp", "m3u8", "ism", "websocket_frag", "mhtml", "f4m", "ftp", "data", "file"])
def test_what_other_programs_would_fetch_is_not_chosen(protocol: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="Requested format is not available"):
        choose([both("a", 720, protocol=protocol)], tmp_path)


@pytest.mark.parametrize(
    ("info", "error"),
    [
        ({"is_live": True}, FetchError),
        ({"live_status": "is_upcoming"}, FetchError),
        ({"duration": 601}, TooLongError),
        ({"filesize": 1001}, TooLargeError),
        ({"requested_formats": [{"filesize": 600}, {"filesize": 600}]}, TooLargeError),
    ],
)
def test_what_is_refused_before_it_is_fetched(info: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        refuse_unwanted(info, 600.0, 1000)
    assert str(caught.value).endswith(".")
    assert not getattr(caught.value, "retryable", False)


@pytest.mark.parametrize(
    "info",
    [{}, {"duration": 600, "filesize": 1000}, {"duration": "x", "filesize": None}, {"duration": float("nan")}],
)
def test_what_is_not_refused(info: dict[str, Any]) -> None:
    refuse_unwanted(info, 600.0, 1000)
    refuse_unwanted(info | {"duration": 10**6}, None, 1000)


def test_what_is_kept_of_a_sites_words() -> None:
    details = site_details(
        {
            "title": "A\u202eb\x00c" + "x" * 400, "channel": "Somebody", "ext": "../../x", "upload_date": "20261122",
            "webpage_url": "https://x.example/watch?v=1#t", "thumbnail": "https://i.example/1.jpg",
        },
        "https://x.example/",
    )  # fmt: skip
    assert details.title == "Abc" + "x" * 297
    assert (details.uploader, details.extension, details.published_on) == ("Somebody", "mp4", "2026-11-22")
    assert (details.url, details.thumbnail) == ("https://x.example/watch?v=1", "https://i.example/1.jpg")


@pytest.mark.parametrize("date", ["2026-11-22", "20261399", "x", None, 20261122])
@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "https://a@b/", None, 5])
def test_what_is_not_kept(date: object, address: object) -> None:
    details = site_details({"upload_date": date, "thumbnail": address, "webpage_url": address}, "https://x.example/")
    assert (details.published_on, details.thumbnail, details.url) == (None, None, "https://x.example/")


# cookies

COOKIES = """\
# Netscape HTTP Cookie File
example.org\tFALSE\t/\tFALSE\t0\tplain\t1
#HttpOnly_.example.net\tTRUE\t/\tTRUE\t4102444800\tsecret\t2
example.com\tFALSE\t/videos\tFALSE\t0\tdeep\t3
"""


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("http://example.org/a.mp4", "plain=1"),
        ("http://www.example.org/", None),
        ("http://example.org.evil.test/", None),
        ("http://evil.test/?example.org", None),
        ("https://www.example.net/", "secret=2"),
        ("http://www.example.net/", None),
        ("https://notexample.net/", None),
        ("http://example.com/videos/1", "deep=3"),
        ("http://example.com/other", None),
        ("http://127.0.0.1/", None),
    ],
)
def test_cookies_go_only_where_they_belong(url: str, header: str | None, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(COOKIES)
    assert cookies_for(file)(url) == header


def test_the_file_of_cookies_is_never_written(tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(COOKIES)
    file.chmod(stat.S_IRUSR)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    options = DownloadOptions(LIMIT, cookies_file=file)
    with GuardedYoutubeDL(site_options(options, tmp_path), Guard(), Budget(LIMIT)) as downloader:
        assert len(list(downloader.cookiejar)) == 3
        assert downloader.cookiejar.get_cookie_header("http://example.org/") == "plain=1"
        assert downloader.cookiejar.get_cookie_header("http://www.example.org/") is None
        downloader.save_cookies()
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert os.listdir(tmp_path) == ["cookies.txt"]  # noqa: PTH208 - names are what is asked for


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"{}", "no list of cookies"), (b"\xff\xfe\x00", "cannot be read")],
)
def test_a_bad_file_of_cookies_is_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    if content is not None:
        file.write_bytes(content)
    for read in (read_cookies, cookies_for):
        with pytest.raises(ConfigError, match=words) as caught:
            read(file)
        assert "DOWNLOAD_COOKIES_FILE" in caught.value.message
        assert str(tmp_path) not in caught.value.message


# programs


def test_ffmpeg_is_there() -> None:
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None
    assert ffmpeg.path.is_file()
    assert ffmpeg.version


def test_what_runs_in_deno_reaches_nothing(tmp_path: Path) -> None:
    """With the very options that yt-dlp gives it: neither disk nor network nor the environment nor programs."""
    if not any(runtime.name == "deno" for runtime in find_runtimes()):
        pytest.skip("Deno is not made for this kind of machine")
    (tmp_path / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        tries = [
            f"Deno.readTextFileSync({json.dumps(str(tmp_path / 'secret'))})",
            f"Deno.writeTextFileSync({json.dumps(str(tmp_path / 'new'))}, 'x')",
            f"await Deno.connect({{hostname: '127.0.0.1', port: {server.getsockname()[1]}}})",
            f"await fetch('http://127.0.0.1:{server.getsockname()[1]}/')",
            f"await import('http://127.0.0.1:{server.getsockname()[1]}/x.js')",
            "Deno.env.get('PATH')",
            "new Deno.Command('ls').outputSync()",
        ]
        code = "".join(f"try {{ {one}; console.log('did') }} catch {{ console.log('refused') }}\n" for one in tries)
        command = [DenoJsRuntime().info.path, "run", *DenoJCP._DENO_BASE_OPTIONS, "--no-npm", "--cached-only", "-"]
        told = subprocess.run(command, input=code, capture_output=True, text=True, timeout=60, check=True)
        assert told.stdout.split() == ["refused"] * len(tries)
        server.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_file_that_is_not_there_yet_does_not_keep_a_cancelled_download(tmp_path: Path) -> None:
    def stop() -> None:
        raise JobCancelledError("The job was cancelled.")

    wanted = picture("a", 720) | {"available_at": time.time() + 30}
    began = time.monotonic()
    with (
        Guard(stop=stop) as guard,
        GuardedYoutubeDL(site_options(DownloadOptions(LIMIT), tmp_path), guard, Budget(LIMIT)) as downloader,
        pytest.raises(JobCancelledError),
    ):
        _fetch_part(downloader, wanted, tmp_path / "part", guard)
    assert time.monotonic() - began < 2.0


DENO, NODE, OLD_NODE, BUN = (
    Runtime("deno", "2.9.8", recent=True, shut_off=True),
    Runtime("node", "26.1.0", recent=True, shut_off=False),
    Runtime("node", "22.0.0", recent=True, shut_off=False),
    Runtime("bun", "1.3.0", recent=True, shut_off=False),
)
ANCIENT = Runtime("node", "20.0.0", recent=False, shut_off=False)


@pytest.mark.parametrize(
    ("found", "choice", "chosen"),
    [
        ((DENO, NODE), "auto", DENO),
        ((NODE, BUN), "auto", None),
        ((NODE, BUN), "node", NODE),
        ((OLD_NODE, BUN), "auto", None),
        ((OLD_NODE, BUN), "node", OLD_NODE),
        ((ANCIENT,), "node", None),
        ((DENO, BUN), "bun", BUN),
        ((DENO,), "off", None),
        ((), "auto", None),
    ],
)
def test_which_runtime_is_used(
    found: tuple[Runtime, ...], choice: Any, chosen: Runtime | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(javascript, "find_runtimes", lambda: found)
    assert choose_runtime(choice) == chosen
    given = site_options(DownloadOptions(LIMIT, javascript=choice), tmp_path)
    assert given["js_runtimes"] == ({chosen.name: {}} if chosen else {})
    assert given["remote_components"] == []
