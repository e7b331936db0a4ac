"""Networks and labels of the shared data, for several tests."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from app.services.models.importing import import_file, inspect_file
from app.vision import ModelFiles

NETWORKS = ("yunet_n_dynamic.onnx", "retinaface_mobilenet025.pth", "mobilefacenet_arcface_128.onnx")


@pytest.fixture(scope="session")
def files(shared: Path, models_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    """Model folders into which the shared networks are imported."""
    folder = tmp_path_factory.mktemp("imported")
    made = ModelFiles(models_cache, folder, folder / "deepface")
    for name in NETWORKS:
        import_file(made, inspect_file(made, shared / "models" / name))
    return made


@pytest.fixture(scope="session")
def signers(shared: Path) -> dict[str, str]:
    """Clip -> person, for the twelve sign clips."""
    with (shared / "data" / "clips" / "labels.csv").open(newline="") as file:
        return {row["clip"]: row["person"] for row in csv.DictReader(file)}
