"""Nothing tells others about the use of this program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("statement", ["import app.vision", "import celery_worker", "import app.cli"])
def test_onnx_runtime_reports_nothing(tmp_path: Path, statement: str) -> None:
    """Its telemetry leaves a device id in the cache of its user before the first network is loaded."""
    environ = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "FAAAAACES_DATA": str(tmp_path / "data")}
    program = f"{statement}; import onnxruntime, sys; assert 'onnxruntime' in sys.modules"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env={**environ, **own}, check=True, timeout=120)
    assert [path.name for path in tmp_path.rglob("*") if "onnxruntime" in path.name or path.name == "deviceid"] == []
