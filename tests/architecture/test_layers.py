"""The layers of docs/architecture.md hold: an import against the arrows fails here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(name: str) -> ModuleType:
    # pytest runs with --import-mode=importlib: helper files beside a test are loaded by their path.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


layers = _load("layers")


def test_no_import_breaks_the_layers() -> None:
    files = layers.sources(ROOT)
    assert len(files) > 30  # the walk sees the program
    found = [layers.forbidden(item, ROOT) for path in files for item in layers.imports(path, ROOT)]
    assert [text for text in found if text] == []


def test_only_entry_points_read_the_environment() -> None:
    assert [text for path in layers.sources(ROOT) for text in layers.environment_reads(path, ROOT)] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        pytest.param("app/vision/x.py", "import flask", id="flask in vision"),
        pytest.param("app/vision/x.py", "from app.config import Settings", id="settings in vision"),
        pytest.param("app/vision/x.py", "from app.storage import faces", id="storage in vision"),
        pytest.param("app/vision/x.py", "from ..clustering import algorithms", id="relative, to a neighbour"),
        pytest.param("app/clustering/x.py", "from app import vision", id="from app import"),
        pytest.param("app/clustering/x.py", "def f():\n    import sqlalchemy.orm", id="inside a function"),
        pytest.param("app/media/x.py", "if TYPE_CHECKING:\n    import app.storage.blobs", id="for types only"),
        pytest.param("app/media/x.py", "import importlib\nimportlib.import_module('app.models')", id="by its name"),
        pytest.param("app/storage/x.py", "from app.services.context import Context", id="upwards from storage"),
        pytest.param("app/services/x.py", "from app.routes.errors import f", id="upwards from services"),
        pytest.param("app/services/x.py", "import celery", id="celery in services"),
        pytest.param("app/services/x.py", "from flask import request", id="the request in services"),
        pytest.param("app/tasks/x.py", "from app.routes import api", id="sideways from tasks"),
        pytest.param("app/routes/x.py", "from app.tasks.celery_app import make_celery", id="sideways from routes"),
        pytest.param("app/vision/x.py", "import mtcnn", id="a package that pulls in TensorFlow"),
        pytest.param("app/services/x.py", "import benchmarks", id="benchmarks in the program"),
        pytest.param("app/fresh/x.py", "import app.domain", id="a part without a place"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path: Path, file: str, line: str) -> None:
    for part in ("vision", "clustering", "media", "models", "storage", "services", "routes", "tasks", "fresh"):
        (tmp_path / "app" / part).mkdir(parents=True)
    path = tmp_path / file
    path.write_text(line, encoding="utf-8")
    assert [text for item in layers.imports(path, tmp_path) if (text := layers.forbidden(item, tmp_path))]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        pytest.param("app/services/x.py", "from app.storage import faces", id="services use storage"),
        pytest.param("app/services/x.py", "from app import __version__", id="the version"),
        pytest.param("app/vision/x.py", "from app.domain import Face\nimport onnxruntime", id="domain, runtime"),
        pytest.param("app/vision/x.py", "from . import boxes", id="its own package"),
    ],
)
def test_a_proper_import_passes(tmp_path: Path, file: str, line: str) -> None:
    for part in ("vision", "storage", "services"):
        (tmp_path / "app" / part).mkdir(parents=True)
    path = tmp_path / file
    path.write_text(line, encoding="utf-8")
    assert [text for item in layers.imports(path, tmp_path) if (text := layers.forbidden(item, tmp_path))] == []


@pytest.mark.parametrize("line", ["import os\nos.environ['HOME']", "import os\nos.getenv('HOME')"])
def test_reading_the_environment_is_caught(tmp_path: Path, line: str) -> None:
    path = tmp_path / "app" / "media" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(line, encoding="utf-8")
    assert layers.environment_reads(path, tmp_path)
