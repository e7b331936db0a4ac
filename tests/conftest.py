"""Fixtures that all tests share: real pictures of faces, and where the optional shared data lies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from app.domain import Image
from tests.postgres import database, database_url, postgres_server, postgres_url, sqlite_url

__all__ = ["database", "database_url", "postgres_server", "postgres_url", "sqlite_url"]  # fixtures for all tests

ROOT = Path(__file__).resolve().parent.parent


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
