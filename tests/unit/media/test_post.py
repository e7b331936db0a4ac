"""Messages go to public addresses only, once, and an odd receiver holds nobody up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from app.errors import FetchError, ForbiddenAddressError
from app.media.post import MAX_ANSWER_BYTES, post_json
from tests.website import Website, dripping, endless, silent

HERE = ("127.0.0.1",)
BODY = b'{"event":"job.succeeded"}'


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


def test_the_message_arrives(site: Website) -> None:
    seen: list[tuple[str, bytes, dict[str, str]]] = []

    def take(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        seen.append((request.command, body, dict(request.headers)))
        request.send_response(204)
        request.end_headers()

    site.pages["/hook"] = take
    assert post_json(site.url("/hook?a=1"), BODY, {"X-Mark": "7"}, allowed_hosts=HERE) == 204
    [(command, body, headers)] = seen
    assert (command, body) == ("POST", BODY)
    assert (headers["Content-Type"], headers["X-Mark"]) == ("application/json", "7")
    assert site.requests == ["/hook?a=1"]


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (400, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
def test_other_answers(site: Website, status: int, retryable: bool) -> None:
    url = site.redirect("/hook", "/elsewhere", status) if status == 301 else site.fail("/hook", status)
    with pytest.raises(FetchError, match=str(status)) as caught:
        post_json(url, BODY, {}, allowed_hosts=HERE)
    assert caught.value.retryable is retryable
    assert site.requests == ["/hook"], "neither followed nor repeated here"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "http://localhost:{port}/hook",
        "http://[::1]:{port}/hook",
        "http://[::ffff:127.0.0.1]:{port}/hook",
        "http://2130706433:{port}/hook",
        "http://0x7f.1:{port}/hook",
        "http://0177.0.0.1:{port}/hook",
        "http://127.1:{port}/hook",
        "http://0.0.0.0:{port}/hook",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/hook",
        "http://user@example.org@127.0.0.1:{port}/hook",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_",
    ],
)
def test_private_addresses(site: Website, url: str) -> None:
    site.serve("/hook", b"secret")
    with pytest.raises(FetchError):
        post_json(url.format(port=site.port), BODY, {})
    assert site.requests == []


def test_names_that_lead_into_a_private_network(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", site.port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", site.port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ForbiddenAddressError):
        post_json(f"http://hooks.example.org:{site.port}/hook", BODY, {})
    assert site.requests == []


def test_a_redirect_into_a_private_network_is_not_followed(site: Website) -> None:
    with Website() as inner:
        inner.serve("/secret", b"secret")
        for status in (301, 302, 303, 307, 308):
            url = site.redirect("/hook", inner.url("/secret"), status)
            with pytest.raises(FetchError, match="not followed"):
                post_json(url, BODY, {}, allowed_hosts=HERE)
        assert inner.requests == []


def test_receivers_that_never_come_to_an_end(site: Website) -> None:
    site.pages["/silent"] = silent(site)
    site.pages["/dripping"] = dripping(site)
    site.pages["/endless"] = endless(b"x" * 4096)
    for path in ("/silent", "/dripping"):
        with pytest.raises(FetchError) as caught:
            post_json(site.url(path), BODY, {}, allowed_hosts=HERE, timeout=0.3, max_seconds=0.6)
        assert caught.value.retryable
    assert post_json(site.url("/endless"), BODY, {}, allowed_hosts=HERE) == 200, f"{MAX_ANSWER_BYTES} bytes are read"


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        post_json(f"http://127.0.0.1:{port}/hook", BODY, {}, allowed_hosts=HERE)
    assert caught.value.retryable
