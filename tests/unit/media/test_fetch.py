"""Fetching from a real site on this machine."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from app.errors import FetchError, ForbiddenAddressError, TooLargeError
from app.media.fetch import SafeFetcher
from app.media.fetch_errors import status_error
from tests.website import Website, content, dripping, endless, silent

BODY = bytes(range(256)) * 2000  # 512 kB

# A certificate for the name "localhost", made for these tests and used nowhere else; it ends in the year 2126.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUGf3JeGWJgPJo2Av0VXbJhlxiHKYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA3NDMzNloYDzIxMjYxMDI5
MDc0MzM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQLzoYkgk+8PaTXGFREJJ2VCND8CgFKWLJcWo0ZftICahmmkOass8Cd
73tn6ztV7xD9e2SD0pzKIKVWPJgE75gmo2kwZzAdBgNVHQ4EFgQU9kLjYNnv7KeG
35IKTO5JzcBWDCEwHwYDVR0jBBgwFoAU9kLjYNnv7KeG35IKTO5JzcBWDCEwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhAKZkE2UEEqxMPyXDoEXCfM1N2vPy0fKGaRIvTjkcthzwAiALjRGhMNVv
OdJK1xMf6H4C4OYMW5Rk8qg3s33BYLAvzQ==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMLhBdOHbENvyAjbT
0VJiaiTO9N0Su9il9pQSKPpp8dyhRANCAAQLzoYkgk+8PaTXGFREJJ2VCND8CgFK
WLJcWo0ZftICahmmkOass8Cd73tn6ztV7xD9e2SD0pzKIKVWPJgE75gm
-----END PRIVATE KEY-----
"""


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


def fetcher(**settings: object) -> SafeFetcher:
    return SafeFetcher(**{"max_bytes": 1_000_000, "allowed_hosts": ("127.0.0.1",), "timeout": 5.0, **settings})  # type: ignore[arg-type]


def test_a_file_comes_whole(site: Website, tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    url = site.serve("/film.mp4", BODY, "Video/MP4; codecs=avc1")
    fetched = fetcher().save(url, tmp_path / "x", lambda done, total: calls.append((done, total)))
    assert (tmp_path / "x").read_bytes() == BODY
    assert (fetched.size, fetched.content_type, fetched.file_name, fetched.url) == (
        len(BODY),
        "video/mp4",
        "film.mp4",
        url,
    )
    assert calls[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert fetcher().read(url) == BODY


def test_a_file_of_unknown_length_comes_whole(site: Website) -> None:
    site.serve("/a", BODY, Content_Length="")
    assert fetcher().read(site.url("/a")) == BODY


def test_a_packed_answer_is_unpacked(site: Website) -> None:
    packed = gzip.compress(BODY)
    site.serve("/a", packed, Content_Encoding="gzip")
    assert fetcher().read(site.url("/a")) == BODY


def test_a_packed_answer_cannot_burst(site: Website) -> None:
    site.serve("/a", gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")
    with pytest.raises(TooLargeError):
        fetcher().read(site.url("/a"))


@pytest.mark.parametrize(
    ("disposition", "path", "name"),
    [
        ("", "/films/my%20film.mp4", "my film.mp4"),
        ('attachment; filename="b.mkv"', "/a.mp4", "b.mkv"),
        ("attachment; filename*=UTF-8''%C3%BCber.mp4", "/a", "über.mp4"),
        ('attachment; filename="../../etc/passwd"', "/a", "passwd"),
        ('attachment; filename="C:\\\\temp\\\\x.mp4"', "/a", "x.mp4"),
        ("", "/", ""),
        ("", "/a%0D%0Ab%00.mp4", "ab.mp4"),
    ],
)
def test_names_are_bare(site: Website, disposition: str, path: str, name: str) -> None:
    from urllib.parse import unquote

    body = content(b"x", Content_Disposition=disposition)
    site.pages[path] = site.pages[unquote(path)] = body
    with fetcher().open(site.url(path)) as answer:
        assert answer.file_name == name


def test_redirects_are_followed(site: Website) -> None:
    site.serve("/end", BODY)
    site.redirect("/two", "/end", 301)
    site.redirect("/one", site.url("/two"), 307)
    with fetcher().open(site.url("/one")) as answer:
        assert answer.url == site.url("/end")
        assert b"".join(answer.chunks()) == BODY


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{port}/end",
        "//localhost:{port}/end",
        "http://127.0.0.2:{port}/end",
        "http://[::1]:{port}/end",
        "http://0x7f000001:{port}/end",
        "http://169.254.169.254/",
        "http://user@127.0.0.1:{port}/end",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_checked_like_the_first_address(site: Website, location: str, status: int) -> None:
    site.serve("/end", BODY)
    site.redirect("/start", location.format(port=site.port), status)
    with pytest.raises(ForbiddenAddressError):
        fetcher().read(site.url("/start"))
    assert site.requests == ["/start"]


def test_redirects_come_to_an_end(site: Website) -> None:
    site.redirect("/loop", "/loop")
    with pytest.raises(FetchError, match="circles"):
        fetcher(max_redirects=3).read(site.url("/loop"))
    assert len(site.requests) == 4


def test_a_redirect_to_nowhere(site: Website) -> None:
    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Content-Length", "0")
        request.end_headers()

    site.pages["/a"] = page
    with pytest.raises(FetchError, match="where to"):
        fetcher().read(site.url("/a"))


def test_private_addresses_need_permission(site: Website) -> None:
    url = site.serve("/a", BODY)
    with pytest.raises(ForbiddenAddressError, match="ALLOWED_FETCH_HOSTS"):
        fetcher(allowed_hosts=()).read(url)
    assert site.requests == []


def test_a_proxy_in_the_environment_is_not_used(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, site.url("/proxy"))
    with pytest.raises(ForbiddenAddressError):
        fetcher().read("http://10.0.0.1/")
    assert site.requests == []


@pytest.mark.parametrize(
    ("status", "words", "retryable"),
    [
        (400, "400", False),
        (401, "password", False),
        (403, "refuses", False),
        (404, "nothing", False),
        (410, "removed", False),
        (429, "too often", True),
        (451, "legal", False),
        (500, "problem of its own", True),
        (503, "problem of its own", True),
    ],
)
def test_errors_of_the_site_are_explained(
    site: Website, tmp_path: Path, status: int, words: str, retryable: bool
) -> None:
    url = site.fail("/a", status)
    with pytest.raises(FetchError, match=words) as caught:
        fetcher().save(url, tmp_path / "x")
    assert caught.value.retryable is retryable
    assert caught.value.message.endswith((".",))
    assert list(tmp_path.iterdir()) == []


def test_good_statuses_are_no_error() -> None:
    assert status_error(200) is None
    assert status_error(206) is None


@pytest.mark.parametrize(
    ("page", "error", "words", "retryable"),
    [
        pytest.param(
            lambda s: content(BODY[:1000], Content_Length="5000"), FetchError, "broke off", True, id="cut off"
        ),
        pytest.param(
            lambda s: content(BODY, Content_Length="2000000"), TooLargeError, "1 MB", None, id="says too large"
        ),
        pytest.param(lambda s: endless(bytes(60_000)), TooLargeError, "1 MB", None, id="endless"),
        pytest.param(dripping, FetchError, "did not answer in time", True, id="drips"),
        pytest.param(silent, FetchError, "did not answer in time", True, id="silent"),
        pytest.param(lambda s: _slam, FetchError, "broke off", True, id="hangs up"),
        pytest.param(lambda s: _babble, FetchError, "broke off", True, id="speaks no HTTP"),
        pytest.param(lambda s: _bad_chunks, FetchError, "broke off", True, id="wrong chunks"),
        pytest.param(lambda s: _endless_headers, FetchError, "broke off", True, id="endless headers"),
    ],
)
def test_bad_sites_give_one_clear_error(
    site: Website, tmp_path: Path, page, error: type[Exception], words: str, retryable: bool | None
) -> None:
    site.pages["/a"] = page(site)
    with pytest.raises(error, match=words) as caught:
        fetcher(timeout=1.0, max_seconds=1.5).save(site.url("/a"), tmp_path / "x")
    assert retryable is None or caught.value.retryable is retryable  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


def _slam(request: BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def _babble(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"220 mail.example ESMTP\r\n" * 10)


def _bad_chunks(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nhello\r\n")


def _endless_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X-Header: " + b"x" * 1000 + b"\r\n")


def test_more_than_announced_is_not_read(site: Website) -> None:
    site.serve("/a", BODY, Content_Length="1000")
    assert fetcher().read(site.url("/a")) == BODY[:1000]


def test_a_closed_port_is_explained() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match="No connection") as caught:
        fetcher().read(f"http://127.0.0.1:{port}/")
    assert caught.value.retryable


def test_a_name_that_does_not_exist_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError, match=r"nowhere\.example") as caught:
        fetcher().read("http://nowhere.example/a.mp4")
    assert caught.value.retryable


def test_what_progress_raises_ends_the_download(site: Website, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        fetcher().save(site.serve("/a", BODY), tmp_path / "x", stop)
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_behind(site: Website) -> None:
    before = threading.active_count()
    for _ in range(3):
        fetcher().read(site.serve("/a", BODY))
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    assert threading.active_count() <= before + 3  # the site's own threads may still be ending


@pytest.fixture
def secure_site(tmp_path: Path) -> Iterator[Website]:
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with Website(tls) as running:
        running.serve("/a", BODY)
        yield running


def test_the_certificate_counts_for_the_name_although_an_address_is_connected_to(secure_site: Website) -> None:
    trusting = ssl.create_default_context(cadata=CERTIFICATE)
    hosts = ("localhost", "127.0.0.1")
    assert fetcher(allowed_hosts=hosts, tls=trusting).read(secure_site.url("/a", "localhost")) == BODY
    with pytest.raises(FetchError, match="certificate"):
        fetcher(allowed_hosts=hosts, tls=trusting).read(secure_site.url("/a", "127.0.0.1"))


def test_a_certificate_of_nobody_known_is_refused(secure_site: Website) -> None:
    with pytest.raises(FetchError, match="certificate"):
        fetcher(allowed_hosts=("localhost",)).read(secure_site.url("/a", "localhost"))
    assert secure_site.requests == []
