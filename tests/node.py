"""The JavaScript clients that tests drive: installed once, at the versions that tests/js/package-lock.json pins."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "js"
ADVICE = "These tests need Node.js and npm. On Debian or Ubuntu: sudo apt-get install nodejs npm."


def node_folder() -> Path:
    """A folder under build/ with the scripts of tests/js and their packages; npm is asked the first time only.

    Raises:
        RuntimeError: Node.js or npm is missing, or npm could not install.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise RuntimeError(ADVICE)
    files = sorted(path for path in SOURCES.iterdir() if path.is_file())
    version = hashlib.sha256(b"\0".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:16]
    target = ROOT / "build" / "tests-js" / version
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            fresh = Path(folder) / "fresh"
            fresh.mkdir()
            for path in files:
                shutil.copy(path, fresh)
            # scripts of packages are not run: none of these needs one
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                raise RuntimeError(f"npm could not install the clients: {done.stderr}")
            _put(fresh, target)
    return target


def _put(fresh: Path, target: Path) -> None:
    try:
        fresh.rename(target)
    except OSError:
        if not target.exists():  # else another process of the tests was quicker
            raise
