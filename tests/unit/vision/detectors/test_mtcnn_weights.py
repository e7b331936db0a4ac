from __future__ import annotations

import importlib.util
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import lz4.frame
import numpy as np
import pytest

from app.errors import ModelError
from app.vision.detectors import mtcnn_weights
from app.vision.detectors.mtcnn_weights import load_net, read_weights


def package_file(name: str) -> Path:
    spec = importlib.util.find_spec("mtcnn")
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "assets" / "weights" / f"{name}.lz4"


def joblib_bytes(value: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=("lz4", 3))
    return stream.getvalue()


@pytest.mark.parametrize(("name", "count"), [("pnet", 13), ("rnet", 16), ("onet", 21)])
def test_reads_what_joblib_reads(name: str, count: int):
    expected = joblib.load(package_file(name))
    arrays = read_weights(package_file(name).read_bytes())
    assert len(arrays) == len(expected) == count
    for array, other in zip(arrays, expected, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, other)


def test_reads_any_list_of_float32_arrays():
    values = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 4), np.float32), np.float32([7])]
    for array, value in zip(read_weights(joblib_bytes(values)), values, strict=True):
        np.testing.assert_array_equal(array, value)


class RunsSomething:
    """A pickle of this makes a folder when it is read by an ordinary unpickler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_pickle_that_runs_something_is_refused(tmp_path: Path):
    harmful = pickle.dumps([RunsSomething(tmp_path / "made")])
    pickle.loads(harmful)
    assert (tmp_path / "made").is_dir(), "the pickle is no danger, so this test would prove nothing"
    (tmp_path / "made").rmdir()
    with pytest.raises(ModelError) as caught:
        read_weights(lz4.frame.compress(harmful))
    assert "not allowed" in str(caught.value.__cause__)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no lz4 at all",
        lz4.frame.compress(b""),
        lz4.frame.compress(b"no pickle"),
        lz4.frame.compress(pickle.dumps("no list")),
        lz4.frame.compress(pickle.dumps([1, 2])),
        joblib_bytes([np.zeros(3, np.float64)]),
        joblib_bytes([np.zeros(3, ">f4")]),
        joblib_bytes([np.asfortranarray(np.zeros((3, 2), np.float32))]),
        joblib_bytes({"a": np.zeros(3, np.float32)}),
    ],
    ids=["empty", "text", "empty frame", "bad opcodes", "string", "numbers", "float64", "big end", "fortran", "dict"],
)
def test_other_data_is_refused(data: bytes):
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(data)


def test_data_that_is_cut_off_is_refused():
    raw = lz4.frame.decompress(package_file("pnet").read_bytes())
    for length in (len(raw) // 2, len(raw) - 1, 400):
        with pytest.raises(ModelError):
            read_weights(lz4.frame.compress(raw[:length]))


def test_nets_are_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = load_net(tmp_path, "pnet")
    assert len(list(tmp_path.glob("mtcnn-pnet-*.onnx"))) == 1

    def build_again(*_args: object) -> bytes:
        raise AssertionError("built again")

    monkeypatch.setattr(mtcnn_weights, "build_net", build_again)
    assert load_net(tmp_path, "pnet") == model


def test_a_missing_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelError, match="mtcnn package"):
        load_net(tmp_path, "pnet")


def test_the_package_itself_is_never_imported(tmp_path: Path):
    program = (
        "import sys, pathlib; from app.vision.detectors.mtcnn import MtcnnDetector; MtcnnDetector(pathlib.Path(sys.argv[1]));"
        "print(sorted({'mtcnn', 'tensorflow', 'keras', 'joblib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
        timeout=120,
    )
    assert done.stdout.strip() == "[]"
