from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import ModelError
from app.services.models import store
from app.services.models.records import Records
from app.services.models.sources import Weight, weights_of
from app.services.models.store import accept, missing_weights, verify, verify_weights
from app.vision import get_pack
from tests.weights import files_in, put, small_network

REFERENCE = get_pack("retinaface-arcface")
WEIGHT = Weight("w.onnx", ("https://example.org/w.onnx",))


def test_the_installed_packages_name_files_and_addresses() -> None:
    found = weights_of(REFERENCE)
    assert [weight.name for weight in found] == ["retinaface.onnx", "arcface_weights.onnx"]
    for weight in found:
        assert len(weight.urls) >= 2
        assert all(url.startswith("https://") and url.endswith(f"/{weight.name}") for url in weight.urls)


@pytest.mark.parametrize("name", ["bundled", "yunet-mobilefacenet", "deepface:mtcnn/Dlib"])
def test_other_packs_need_nothing_from_there(name: str) -> None:
    assert weights_of(get_pack(name)) == ()


def test_a_mixed_pack_needs_its_half() -> None:
    assert [weight.name for weight in weights_of(get_pack("yunet+arcface"))] == ["arcface_weights.onnx"]


def test_what_is_missing_is_told_with_what_to_do(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    put(files, "retinaface.onnx", small_network())
    assert [weight.name for weight in missing_weights(REFERENCE, files)] == ["arcface_weights.onnx"]
    with pytest.raises(ModelError, match=r"arcface_weights\.onnx.*`faaaaaces models pull`"):
        verify_weights(REFERENCE, files)


def test_the_first_look_records_and_later_ones_are_cheap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_in(tmp_path)
    for name in ("retinaface.onnx", "arcface_weights.onnx"):
        put(files, name, small_network())
    verify_weights(REFERENCE, files)
    record = Records(files.cache).get("retinaface.onnx")
    assert record is not None and record.size == len(small_network()) and len(record.sha256) == 64
    monkeypatch.setattr(store, "checksum", lambda path: pytest.fail("computed again"))
    verify_weights(REFERENCE, files)
    assert sorted(path.name for path in files.deepface.iterdir()) == ["arcface_weights.onnx", "retinaface.onnx"]


def test_a_touched_file_is_compared_and_stays_good(tmp_path: Path) -> None:
    files, records = files_in(tmp_path), Records(tmp_path / "models")
    path = put(files, "w.onnx", small_network())
    verify(WEIGHT, path, records)
    os.utime(path, (1, 1))
    verify(WEIGHT, path, records)
    record = records.get("w.onnx")
    assert record is not None and record.mtime_ns == 1_000_000_000


@pytest.mark.parametrize("body", [small_network(1), small_network()[:-5], b""], ids=["another", "cut off", "empty"])
def test_a_file_that_has_changed_is_refused(tmp_path: Path, body: bytes) -> None:
    files, records = files_in(tmp_path), Records(tmp_path / "models")
    path = put(files, "w.onnx", small_network())
    verify(WEIGHT, path, records)
    path.write_bytes(body)
    os.utime(path, (1, 1))
    with pytest.raises(ModelError, match=r"w\.onnx.*`faaaaaces models pull`"):
        verify(WEIGHT, path, records)


def test_a_change_that_keeps_size_and_date_is_found_by_a_thorough_look(tmp_path: Path) -> None:
    files, records = files_in(tmp_path), Records(tmp_path / "models")
    path = put(files, "w.onnx", small_network())
    verify(WEIGHT, path, records)
    state = path.stat()
    body = bytearray(small_network())
    body[-100] ^= 1
    path.write_bytes(body)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    verify(WEIGHT, path, records)
    with pytest.raises(ModelError, match="recorded first"):
        verify(WEIGHT, path, records, thorough=True)


@pytest.mark.parametrize("body", [b"<html>", small_network()[:1000]], ids=["page", "cut off"])
def test_what_is_no_network_is_not_recorded(tmp_path: Path, body: bytes) -> None:
    files, records = files_in(tmp_path), Records(tmp_path / "models")
    path = put(files, "w.onnx", body)
    for look in (verify, accept):
        with pytest.raises(ModelError, match="cut off or no network"):
            look(WEIGHT, path, records)
    assert records.get("w.onnx") is None


def test_a_change_on_purpose_can_be_accepted(tmp_path: Path) -> None:
    files, records = files_in(tmp_path), Records(tmp_path / "models")
    path = put(files, "w.onnx", small_network())
    verify(WEIGHT, path, records)
    path.write_bytes(small_network(1))
    accept(WEIGHT, path, records)
    verify(WEIGHT, path, records)


def test_a_folder_is_named_without_a_path_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert store.shown_folder(files_in(tmp_path)) == "~/.deepface/weights"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.shown_folder(files_in(tmp_path)) == "$DEEPFACE_HOME/.deepface/weights"
