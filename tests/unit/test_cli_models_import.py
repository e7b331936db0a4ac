"""``faaaaaces models import`` and ``models list`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from tests.networks import toy_scrfd, toy_yunet

BOX, POINTS = [0.0] * 4, [0.0] * 10


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FAAAAACES_DATA", str(tmp_path / "library"))
    monkeypatch.delenv("MODELS_FOLDER", raising=False)
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))

    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["models", *map(str, arguments)], catch_exceptions=False)

    return invoke


def _imported(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "library").rglob("imported/*"))


def test_a_published_file_is_shown_tried_out_and_kept(run, tmp_path: Path, shared: Path) -> None:
    result = run("import", shared / "models" / "yunet_n_dynamic.onnx")
    assert result.exit_code == 0, result.output
    for words in ("YuNet", "known by its checksum", "104ee26c71d5", "Apache-2.0", "ShiqiYu", "0.3 MB"):
        assert words in result.output
    assert _imported(tmp_path) == ["yunet.json", "yunet.onnx"]
    rows = {row["name"]: row for row in json.loads(run("list", "--json").output)["models"]}
    assert rows["yunet"]["sha256"].startswith("104ee26c71d5")
    assert "yunet" in run("list").output


def test_a_pack_becomes_complete(run, shared: Path) -> None:
    assert "yunet-mobilefacenet" not in _complete(run)
    for name in ("yunet_n_dynamic.onnx", "mobilefacenet_arcface_128.onnx"):
        assert run("import", shared / "models" / name).exit_code == 0
    assert "yunet-mobilefacenet" in _complete(run)


def _complete(run) -> list[str]:
    return [pack["name"] for pack in json.loads(run("list", "--json").output)["packs"] if pack["complete"]]


def test_a_network_that_finds_no_faces_is_refused(run, tmp_path: Path) -> None:
    path = tmp_path / "blind.onnx"
    path.write_bytes(toy_yunet(16, BOX, POINTS).SerializeToString())
    result = run("import", path)
    assert result.exit_code == 1
    assert "recognised by what it takes and gives" in result.output
    assert "finds no face in 10 of 10" in result.output
    assert "Imported" not in result.output
    assert _imported(tmp_path) == []


def test_research_only_needs_agreement(run, tmp_path: Path) -> None:
    path = tmp_path / "det.onnx"
    path.write_bytes(toy_scrfd(16, BOX, POINTS).SerializeToString())
    result = run("import", path)
    assert result.exit_code == 1
    assert "non-commercial research only" in result.output
    assert "--yes" in result.output
    assert _imported(tmp_path) == []
    assert "--yes" not in run("import", path, "--yes").output


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "damaged"), (b"\x80\x02cos\nsystem\n(S'true'\ntR.", "malicious"), (None, "cannot be read")],
    ids=["empty", "code", "missing"],
)
def test_bad_files_get_one_sentence(run, tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)
    result = run("import", path)
    assert result.exit_code == 1
    assert result.output.startswith("faaaaaces: ")
    assert result.output.count("\n") == 1
    assert message in result.output


def test_an_empty_installation_lists_what_is_bundled(run) -> None:
    result = run("list")
    assert result.exit_code == 0
    assert "dlib-resnet-v1" in result.output
    assert "CC0-1.0" in result.output
    assert "models import FILE" in " ".join(result.output.split())
