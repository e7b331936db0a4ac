"""Weights without PyTorch: the same as PyTorch reads, and nothing that a pickle asks for is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import InvalidInputError
from app.vision.importing import pickles
from app.vision.importing.pickles import read_state_dict

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def _weights() -> OrderedDict[str, Any]:
    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return OrderedDict(
        plain=torch.randn(3, 2, 5),
        turned=whole.T,
        part=whole[1:3, 2:],
        half=torch.randn(4).half(),
        double=torch.randn(2, 2).double(),
        count=torch.tensor(7),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
    )


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "one level down"])
def test_reads_what_pytorch_writes(tmp_path: Path, archive: bool, wrapped: bool) -> None:
    path, weights = tmp_path / "weights.pth", _weights()
    torch.save({"state_dict": weights} if wrapped else weights, path, _use_new_zipfile_serialization=archive)
    found = read_state_dict(path)
    assert list(found) == list(weights)
    for name, values in weights.items():
        expected = values.detach().numpy()
        assert found[name].dtype == expected.dtype
        assert found[name].shape == expected.shape
        np.testing.assert_array_equal(found[name], expected)


def test_reads_the_real_file_as_pytorch_does(shared: Path) -> None:
    path = shared / "models" / "retinaface_mobilenet025.pth"
    expected = torch.load(path, map_location="cpu", weights_only=True)
    found = read_state_dict(path)
    assert list(found) == list(expected)
    assert all(np.array_equal(found[name], values.numpy()) for name, values in expected.items())


class _Runs:
    """Pickled, it asks for a command to be run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize("place", ["value", "key of the dictionary", "the whole"])
def test_code_is_not_run(tmp_path: Path, archive: bool, place: str) -> None:
    marker, path = tmp_path / "was-run", tmp_path / "weights.pth"
    bad = _Runs(marker)
    content = {"value": {"a": bad}, "key of the dictionary": {bad: torch.ones(1)}, "the whole": bad}[place]
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    with pytest.raises(InvalidInputError, match=r"asks to run 'posix\.system'"):
        read_state_dict(path)
    assert not marker.exists()


def test_plain_pickles_run_nothing_either(tmp_path: Path) -> None:
    marker, path = tmp_path / "was-run", tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(_Runs(marker)))
    with pytest.raises(InvalidInputError):
        read_state_dict(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "torch.hub load", "torch load", "torch._utils _rebuild_device_tensor_from_numpy", "numpy load"],
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    path = tmp_path / "weights.pth"
    path.write_bytes(f"c{module}\n{attribute}\n(S'1'\ntR.".encode())
    with pytest.raises(InvalidInputError, match="asks to run"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "program",
    [
        b"ccollections\nOrderedDict\n(dS'x'\nI1\nsb.",  # changes the class
        b"ctorch._utils\n_rebuild_tensor_v2\n(dS'__call__'\nI1\nsb.",  # changes what rebuilds tensors
        b"ctorch._utils\n_rebuild_tensor_v2\n(I1\nI2\n(I3\nt(I4\nttR.",  # a tensor of no storage
        b"\x80\x02]q\x00h\x00a0" + b"h\x00" * 3,  # ends too early
        b"(" * 100_000 + b".",  # a deep nest of marks
        b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",  # a string of 2**63 bytes
    ],
    ids=["class", "callable", "no storage", "cut off", "marks", "long string"],
)
def test_strange_programs_are_refused(tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(program)
    with pytest.raises(InvalidInputError):
        read_state_dict(path)


def _repack(path: Path, change: Any) -> None:
    """Writes an archive anew, with each member's content changed by a function of its name and bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if (changed := change(name, content)) is not None:
                archive.writestr(name, changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda name, content: content[:-4] if "/data/" in name else content,
        lambda name, content: None if "/data/" in name else content,
        lambda name, content: b"big" if name.endswith("byteorder") else content,
        lambda name, content: content.replace(b"FloatStorage", b"QuickStorage"),
        lambda name, content: content.replace(b"K\x02K\x03\x86", b"K\x07K\x03\x86"),
        lambda name, content: None if name.endswith("data.pkl") else content,
    ],
    ids=["short storage", "no storage", "byte order", "unknown type", "larger shape", "no pickle"],
)
def test_damaged_archives_are_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.arange(6.0).reshape(2, 3)}, path)
    before = path.read_bytes()
    _repack(path, lambda name, content: content)
    assert read_state_dict(path)["a"].shape == (2, 3)
    path.write_bytes(before)
    _repack(path, change)
    with pytest.raises(InvalidInputError):
        read_state_dict(path)


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.999])
def test_half_files_are_refused(tmp_path: Path, archive: bool, share: float) -> None:
    path = tmp_path / "weights.pth"
    torch.save(_weights(), path, _use_new_zipfile_serialization=archive)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InvalidInputError):
        read_state_dict(path)


@pytest.mark.parametrize("missing", range(1, 9))
def test_a_legacy_file_that_ends_in_a_size_is_refused(tmp_path: Path, missing: int) -> None:
    """The size of an empty storage is all zeros: what is left of it, or nothing at all, reads as the same number."""
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.empty(0)}, path, _use_new_zipfile_serialization=False)
    assert read_state_dict(path)["a"].shape == (0,)
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(InvalidInputError):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no dictionary"),
        ({}, "no dictionary"),
        ({"epoch": 3, "a": torch.ones(1)}, "more than weights"),
        ({1: torch.ones(1)}, "more than weights"),
        ({"a": [torch.ones(1)]}, "more than weights"),
    ],
    ids=["list", "nothing", "a number", "a name that is none", "a list within"],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(InvalidInputError, match=message):
        read_state_dict(path)


def test_values_repeated_beyond_their_storage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(1).expand(10**9)}, path)
    with pytest.raises(InvalidInputError, match="damaged"):
        read_state_dict(path)


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InvalidInputError, match="damaged"):
        read_state_dict(path)


def test_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    torch.save(_weights(), path)
    monkeypatch.setattr(pickles, "MAX_BYTES", 100)
    with pytest.raises(InvalidInputError, match="more than any"):
        read_state_dict(path)


def test_views_of_very_old_files_are_refused(tmp_path: Path) -> None:
    class Old(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", 4, ("1", 0, 2)) if obj == "here" else None

    stream = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(value, stream, protocol=2)
    Old(stream, protocol=2).dump({"a": "here"})
    path = tmp_path / "weights.pth"
    path.write_bytes(stream.getvalue())
    with pytest.raises(InvalidInputError):
        read_state_dict(path)
