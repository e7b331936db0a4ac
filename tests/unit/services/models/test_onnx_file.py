from __future__ import annotations

from pathlib import Path

import pytest

from app.services.models.onnx_file import is_whole_onnx
from tests.weights import small_network

BODY = small_network(values=1000)


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        pytest.param(BODY, True, id="whole"),
        pytest.param(b"", False, id="empty"),
        pytest.param(BODY[:-1], False, id="last byte missing"),
        pytest.param(BODY[:2000], False, id="half"),
        pytest.param(BODY[:2], False, id="first field only"),
        pytest.param(BODY[:3], False, id="cut within a field"),
        pytest.param(BODY + b"\0", False, id="something behind it"),
        pytest.param(b"<!doctype html><html><body>404</body></html>", False, id="web page"),
        pytest.param(b"Not Found", False, id="text"),
        pytest.param(b"\xff" * 100, False, id="no numbers"),
        pytest.param(bytes(100), False, id="zeros"),
    ],
)
def test_only_a_whole_network_counts(tmp_path: Path, body: bytes, whole: bool) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(body)
    assert is_whole_onnx(path) is whole


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        is_whole_onnx(tmp_path / "x.onnx")
