"""Where model files lie. The engine is told; it never asks the environment."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelFiles:
    """Folders with weights.

    Attributes:
        cache: Graphs that are rebuilt from weights and may be deleted at any time.
        imported: Files that the user added with ``faaaaaces models import``.
        deepface: DeepFace's own weight store, ``<DEEPFACE_HOME>/.deepface/weights``.
    """

    cache: Path
    imported: Path
    deepface: Path

    @classmethod
    def within(cls, folder: Path, deepface_home: Path | None = None) -> ModelFiles:
        """The usual layout.

        Args:
            folder: Folder for everything of ours; made when something is written.
            deepface_home: What ``DEEPFACE_HOME`` names; the user's home when ``None``, as in DeepFace itself.
        """
        home = deepface_home or Path.home()
        return cls(cache=folder, imported=folder / "imported", deepface=home / ".deepface" / "weights")


def default_folder() -> Path:
    """Where rebuilt networks are kept when no folder is named, as in the use as a library."""
    return Path.home() / ".cache" / "faaaaaces" / "models"


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file in one step: beside its place, flushed to disk, then moved there; nobody ever reads half of it.

    Args:
        path: The file; its folder exists.
        data: All of its bytes.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
