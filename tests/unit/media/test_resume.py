"""Downloads that are interrupted and go on, from a real site on this machine."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from app.errors import FetchError, TooLargeError
from app.media.fetch import SafeFetcher
from app.media.resume import fetch_resumable, forget_part
from tests.website import RangedPage, Website

ROOT = Path(__file__).resolve().parents[3]
BODY = bytes(range(256)) * 2000 + b"the end"


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "weights.part"


def fetcher(**settings: object) -> SafeFetcher:
    return SafeFetcher(**{"max_bytes": 1_000_000, "allowed_hosts": ("127.0.0.1",), "timeout": 5.0, **settings})  # type: ignore[arg-type]


def test_a_download_that_breaks_off_goes_on_by_itself(site: Website, part: Path) -> None:
    page = site.pages["/w"] = RangedPage(BODY, break_after=300_000)
    seen: list[tuple[int, int | None]] = []
    assert fetch_resumable(fetcher(), site.url("/w"), part, lambda *at: seen.append(at)) == len(BODY)
    assert part.read_bytes() == BODY
    assert page.asked[0] is None and len(page.asked) == 2
    start = int(page.asked[1].removeprefix("bytes=").rstrip("-"))  # type: ignore[union-attr]
    assert 0 < start <= 300_000
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {len(BODY)}


def test_a_later_try_goes_on_where_the_last_one_stopped(site: Website, part: Path) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, _total: int | None) -> None:
        if done > 100_000:
            raise StopError

    page = site.pages["/w"] = RangedPage(BODY)
    with pytest.raises(StopError):
        fetch_resumable(fetcher(), site.url("/w"), part, stop)
    there = part.stat().st_size
    assert 0 < there < len(BODY)
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY
    assert page.asked == [None, f"bytes={there}-"]


def _leave_part(site: Website, part: Path, etag: str = '"1"') -> RangedPage:
    """What an interrupted download leaves; the site is whole again afterwards."""
    page = RangedPage(BODY, etag, break_after=200_000)

    def once(request: BaseHTTPRequestHandler) -> None:
        site.fail("/w", 503)
        page(request)

    site.pages["/w"] = once
    with pytest.raises(FetchError):
        fetch_resumable(fetcher(), site.url("/w"), part)
    assert part.stat().st_size == 200_000
    page.break_after = None
    page.asked.clear()
    site.pages["/w"] = page
    return page


def test_another_version_of_the_file_begins_anew(site: Website, part: Path) -> None:
    page = _leave_part(site, part)
    page.body, page.etag = BODY[::-1], '"2"'
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY[::-1]


def test_a_file_without_marks_goes_on_if_its_length_is_the_same(site: Website, part: Path) -> None:
    page = _leave_part(site, part, etag="")
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY and page.asked[0] is not None


def test_a_file_without_marks_and_of_another_length_begins_anew(site: Website, part: Path) -> None:
    page = _leave_part(site, part, etag="")
    page.body = BODY + b"more"
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY) + 4
    assert part.read_bytes() == BODY + b"more"


def test_a_site_that_knows_no_parts_gives_the_whole(site: Website, part: Path) -> None:
    _leave_part(site, part)
    site.serve("/w", BODY)
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY


def test_a_shorter_file_begins_anew(site: Website, part: Path) -> None:
    page = _leave_part(site, part)
    page.body = b"short"
    assert fetch_resumable(fetcher(), site.url("/w"), part) == 5
    assert part.read_bytes() == b"short"


def test_another_address_begins_anew(site: Website, part: Path) -> None:
    _leave_part(site, part)
    other = site.pages["/other"] = RangedPage(BODY)
    assert fetch_resumable(fetcher(), site.url("/other"), part) == len(BODY)
    assert other.asked == [None]


def test_a_shorter_beginning_at_another_address_counts_as_something_new(site: Website, part: Path) -> None:
    _leave_part(site, part)
    site.pages["/other"] = RangedPage(BODY, break_after=150_000)
    assert fetch_resumable(fetcher(), site.url("/other"), part) == len(BODY)
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}'], ids=["empty", "half", "list", "strange"])
def test_without_a_sound_note_it_begins_anew(site: Website, part: Path, note: str) -> None:
    page = _leave_part(site, part)
    part.with_name("weights.part.json").write_text(note)
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert page.asked == [None]


def test_a_part_that_is_whole_is_not_asked_for_again(site: Website, part: Path) -> None:
    page = site.pages["/w"] = RangedPage(BODY)
    fetch_resumable(fetcher(), site.url("/w"), part)
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert page.asked == [None]


def test_an_answer_with_another_part_begins_anew(site: Website, part: Path) -> None:
    page = _leave_part(site, part)

    def wrong(request: BaseHTTPRequestHandler) -> None:
        site.pages["/w"] = page
        request.send_response(206)
        request.send_header("Content-Range", "bytes 7-9/10")
        request.send_header("Content-Length", "3")
        request.end_headers()
        request.wfile.write(b"abc")

    site.pages["/w"] = wrong
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY


def test_what_has_come_stays_when_the_site_is_gone(site: Website, part: Path) -> None:
    _leave_part(site, part)
    size = part.stat().st_size
    site.fail("/w", 503)
    with pytest.raises(FetchError) as caught:
        fetch_resumable(fetcher(), site.url("/w"), part)
    assert caught.value.retryable and part.stat().st_size == size


def test_a_site_that_gives_nothing_new_is_not_asked_for_ever(site: Website, part: Path) -> None:
    page = site.pages["/w"] = RangedPage(BODY, break_after=0)
    with pytest.raises(FetchError, match="broke off"):
        fetch_resumable(fetcher(), site.url("/w"), part)
    assert len(page.asked) == 1


def test_too_large_a_file_is_refused(site: Website, part: Path) -> None:
    site.pages["/w"] = RangedPage(BODY)
    with pytest.raises(TooLargeError):
        fetch_resumable(fetcher(max_bytes=1000), site.url("/w"), part)


def test_a_full_disk_is_told(site: Website, part: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    site.pages["/w"] = RangedPage(BODY)
    part.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        fetch_resumable(fetcher(), site.url("/w"), part)
    assert caught.value.errno == errno.ENOSPC


def test_forgetting_removes_part_and_note(site: Website, part: Path) -> None:
    _leave_part(site, part)
    forget_part(part)
    assert list(part.parent.iterdir()) == []


PROGRAM = """
import sys
from pathlib import Path
from app.media.fetch import SafeFetcher
from app.media.resume import fetch_resumable
fetcher = SafeFetcher(max_bytes=1_000_000, allowed_hosts=("127.0.0.1",), timeout=30.0)
fetch_resumable(fetcher, sys.argv[1], Path(sys.argv[2]), lambda done, total: print(done, flush=True))
"""


def test_a_killed_download_goes_on(site: Website, part: Path) -> None:
    held = threading.Event()

    def hold(request: BaseHTTPRequestHandler) -> None:
        """Gives half, then waits until the program is dead."""
        request.send_response(200)
        request.send_header("ETag", '"1"')
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:300_000])
        held.wait(60)

    site.pages["/w"] = hold
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, site.url("/w"), str(part)],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 300_000:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    held.set()
    left = part.stat().st_size
    assert 0 < left < len(BODY)
    page = site.pages["/w"] = RangedPage(BODY)
    assert fetch_resumable(fetcher(), site.url("/w"), part) == len(BODY)
    assert part.read_bytes() == BODY
    assert page.asked == [f"bytes={left}-"]


def test_the_look_up_of_a_name_takes_no_longer_than_allowed(monkeypatch: pytest.MonkeyPatch, part: Path) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> object:
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(FetchError, match="did not answer in time"):
        fetch_resumable(fetcher(connect_timeout=0.2), "http://weights.example/w", part)
    over.set()


def test_all_addresses_of_a_host_that_does_not_answer_share_one_time(
    monkeypatch: pytest.MonkeyPatch, part: Path
) -> None:
    tried: list[float] = []

    def hang(self: socket.socket, _address: object) -> None:
        tried.append(self.gettimeout() or 0)
        threading.Event().wait(self.gettimeout())
        raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{number}", 80)) for number in range(1, 20)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", hang)
    with pytest.raises(FetchError, match="did not answer in time"):
        fetch_resumable(fetcher(connect_timeout=0.2, allowed_hosts=("dead.example",)), "http://dead.example/w", part)
    assert sum(tried) <= 0.2
