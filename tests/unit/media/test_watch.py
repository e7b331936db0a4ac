"""A download ends when its time is up, or when nobody wants it any more: also while it waits for a slow site."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from app.errors import FetchError, JobCancelledError
from app.media.addresses import Guard
from app.media.fetch import SafeFetcher
from app.media.watch import Watch
from tests.website import Website, dripping, silent

SOON = 2.0
"""Seconds within which a cancelled download has to end."""


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


class Person:
    """Cancels a job as soon as the site was asked; remembers when."""

    def __init__(self, site: Website | None = None) -> None:
        self._site = site
        self.cancelled_at = 0.0

    def check(self) -> None:
        if self._site is None or self._site.requests:
            self.cancelled_at = self.cancelled_at or time.monotonic()
            raise JobCancelledError("The job was cancelled.")


def fetcher(person: Person) -> SafeFetcher:
    return SafeFetcher(max_bytes=10**6, allowed_hosts=("127.0.0.1", "localhost"), timeout=30, stop=person.check)


@pytest.mark.parametrize("page", [dripping, silent])
def test_a_slow_site_does_not_keep_a_cancelled_download(site: Website, page) -> None:
    site.pages["/a"] = page(site)
    person = Person(site)
    with pytest.raises(JobCancelledError):
        fetcher(person).read(site.url("/a"))
    assert time.monotonic() - person.cancelled_at < SOON


def test_a_limit_of_speed_does_not_keep_it_either(site: Website) -> None:
    url = site.serve("/a", bytes(500_000))
    person = Person(site)
    slow = SafeFetcher(max_bytes=10**6, allowed_hosts=("127.0.0.1",), rate_limit=100, stop=person.check)
    with pytest.raises(JobCancelledError):
        slow.read(url)
    assert time.monotonic() - person.cancelled_at < SOON


def test_a_handshake_that_never_ends() -> None:
    """The site takes the connection and says nothing where TLS should begin."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        person = Person()
        with pytest.raises(JobCancelledError):
            SafeFetcher(
                max_bytes=10,
                allowed_hosts=("127.0.0.1",),
                timeout=30,
                stop=person.check,
                tls=ssl.create_default_context(),
            ).read(f"https://127.0.0.1:{server.getsockname()[1]}/")
        assert time.monotonic() - person.cancelled_at < SOON


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: free.wait(30) and [])
    person = Person()
    try:
        with pytest.raises(JobCancelledError):
            fetcher(person).read("http://example.org/")
    finally:
        free.set()
    assert time.monotonic() - person.cancelled_at < SOON


def test_time_is_up_without_anybody_asking() -> None:
    here, there = socket.socketpair()
    with here, there, Watch(0.1) as watch:
        watch.add(here)
        assert here.recv(1) == b""
        assert watch.expired
        assert watch.ended


def test_what_is_opened_after_the_end_is_closed_at_once() -> None:
    here, there = socket.socketpair()
    with here, there, Watch(0.0) as watch:
        watch.pause(10)
        watch.add(here)
        assert here.recv(1) == b""


def test_nothing_is_connected_after_the_end(site: Website) -> None:
    with Guard(("127.0.0.1",), 0.0) as guard:
        guard.pause(10)
        with pytest.raises(TimeoutError):
            guard.connect("127.0.0.1", site.port, 1.0)
    assert site.requests == []


def test_nobody_is_asked_after_the_download() -> None:
    with Watch(60, lambda: None) as watch:
        watch.pause(0.01)
    assert all(thread.name != "download-watch" for thread in threading.enumerate())


@pytest.mark.parametrize("port", [22, 25, 6379, 11211])
def test_other_services_are_not_talked_to(port: int) -> None:
    with pytest.raises(FetchError, match="another kind of service"):
        SafeFetcher(max_bytes=10, allowed_hosts=("127.0.0.1",)).read(f"http://127.0.0.1:{port}/")
    guard = Guard(("127.0.0.1",))
    with pytest.raises(FetchError, match="another kind of service"):
        guard.connect("127.0.0.1", port, 1.0)
