"""The ways that are known of talking a server into visiting itself, its network or its files.

Each must end in an error of ours, without one connection to the trap. The public site (``public.test``) is allowed by
name; it lies on this machine like the trap, so only the guard stands between the two.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from app.errors import AppError, FetchError, ForbiddenAddressError
from app.media.download import download_video
from app.media.download_options import DownloadOptions
from app.media.fetch import SafeFetcher
from app.media.playlists import list_playlist
from app.media.probe import probe
from tests.trap import PUBLIC, Names, Trap, names, trap
from tests.videos import make_video
from tests.website import Website, content, dripping, endless

__all__ = ["names", "trap"]
LIMIT = 300_000
Build = Callable[[Website, Trap], str]


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("film") / "a.mp4", frames=10).read_bytes()


def options(**more: object) -> DownloadOptions:
    usual: dict[str, object] = {"allowed_hosts": (PUBLIC,), "timeout": 5.0, "max_seconds": 30.0}
    return DownloadOptions(LIMIT, **{**usual, **more})  # type: ignore[arg-type]


# Addresses, as attackers write them; {port} is the trap's.
ADDRESSES = [
    # this machine, in numbers
    "http://127.0.0.1:{port}/a.mp4",
    "http://127.1:{port}/a.mp4",
    "http://127.0.1:{port}/a.mp4",
    "http://0:{port}/a.mp4",
    "http://0.0.0.0:{port}/a.mp4",
    "http://2130706433:{port}/a.mp4",
    "http://0x7f000001:{port}/a.mp4",
    "http://0x7f.1:{port}/a.mp4",
    "http://0x7f.0x0.0x0.0x1:{port}/a.mp4",
    "http://017700000001:{port}/a.mp4",
    "http://0177.0.0.01:{port}/a.mp4",
    "http://127.000.000.001:{port}/a.mp4",
    "http://127.0.0.1.:{port}/a.mp4",
    "http://127.0.0.2:{port}/a.mp4",
    "http://[::1]:{port}/a.mp4",
    "http://[0:0:0:0:0:0:0:1]:{port}/a.mp4",
    "http://[::]:{port}/a.mp4",
    "http://[::ffff:127.0.0.1]:{port}/a.mp4",
    "http://[::ffff:7f00:1]:{port}/a.mp4",
    "http://[::127.0.0.1]:{port}/a.mp4",
    "http://[::ffff:0:127.0.0.1]:{port}/a.mp4",
    "http://[64:ff9b::7f00:1]:{port}/a.mp4",
    "http://[2002:7f00:1::]:{port}/a.mp4",
    "http://[::1%25lo]:{port}/a.mp4",
    "http://[::1%lo]:{port}/a.mp4",
    # this machine, by name
    "http://localhost:{port}/a.mp4",
    "http://LOCALHOST:{port}/a.mp4",
    "http://localhost.:{port}/a.mp4",
    "http://x.localhost:{port}/a.mp4",
    "http://private.test:{port}/a.mp4",
    "http://private6.test:{port}/a.mp4",
    "http://mapped.test:{port}/a.mp4",
    "http://two-faced.test:{port}/a.mp4",
    "http://rebinding.test:{port}/a.mp4",
    "https://127.0.0.1:{port}/a.mp4",
    # digits and dots that only look odd
    "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:{port}/a.mp4",
    "http://127\u30020\u30020\u30021:{port}/a.mp4",
    "http://\uff11\uff12\uff17.0.0.1:{port}/a.mp4",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{port}/a.mp4",
    "http://127.0.0.1\u2044@public.test:{port}/a.mp4",
    # one text, two readings
    "http://public.test@127.0.0.1:{port}/a.mp4",
    "http://public.test:80@127.0.0.1:{port}/a.mp4",
    "http://127.0.0.1:{port}\\@public.test/a.mp4",
    "http://public.test\\@127.0.0.1:{port}/a.mp4",
    "http://public.test%40127.0.0.1:{port}/a.mp4",
    "http://%31%32%37.0.0.1:{port}/a.mp4",
    "http://%6c%6f%63alhost:{port}/a.mp4",
    "http://127.0.0.1:{port}#@public.test/a.mp4",
    "http://127.0.0.1:{port}?@public.test/a.mp4",
    "http://public.test 127.0.0.1:{port}/a.mp4",
    "http://127.0.0.1\t:{port}/a.mp4",
    "ht\ttp://127.0.0.1:{port}/a.mp4",
    "http://127.0.0.1:{port}/\r\nHost: public.test",
    "http://public.test\x00.127.0.0.1:{port}/a.mp4",
    "http:///127.0.0.1:{port}/a.mp4",
    "http:/127.0.0.1:{port}/a.mp4",
    "http:127.0.0.1:{port}/a.mp4",
    "//127.0.0.1:{port}/a.mp4",
    "http:\\\\127.0.0.1:{port}\\a.mp4",
    "http://127.0.0.1:{port}/a.mp4#__youtubedl_smuggle=%7B%22to_generic%22%3A+true%7D",
    # neighbours, and the cloud's own service
    "http://10.0.0.1/a.mp4",
    "http://192.168.0.1/a.mp4",
    "http://172.16.0.1/a.mp4",
    "http://100.64.0.1/a.mp4",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://metadata.test/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[64:ff9b::a9fe:a9fe]/latest/meta-data/",
    "http://[fe80::1]/a.mp4",
    "http://224.0.0.1/a.mp4",
    "http://255.255.255.255/a.mp4",
    # services that are no web sites
    "http://public.test:25/a.mp4",
    "http://public.test:6379/a.mp4",
    "http://public.test:0/a.mp4",
    "http://public.test:99999/a.mp4",
    # other ways to speak
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "ftp://127.0.0.1:{port}/a.mp4",
    "gopher://127.0.0.1:{port}/_INFO",
    "dict://127.0.0.1:{port}/info",
    "data:video/mp4;base64,AAAA",
    "concat:http://127.0.0.1:{port}/a.mp4",
    "unix:///var/run/docker.sock",
    "rtmp://127.0.0.1:{port}/live/x",
    "rtsp://127.0.0.1:{port}/x",
    "mms://127.0.0.1:{port}/x",
    "ytsearch:cats",
    "generic:http://127.0.0.1:{port}/a.mp4",
    "-h",
    "--exec=touch /tmp/x",
]

# What a public site may answer to lead elsewhere; {inside} is an address of the trap or a file.
INSIDE = {
    "the trap": "http://private.test:{port}/a.mp4",
    "the trap by a second answer": "http://rebinding.test:{port}/a.mp4",
    "a file": "file://{secret}",
}


def page(site: Website, body: str, kind: str = "text/html", path: str = "/page") -> str:
    site.serve(path, body.encode(), kind)
    return site.url(path, PUBLIC)


def playlist(site: Website, *lines: str) -> str:
    return page(
        site,
        "\n".join(["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", *lines, "#EXT-X-ENDLIST", ""]),
        "application/vnd.apple.mpegurl",
        "/list.m3u8",
    )


def variants(site: Website, *lines: str) -> str:
    return page(site, "\n".join(["#EXTM3U", *lines, ""]), "application/vnd.apple.mpegurl", "/list.m3u8")


def manifest(site: Website, inner: str) -> str:
    head = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>'
    body = f'{head}<AdaptationSet mimeType="video/mp4">{inner}</AdaptationSet></Period></MPD>'
    return page(site, body, "application/dash+xml", "/list.mpd")


def chain(site: Website, target: str) -> str:
    for number in range(3):
        site.redirect(f"/{number}", f"/{number + 1}", 301 + number % 2)
    site.redirect("/3", target)
    return site.url("/0", PUBLIC)


def hop(site: Website, target: str, status: int = 302) -> str:
    """A public address that sends on to the target."""
    site.redirect("/hop", target, status)
    return site.url("/hop", PUBLIC)


TURNS: dict[str, Callable[[Website, str], str]] = {
    **{f"redirect {status}": lambda s, a, status=status: hop(s, a, status) for status in (301, 302, 303, 307, 308)},
    "a chain of redirects": chain,
    "a page that sends on": lambda s, a: page(s, f'<meta http-equiv="refresh" content="0;url={a}"><title>x</title>'),
    "the video of a page": lambda s, a: page(s, f'<title>x</title><video src="{a}"></video>'),
    "the source of a video": lambda s, a: page(s, f'<video><source src="{a}" type="video/mp4"></video>'),
    "a redirect of a page's video": lambda s, a: page(s, f'<video src="{hop(s, a)}"></video>'),
    "open graph": lambda s, a: page(s, f'<title>x</title><meta property="og:video" content="{a}">'),
    "linked data": lambda s, a: page(
        s,
        '<script type="application/ld+json">'
        + json.dumps({"@context": "https://schema.org", "@type": "VideoObject", "name": "x", "contentUrl": a})
        + "</script>",
    ),
    "a frame": lambda s, a: page(s, f'<title>x</title><iframe src="{a}"></iframe>'),
    "a player's settings": lambda s, a: page(s, f'<script>jwplayer("a").setup({{"file": "{a}"}});</script>'),
    "a feed": lambda s, a: page(s, f"<rss><channel><item><link>{a}</link></item></channel></rss>", "text/xml"),
    "a list of addresses": lambda s, a: page(s, f"[playlist]\nFile1={a}\n", "audio/x-scpls", "/a.pls"),
    "SMIL": lambda s, a: page(s, f'<smil><body><video src="{a}"/></body></smil>', "application/smil+xml"),
    "a piece of a stream": lambda s, a: playlist(s, "#EXTINF:1,", a),
    "a redirect of a piece": lambda s, a: playlist(s, "#EXTINF:1,", hop(s, a)),
    "the key of a stream": lambda s, a: playlist(s, f'#EXT-X-KEY:METHOD=AES-128,URI="{a}"', "#EXTINF:1,", "/piece.ts"),
    "a redirect of a key": lambda s, a: playlist(
        s, f'#EXT-X-KEY:METHOD=AES-128,URI="{hop(s, a)}"', "#EXTINF:1,", "/piece.ts"
    ),
    "the head of a stream": lambda s, a: playlist(s, f'#EXT-X-MAP:URI="{a}"', "#EXTINF:1,", "/piece.ts"),
    "a variant of a stream": lambda s, a: variants(s, "#EXT-X-STREAM-INF:BANDWIDTH=1", a),
    "a rendition of a stream": lambda s, a: variants(
        s, f'#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",NAME="x",URI="{a}"', '#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO="v"', a
    ),
    "pieces joined by ffmpeg": lambda s, a: playlist(s, "#EXTINF:1,", f"concat:{a}|{a}"),
    "a piece read by ffmpeg": lambda s, a: playlist(s, "#EXTINF:1,", f"subfile,,start,0,end,9,,:{a}"),
    "a sealed piece for ffmpeg": lambda s, a: playlist(
        s, '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/piece.ts"', "#EXTINF:1,", a
    ),
    "DASH": lambda s, a: manifest(s, f'<Representation id="1"><BaseURL>{a}</BaseURL></Representation>'),
    "a piece of DASH": lambda s, a: manifest(
        s,
        '<Representation id="1" bandwidth="1"><SegmentList duration="1">'
        f'<SegmentURL media="{a}"/></SegmentList></Representation>',
    ),
    "the head of DASH": lambda s, a: manifest(
        s,
        '<Representation id="1" bandwidth="1"><SegmentList duration="1">'
        f'<Initialization sourceURL="{a}"/><SegmentURL media="/piece.ts"/></SegmentList></Representation>',
    ),
    "a playlist that calls itself a film": lambda s, a: page(
        s, f"#EXTM3U\n#EXTINF:1,\n{a}\n#EXT-X-ENDLIST\n", "video/mp4", "/film.mp4"
    ),
    "a playlist inside an AVI": lambda s, a: page(s, _avi(a), "video/x-msvideo", "/film.avi"),
    "a list for ffmpeg": lambda s, a: page(s, f"ffconcat version 1.0\nfile '{a}'\n", "video/mp4", "/film.mp4"),
    "an SDP": lambda s, a: page(s, f"v=0\na=control:{a}\n", "video/mp4", "/film.mp4"),
}


def _avi(address: str) -> str:
    """GAB2 subtitles of an AVI are handed to whatever demuxer fits: here, HLS (GHSA-22fp-mf44-f2mq and its like)."""
    return f"RIFF\x00\x00\x00\x00AVI LIST\x00\x00\x00\x00movi GAB2\x00 #EXTM3U\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"


def try_all(url: str, folder: Path, **more: object) -> None:
    """Fetches an address and looks at what came, as the jobs of links do."""
    probe(download_video(url, folder, options(**more)).path)


def refused(call: Callable[[], object], trap: Trap, folder: Path) -> AppError:
    with pytest.raises(AppError) as caught:
        call()
    assert trap.connections == 0
    assert caught.value.message.endswith(".")
    assert str(folder) not in caught.value.message
    return caught.value


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_leads_inside(address: str, trap: Trap, names: Names, tmp_path: Path) -> None:
    url = address.format(port=trap.port)
    error = refused(lambda: try_all(url, tmp_path), trap, tmp_path)
    assert isinstance(error, FetchError)
    assert list(tmp_path.iterdir()) == []
    refused(lambda: SafeFetcher(max_bytes=LIMIT, allowed_hosts=(PUBLIC,)).read(url), trap, tmp_path)
    refused(lambda: list_playlist(url, tmp_path, options(), 5), trap, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_no_turn_leads_inside(
    turn: Callable[[Website, str], str],
    inside: str,
    site: Website,
    trap: Trap,
    names: Names,
    film: bytes,
    tmp_path: Path,
) -> None:
    secret, folder = tmp_path / "secret.mp4", tmp_path / "downloads"
    secret.write_bytes(film)
    folder.mkdir()
    site.serve("/piece.ts", bytes(188))
    url = turn(site, inside.format(port=trap.port, secret=secret))
    refused(lambda: try_all(url, folder), trap, tmp_path)
    assert not [path for path in folder.iterdir() if film in path.read_bytes()]


@pytest.mark.parametrize("scheme", ["ftp", "gopher", "dict", "data", "ftps", "sftp", "ws", "rtmp", "jar", "javascript"])
def test_no_turn_changes_the_way_to_speak(scheme: str, site: Website, trap: Trap, names: Names, tmp_path: Path) -> None:
    address = f"{scheme}://127.0.0.1:{trap.port}/a.mp4"
    error = refused(lambda: try_all(hop(site, address), tmp_path), trap, tmp_path)
    assert isinstance(error, ForbiddenAddressError)
    refused(lambda: try_all(playlist(site, "#EXTINF:1,", address), tmp_path), trap, tmp_path)
    refused(lambda: try_all(page(site, f'<video src="{address}"></video>'), tmp_path), trap, tmp_path)


def _huge_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")


def _endless_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X-Header: " + b"x" * 1000 + b"\r\n")


def _slow_headers(site: Website) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not site.stopping.wait(0.05):
            request.wfile.write(b"X: y\r\n")

    return answer


def _bomb(*kinds: str) -> bytes:
    body = bytes(30_000_000)
    for kind in kinds:
        body = gzip.compress(body) if kind == "gzip" else zlib.compress(body)
    return body


GREEDY: dict[str, Callable[[Website], Callable[[BaseHTTPRequestHandler], None]]] = {
    "endless film": lambda s: endless(bytes(50_000)),
    "endless page": lambda s: endless(b"<p>" * 20_000, "text/html"),
    "endless playlist": lambda s: endless(b"#EXTM3U\n#EXTINF:1,\n/a.ts\n" * 2000, "application/x-mpegurl"),
    "a film that bursts": lambda s: content(_bomb("gzip"), Content_Encoding="gzip"),
    "a page that bursts": lambda s: content(_bomb("gzip") * 20, "text/html", Content_Encoding="gzip"),
    "a bomb in a bomb": lambda s: content(_bomb("gzip", "gzip"), Content_Encoding="gzip, gzip"),
    "deflate": lambda s: content(_bomb("deflate"), Content_Encoding="deflate"),
    "a lie about the length": lambda s: content(b"x", Content_Length="99999999999"),
    "a negative length": lambda s: content(b"x" * 1000, Content_Length="-5"),
    "huge headers": lambda s: _huge_headers,
    "endless headers": lambda s: _endless_headers,
    "slow headers": _slow_headers,
    "a slow film": dripping,
    "a slow page": lambda s: dripping(s, "text/html"),
}


@pytest.mark.parametrize("answer", GREEDY.values(), ids=GREEDY)
def test_no_answer_fills_memory_disk_or_time(
    answer: Callable[[Website], Callable[[BaseHTTPRequestHandler], None]],
    site: Website,
    trap: Trap,
    names: Names,
    tmp_path: Path,
) -> None:
    site.pages["/a"] = answer(site)
    refused(lambda: try_all(site.url("/a", PUBLIC), tmp_path, timeout=1.0, max_seconds=2.0), trap, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= LIMIT


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_no_proxy_of_the_environment_is_asked(
    variable: str, site: Website, trap: Trap, names: Names, film: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{trap.port}")
    refused(lambda: try_all("http://elsewhere.test/a.mp4", tmp_path), trap, tmp_path)
    refused(lambda: try_all("http://10.0.0.1/a.mp4", tmp_path), trap, tmp_path)
    site.serve("/film.mp4", film)
    try_all(page(site, '<title>x</title><video src="/film.mp4"></video>'), tmp_path)
    assert trap.connections == 0


@pytest.mark.parametrize("inside", list(INSIDE.values())[:2], ids=list(INSIDE)[:2])
def test_a_picture_of_a_page_leads_nowhere(
    inside: str, site: Website, trap: Trap, names: Names, film: bytes, tmp_path: Path
) -> None:
    """It spoils nothing, so the video comes without it."""
    site.serve("/film.mp4", film)
    address = inside.format(port=trap.port)
    for picture in (address, hop(site, address)):
        url = page(
            site, f'<meta property="og:image" content="{picture}"><title>x</title><video src="/film.mp4"></video>'
        )
        assert download_video(url, tmp_path, options()).thumbnail is None
    assert trap.connections == 0


def test_a_name_is_asked_once_for_each_connection(site: Website, trap: Trap, names: Names, tmp_path: Path) -> None:
    """So there is no second answer that could differ from the one that was checked."""
    refused(lambda: try_all(f"http://rebinding.test:{trap.port}/a.mp4", tmp_path), trap, tmp_path)
    assert names.asked.count("rebinding.test") == 1


def test_the_trap_works(site: Website, trap: Trap, names: Names, film: bytes, tmp_path: Path) -> None:
    """Else all the above would prove nothing."""
    with socket.create_connection(("127.0.0.1", trap.port)) as visitor:
        assert b"secret" in io.BufferedReader(visitor.makefile("rb", 0)).read()  # type: ignore[arg-type]
    assert trap.connections == 1
    site.serve("/film.mp4", film)
    try_all(site.url("/film.mp4", PUBLIC), tmp_path)
    allowed = options(allowed_hosts=("private.test",))
    assert download_video(f"http://private.test:{trap.port}/a.mp4", tmp_path, allowed).path.read_bytes() == b"secret"


NOT_TAKEN = {
    *("a frame", "a list of addresses"),  # yt-dlp passes them by
    *("pieces joined by ffmpeg", "a piece read by ffmpeg", "a sealed piece for ffmpeg"),
    *("a playlist that calls itself a film", "a playlist inside an AVI", "a list for ffmpeg", "an SDP"),
}
"""Turns that lead nowhere even where the place is allowed: only an FFmpeg that is not tied down would take them."""


@pytest.mark.parametrize("name", TURNS)
def test_the_turns_are_real(name: str, site: Website, trap: Trap, names: Names, tmp_path: Path) -> None:
    """Where the owner allows the place, each of them leads there: it is the guard that refuses."""
    site.serve("/piece.ts", bytes(188))
    url = TURNS[name](site, f"http://private.test:{trap.port}/a.mp4")
    with contextlib.suppress(AppError):
        try_all(url, tmp_path, allowed_hosts=(PUBLIC, "private.test"))
    assert (trap.connections > 0) is (name not in NOT_TAKEN)


def test_there_are_enough_of_them() -> None:
    assert len(set(ADDRESSES)) + len(TURNS) + len(GREEDY) >= 40
