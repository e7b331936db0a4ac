"""What is installed: pinned, small, and every part once."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-tensorflow.txt"]
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[0-9][0-9a-z.+!]*)( ; (?P<marker>.+))?$")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _asked(file: str) -> set[str]:
    """Names in a ``.in`` file."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {_normal(re.split(r"[\[;<>= ]", line)[0]) for line in lines if line and line[0] not in "#-"}


def _pinned(file: str) -> dict[str, list[str]]:
    """Names in a ``.txt`` file and their versions: several where Python versions need different ones."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            match = PIN.match(line)
            assert match, f"{file}: not pinned: {line}"
            found.setdefault(_normal(match["name"]), []).append(match["version"])
    return found


@pytest.mark.parametrize("file", LOCKS)
def test_every_package_is_pinned(file: str) -> None:
    assert len(_pinned(file)) > 50


@pytest.mark.parametrize("file", LOCKS)
def test_the_lock_holds_what_was_asked_for(file: str) -> None:
    assert _asked(file.replace(".txt", ".in")) <= set(_pinned(file))


@pytest.mark.parametrize("file", LOCKS[1:])
def test_the_other_locks_agree_with_the_first(file: str) -> None:
    other = _pinned(file)
    assert {name: other.get(name) for name in _pinned("requirements.txt")} == _pinned("requirements.txt")


def test_the_default_installation_is_without_the_heavy_ones() -> None:
    heavy = re.compile(r"^(tensorflow|tf-|keras|torch|dlib|nvidia-|jax)")
    assert [name for name in _pinned("requirements.txt") if heavy.match(name)] == []


def test_the_gpu_lock_swaps_the_runtime_and_agrees_with_the_first() -> None:
    first, gpu = _pinned("requirements.txt"), _pinned("requirements-gpu.txt")
    assert {name: gpu[name] for name in gpu if name in first} == {name: first[name] for name in gpu if name in first}
    assert gpu["onnxruntime-gpu"] == first["onnxruntime"]
    assert "onnxruntime" not in gpu


def test_the_extra_brings_tensorflow() -> None:
    assert {"tensorflow", "keras"} <= set(_pinned("requirements-tensorflow.txt"))


@pytest.mark.parametrize("file", LOCKS)
def test_only_one_package_owns_cv2(file: str) -> None:
    assert [name for name in _pinned(file) if name.startswith("opencv")] == ["opencv-contrib-python-headless"]


def test_only_one_package_that_owns_cv2_is_installed() -> None:
    assert set(metadata.packages_distributions()["cv2"]) == {"opencv-contrib-python-headless"}


def _imported(folder: str) -> set[str]:
    """Top names of the packages that the code in a folder imports, the standard library and our own aside."""
    files = [*(ROOT / folder).rglob("*.py"), *ROOT.glob("*.py")]
    names: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    own = {path.stem for path in ROOT.glob("*.py")} | {path.name for path in ROOT.iterdir() if path.is_dir()}
    return names - set(sys.stdlib_module_names) - own


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        pytest.param("app", ["requirements.in"], id="the program"),
        pytest.param("migrations", ["requirements.in"], id="the migrations"),
        pytest.param("tests", ["requirements.in", "requirements-dev.in", "requirements-torch.txt"], id="the tests"),
    ],
)
def test_what_is_imported_is_asked_for_by_name(folder: str, files: list[str]) -> None:
    owners = metadata.packages_distributions()
    asked = set().union(*(_asked(file) for file in files))
    imported = _imported(folder)
    assert imported
    missing = {name: owners.get(name) for name in imported if not {_normal(o) for o in owners.get(name, [])} & asked}
    assert missing == {}, "add them to the .in file, then: make lock"
