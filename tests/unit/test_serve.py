"""What `serve` tries before anything starts. Starting for real is tried in tests/e2e/test_run.py."""

from __future__ import annotations

import errno
import socket
import sys
from pathlib import Path

import pytest

from app import serve
from app.config import Settings
from app.errors import ConfigError


def test_a_name_with_two_kinds_of_addresses_means_the_older_one() -> None:
    with serve._listen("localhost", 0) as listener:
        assert serve._url(listener).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:", id="this machine"),
        pytest.param("0.0.0.0", "http://127.0.0.1:", id="all addresses"),
        pytest.param("::1", "http://[::1]:", id="IPv6"),
        pytest.param("::", "http://[::1]:", id="all IPv6 addresses"),
    ],
)
def test_the_url_is_one_that_works_here(host: str, url: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with serve._listen(host, 0) as listener:
        found = serve._url(listener)
        port = listener.getsockname()[1]
    assert found == f"{url}{port}"
    assert port > 0


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(errno.EADDRINUSE, "PORT=5001", id="in use"),
        pytest.param(errno.EADDRNOTAVAIL, "not an address of this machine", id="foreign address"),
        pytest.param(errno.EACCES, "PORT=5000", id="needs rights"),
        pytest.param(errno.ENETDOWN, "network is down", id="anything else"),
    ],
)
def test_why_an_address_cannot_be_had(number: int, words: str) -> None:
    error = OSError(number, "network is down")
    assert words in serve._why_not(error, "10.9.8.7", 5000)


def test_a_folder_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    with serve._lock_folder(tmp_path / "data") as note:
        note("process 12, http://127.0.0.1:5000")
        with pytest.raises(ConfigError, match=r"already runs on .* \(process 12, http://127.0.0.1:5000\)"):
            serve._lock_folder(tmp_path / "data").__enter__()
    with serve._lock_folder(tmp_path / "data"):
        assert (tmp_path / "data" / "run.lock").read_text() == ""


@pytest.mark.parametrize(("count", "names"), [(1, ["worker"]), (3, ["worker1", "worker2", "worker3"])])
def test_there_are_as_many_workers_as_asked_for(tmp_path: Path, count: int, names: list[str]) -> None:
    settings = Settings(faaaaaces_data=tmp_path, worker_concurrency=count)
    with serve._listen("127.0.0.1", 0) as listener:
        found = serve.programs(settings, listener)
        assert [program.name for program in found] == ["web", *names, "downloader", "beat"]
        assert found[0].pass_fds == (listener.fileno(),)
    assert {program.command[0] for program in found} == {sys.executable}


def test_nothing_is_said_to_a_reader_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    raised: list[int] = []
    monkeypatch.setattr(serve.signal, "raise_signal", raised.append)
    monkeypatch.setattr(sys, "stdout", Gone())
    serve._say("one")
    serve._say("two")
    sys.stdout.close()
    assert raised == [serve.signal.SIGTERM]
