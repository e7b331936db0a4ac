"""Imported networks on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from app.errors import ModelError
from app.vision.importing.manifest import Manifest, installed, load_imported, store

GRAPH = b"a graph"


def _manifest(name: str = "yunet") -> Manifest:
    return Manifest(
        name=name,
        kind="detector",
        sha256=hashlib.sha256(GRAPH).hexdigest(),
        size=len(GRAPH),
        licence="MIT",
        source="somewhere",
        source_file="x.onnx",
        source_sha256="0" * 64,
        source_size=3,
    )


def test_what_is_stored_is_found(tmp_path: Path) -> None:
    store(tmp_path / "new", _manifest(), GRAPH)
    found = load_imported(tmp_path / "new", "yunet")
    assert found.manifest == _manifest()
    assert found.model.read_bytes() == GRAPH
    assert list(installed(tmp_path / "new")) == [_manifest()]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["yunet.json", "yunet.onnx"]


def test_what_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="faaaaaces models import FILE"):
        load_imported(tmp_path, "mobilefacenet")
    assert list(installed(tmp_path)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "yunet.onnx").write_bytes(b"another graph"),
        lambda folder: (folder / "yunet.json").unlink(),
        lambda folder: (folder / "yunet.json").write_text("{"),
        lambda folder: (folder / "yunet.json").write_text("[]"),
        lambda folder: (folder / "yunet.json").write_text('{"name": "yunet"}'),
        lambda folder: (folder / "yunet.json").write_text(
            json.dumps(json.loads((folder / "yunet.json").read_text()) | {"name": "scrfd"})
        ),
    ],
    ids=["graph", "no description", "half description", "a list", "too little", "another network"],
)
def test_damage_is_told(tmp_path: Path, spoil: object) -> None:
    store(tmp_path, _manifest(), GRAPH)
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(ModelError, match="import"):
        load_imported(tmp_path, "yunet")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        store(tmp_path / "file" / "folder", _manifest(), GRAPH)


def test_fields_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    store(tmp_path, _manifest(), GRAPH)
    path = tmp_path / "yunet.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1}))
    assert load_imported(tmp_path, "yunet").manifest == _manifest()
