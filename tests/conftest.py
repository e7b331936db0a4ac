"""Fixtures that all tests share: real pictures of faces, and where the optional shared data lies."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from tests.buckets import locked_s3, s3
from tests.postgres import database, database_url, postgres_server, postgres_url, sqlite_url

__all__ = [
    "database",
    "database_url",
    "locked_s3",
    "postgres_server",
    "postgres_url",
    "s3",
    "sqlite_url",
]  # fixtures for all tests

ROOT = Path(__file__).resolve().parent.parent

# Programs that tests start must not try to fetch weights; a test that means to says so.
os.environ["FACE_PACK"] = "bundled"


@pytest.fixture(autouse=True, scope="session")
def no_outside() -> Iterator[None]:
    """Fails every test that connects to another machine, with the place of the call."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_this_machine(str(address[0])):
            pytest.fail(f"a test connects to {address}; tests must not need a network")
        real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real videos and labels; the test is skipped, with this reason, where it is missing."""
    folder = Path(os.environ.get("FAAAAACES_SHARED", ROOT.parent / "shared"))
    if not (folder / "data" / "clips").is_dir():
        pytest.skip(f"the shared test data is not at {folder} (set FAAAAACES_SHARED)")
    return folder


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """Eileen Collins, 512x512 RGB, one face of about 110 px."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def grace_hopper() -> Image:
    """Grace Hopper, 512x600 RGB, one face."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with PilImage.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.fixture(scope="session")
def models_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for models that are rebuilt from packages; shared by all tests of one machine to save time."""
    base = Path(os.environ.get("FAAAAACES_TEST_MODELS", Path.home() / ".cache" / "faaaaaces-tests" / "models"))
    base.mkdir(parents=True, exist_ok=True)
    return base
