"""Fetching weights, from a real site on this machine."""

from __future__ import annotations

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

from app.errors import ModelError
from app.services.models.pull import Network, pull
from app.services.models.records import Records
from app.services.models.sources import Weight
from tests.website import RangedPage, Website, content
from tests.weights import files_in, offer, put, small_network

ROOT = Path(__file__).resolve().parents[4]
NETWORK = Network(("127.0.0.1",), connect_timeout=5.0, timeout=5.0)
BODY = small_network()


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


def listing(folder: Path) -> list[str]:
    """What lies in a folder, the lock aside."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".faaaaaces.lock")


def test_files_come_and_are_recorded(site: Website, tmp_path: Path) -> None:
    files, seen = files_in(tmp_path), []
    one, _ = offer(site, "one.onnx", BODY)
    two, _ = offer(site, "two.onnx", small_network(1))
    assert pull(files, [one, two], NETWORK, progress=lambda *at: seen.append(at)) == ["one.onnx", "two.onnx"]
    assert (files.deepface / "one.onnx").read_bytes() == BODY
    assert listing(files.deepface) == ["one.onnx", "two.onnx"]
    record = Records(files.cache).get("one.onnx")
    assert record is not None and (record.size, record.source) == (len(BODY), one.urls[0])
    assert seen[-1] == ("two.onnx", len(small_network(1)), len(small_network(1)))
    before = len(site.requests)
    assert pull(files, [one, two], NETWORK) == []
    assert len(site.requests) == before


def test_what_broke_off_goes_on(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY, break_after=200_000)
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert (files.deepface / "one.onnx").read_bytes() == BODY
    assert len(page.asked) == 4 and None not in page.asked[1:]


def test_after_a_404_the_second_address_is_asked(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight = Weight("one.onnx", (site.url("/first"), site.url("/second")))
    site.pages["/second"] = RangedPage(BODY)
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert site.requests == ["/first", "/second"]
    record = Records(files.cache).get("one.onnx")
    assert record is not None and record.source == weight.urls[1]


def _cut(request: BaseHTTPRequestHandler) -> None:
    """Claims the length of what it gives, which is not the whole."""
    content(BODY[:5000])(request)


def _too_long(request: BaseHTTPRequestHandler) -> None:
    content(BODY, Content_Length=str(len(BODY) + 10))(request)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        pytest.param(_cut, "cut off or no network", id="too short"),
        pytest.param(_too_long, "broke off", id="less than announced"),
        pytest.param(content(b"<html>Log in</html>", "text/html"), "cut off or no network", id="web page"),
        pytest.param(content(BODY + b"x"), "cut off or no network", id="too long"),
    ],
)
def test_what_is_not_the_file_is_not_taken(site: Website, tmp_path: Path, page, reason: str) -> None:
    files = files_in(tmp_path)
    weight, _ = offer(site, "one.onnx", BODY)
    site.pages["/first/one.onnx"] = site.pages["/second/one.onnx"] = page
    with pytest.raises(ModelError, match=reason):
        pull(files, [weight], NETWORK)
    assert not (files.deepface / "one.onnx").exists()
    assert Records(files.cache).get("one.onnx") is None
    site.pages["/second/one.onnx"] = RangedPage(BODY)
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert listing(files.deepface) == ["one.onnx"]


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    weights = [
        Weight(name, (f"http://127.0.0.1:{port}/a/{name}", f"http://127.0.0.1:{port}/b/{name}"))
        for name in ("one.onnx", "two.onnx")
    ]
    with pytest.raises(ModelError) as caught:
        pull(files_in(tmp_path), weights, NETWORK)
    message = caught.value.message
    for words in (
        "one.onnx and two.onnx",
        f":{port}/a or ",
        f":{port}/b",
        ".deepface/weights",
        "models pull",
        "No connection",
    ):
        assert words in message
    assert ". " not in message and "\n" not in message and str(tmp_path) not in message


def test_what_has_come_is_kept_although_the_second_address_is_away_too(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY, break_after=200_000)

    def once(request: BaseHTTPRequestHandler) -> None:
        site.fail("/first/one.onnx", 503)
        page(request)

    site.pages["/first/one.onnx"] = once
    with pytest.raises(ModelError):
        pull(files, [weight], NETWORK)
    assert listing(files.deepface) == ["one.onnx.part", "one.onnx.part.json"]
    page.break_after = None
    site.pages["/first/one.onnx"] = page
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert page.asked[-1] == "bytes=200000-"


def test_a_full_disk_is_one_sentence(site: Website, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    files = files_in(tmp_path)
    weight, _ = offer(site, "one.onnx", BODY)
    put(files, "x", b"")
    (files.deepface / "one.onnx.part").symlink_to("/dev/full")
    with pytest.raises(ModelError, match="No space left on device"):
        pull(files, [weight], NETWORK)


def test_a_folder_that_cannot_be_made_is_one_sentence(site: Website, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    weight, _ = offer(site, "one.onnx", BODY)
    with pytest.raises(ModelError, match="DEEPFACE_HOME"):
        pull(files_in(tmp_path), [weight], NETWORK)
    assert site.requests == []


@pytest.mark.parametrize("there", [b"<html>", BODY[:1000]], ids=["page", "cut off"])
def test_a_damaged_file_is_fetched_again(site: Website, tmp_path: Path, there: bytes) -> None:
    files = files_in(tmp_path)
    weight, _ = offer(site, "one.onnx", BODY)
    put(files, "one.onnx", there)
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert (files.deepface / "one.onnx").read_bytes() == BODY


def test_a_file_that_is_there_is_recorded_and_not_fetched(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, _ = offer(site, "one.onnx", BODY)
    put(files, "one.onnx", BODY)
    assert pull(files, [weight], NETWORK) == []
    assert site.requests == [] and Records(files.cache).get("one.onnx") is not None


def test_another_file_at_the_address_is_refused_unless_accepted(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY)
    pull(files, [weight], NETWORK)
    (files.deepface / "one.onnx").unlink()
    page.body, page.etag = small_network(1), '"2"'
    with pytest.raises(ModelError, match=r"differs from what was recorded.*--accept"):
        pull(files, [weight], NETWORK)
    assert listing(files.deepface) == []
    assert pull(files, [weight], NETWORK, accept_changed=True) == ["one.onnx"]
    assert pull(files, [weight], NETWORK) == []


def test_a_file_that_was_changed_is_fetched_again_or_accepted(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, _ = offer(site, "one.onnx", BODY)
    pull(files, [weight], NETWORK)
    put(files, "one.onnx", small_network(1))
    assert pull(files, [weight], NETWORK, accept_changed=True) == []
    put(files, "one.onnx", small_network(2))
    with pytest.raises(ModelError, match="differs from what was recorded"):
        pull(files, [weight], NETWORK)  # what was accepted is not what the site has
    put(files, "one.onnx", small_network(1))
    assert pull(files, [weight], NETWORK) == []


def test_what_progress_raises_ends_the_download_and_keeps_what_came(site: Website, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(_name: str, done: int, _total: int | None) -> None:
        if done > 100_000:
            raise StopError

    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY)
    with pytest.raises(StopError):
        pull(files, [weight], NETWORK, progress=stop)
    assert pull(files, [weight], NETWORK) == ["one.onnx"]
    assert page.asked[1] is not None


def test_of_two_at_once_one_fetches_and_the_other_waits(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY)
    asked, go_on, waited = threading.Event(), threading.Event(), threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        go_on.wait(30)
        page(request)

    site.pages["/first/one.onnx"] = slow
    results: list[list[str]] = []
    first = threading.Thread(target=lambda: results.append(pull(files, [weight], NETWORK)))
    first.start()
    assert asked.wait(30)
    second = threading.Thread(target=lambda: results.append(pull(files, [weight], NETWORK, waiting=waited.set)))
    second.start()
    assert waited.wait(30)
    go_on.set()
    first.join(30)
    second.join(30)
    assert sorted(results) == [[], ["one.onnx"]]
    assert site.requests == ["/first/one.onnx"]


def test_a_failure_that_was_noted_is_forgotten_with_the_first_success(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    Records(files.cache).note_failure("No network.")
    weight, _ = offer(site, "one.onnx", BODY)
    pull(files, [weight], NETWORK)
    assert Records(files.cache).failure() is None


PROGRAM = """
import sys
from pathlib import Path
from app.services.models.pull import Network, pull
from app.services.models.sources import Weight
from tests.weights import files_in
weight = Weight("one.onnx", (sys.argv[1],))
pull(files_in(Path(sys.argv[2])), [weight], Network(("127.0.0.1",)), progress=lambda name, done, total: print(done, flush=True))
"""


def test_a_killed_fetcher_leaves_no_lock_and_its_download_goes_on(site: Website, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    weight, page = offer(site, "one.onnx", BODY)
    dead = threading.Event()

    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("ETag", page.etag)
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:300_000])
        dead.wait(60)

    site.pages["/first/one.onnx"] = half
    command = [sys.executable, "-c", PROGRAM, weight.urls[0], str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 300_000:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    dead.set()
    left = (files.deepface / "one.onnx.part").stat().st_size
    assert 0 < left < len(BODY)
    site.pages["/first/one.onnx"] = page
    assert pull(files, [weight], NETWORK, waiting=lambda: pytest.fail("a dead process holds the lock")) == ["one.onnx"]
    assert page.asked == [f"bytes={left}-"]
    assert (files.deepface / "one.onnx").read_bytes() == BODY
    assert listing(files.deepface) == ["one.onnx"]
