"""Public tus clients, as they come, send 300 MB while the web server is killed in the middle of it."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tusclient.client import TusClient

from tests.e2e.webserver import WebServer, Wire
from tests.node import node_folder
from tests.videos import tiny_video

SIZE = 300_000_000
KILL_AFTER = 170_000_000
METADATA = {"filename": "a long film.mp4"}

pytestmark = pytest.mark.xdist_group("tus")


@pytest.fixture(scope="module")
def large_film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A video with 300 MB behind it, every eight bytes of which are different; and its SHA-256."""
    path = tmp_path_factory.mktemp("film") / "a long film.mp4"
    start = tiny_video()
    filling = np.arange((SIZE - len(start) - 16) // 8, dtype=np.uint64).tobytes()
    with path.open("wb") as file:
        file.write(start + struct.pack(">I4sQ", 1, b"free", len(filling) + 16) + filling)
    yield path, hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the server's data."""
    return tmp_path_factory.mktemp("tus") / "data"


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[WebServer]:
    with WebServer(data, MAX_VIDEO_SIZE_MB="400", MIN_FREE_DISK_MB="0") as started:
        started.wait()
        yield started


def told(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def by_tuspy(url: str, path: Path) -> str:
    uploader = TusClient(f"{url}/files/").uploader(str(path), metadata=METADATA, retries=20, retry_delay=0.2)
    uploader.upload()
    return str(uploader.url)


def by_tuspy_in_checked_chunks(url: str, path: Path) -> str:
    client = TusClient(f"{url}/files/")
    uploader = client.uploader(
        str(path), metadata=METADATA, chunk_size=40_000_000, upload_checksum=True, retries=20, retry_delay=0.2
    )
    uploader.upload()
    return str(uploader.url)


def by_tus_js_client(url: str, path: Path) -> str:
    command = ["node", "upload.mjs", f"{url}/files/", str(path)]
    done = subprocess.run(command, cwd=node_folder(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("client", [by_tuspy, by_tuspy_in_checked_chunks, by_tus_js_client])
def test_the_server_is_killed_midway(
    server: WebServer, data: Path, large_film: tuple[Path, str], client: Callable[[str, Path], str]
) -> None:
    path, sha256 = large_film
    at_the_kill: list[int] = []

    def kill() -> None:
        server.kill()
        at_the_kill.extend(part.stat().st_size for part in (data / "temp").glob("u-*[0-9a-f]"))
        server.start()

    with Wire(server.port, KILL_AFTER, kill) as wire:
        address = client(wire.url, path)
    assert len(at_the_kill) == 1, "the kill must come in the middle"
    assert KILL_AFTER * 0.5 < at_the_kill[0] < SIZE, "what had arrived must be on the disk"
    upload = told(f"{server.url}/files/{address.rsplit('/', 1)[1]}")
    assert (upload["state"], upload["duplicate"], upload["error"]) == ("filed", False, None)
    video = told(f"{server.url}/api/video_info/{upload['video_id']}")["video"]
    assert (video["sha256"], video["size_bytes"]) == (sha256, path.stat().st_size)
    [stored] = (data / "uploads").rglob("*.mp4")
    with stored.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
    assert list((data / "temp").glob("[ut]-*")) == []
    delete = urllib.request.Request(f"{server.url}/api/videos/{upload['video_id']}", method="DELETE")
    with urllib.request.urlopen(delete, timeout=60):  # so that the next client brings something new
        assert not stored.exists()
