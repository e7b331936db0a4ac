from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import ModelError
from app.vision.weights_cache import load_or_build


class Builder:
    """Counts how often it was called."""

    def __init__(self, data: bytes = b"a model") -> None:
        self.data = data
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return self.data


def test_builds_once_and_then_reads(tmp_path: Path):
    build = Builder()
    assert load_or_build(tmp_path / "new" / "folder", "net", "1", build) == b"a model"
    assert load_or_build(tmp_path / "new" / "folder", "net", "1", build) == b"a model"
    assert build.calls == 1
    checksum = (tmp_path / "new" / "folder" / "net-1.onnx.sha256").read_text().split()
    assert checksum == [hashlib.sha256(b"a model").hexdigest(), "net-1.onnx"]


def test_another_version_is_another_file(tmp_path: Path):
    assert load_or_build(tmp_path, "net", "1", Builder(b"old")) == b"old"
    assert load_or_build(tmp_path, "net", "2", Builder(b"new")) == b"new"
    assert load_or_build(tmp_path, "net", "1", Builder(b"not asked")) == b"old"


def flip_a_byte(path: Path) -> None:
    path.write_bytes(b"b" + path.read_bytes()[1:])


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def remove_checksum(path: Path) -> None:
    path.with_name(path.name + ".sha256").unlink()


def empty_checksum(path: Path) -> None:
    path.with_name(path.name + ".sha256").write_text("")


def binary_checksum(path: Path) -> None:
    path.with_name(path.name + ".sha256").write_bytes(b"\xff\xfe")


def remove_model(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [flip_a_byte, cut_off, remove_checksum, empty_checksum, binary_checksum, remove_model],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_file_is_rebuilt(tmp_path: Path, damage):
    build = Builder()
    load_or_build(tmp_path, "net", "1", build)
    damage(tmp_path / "net-1.onnx")
    assert load_or_build(tmp_path, "net", "1", build) == b"a model"
    assert build.calls == 2
    assert load_or_build(tmp_path, "net", "1", build) == b"a model"
    assert build.calls == 2


def test_a_cache_that_cannot_be_written_does_not_stop_the_model(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    assert load_or_build(blocker / "models", "net", "1", Builder()) == b"a model"
    assert "model cache cannot be written" in caplog.text


def test_many_starting_at_once_all_get_the_model_and_leave_no_litter(tmp_path: Path):
    gate = threading.Barrier(8)

    def start(_: int) -> bytes:
        gate.wait()
        return load_or_build(tmp_path, "net", "1", Builder(b"x" * 100_000))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(start, range(8))) == {b"x" * 100_000}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-1.onnx", "net-1.onnx.sha256"]


@pytest.mark.parametrize("name", ["../net", "a/b", "", ".hidden", "Net"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str):
    build = Builder()
    with pytest.raises(ModelError):
        load_or_build(tmp_path, name, "1", build)
    assert build.calls == 0


def test_a_failing_build_leaves_nothing(tmp_path: Path):
    def fail() -> bytes:
        raise ModelError("no weights")

    with pytest.raises(ModelError, match="no weights"):
        load_or_build(tmp_path, "net", "1", fail)
    assert list(tmp_path.iterdir()) == []
