"""Rebuilt models kept as files, so that only the first start pays for the rebuilding.

Each model is two files, ``<name>-<version>.onnx`` and ``<name>-<version>.onnx.sha256``. Both are written next to their
place and moved there in one step, so no reader ever sees half a file, and any number of processes may start at once:
at worst each builds the model and the last one's identical files stay.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from pathlib import Path

from app.errors import ModelError
from app.vision.files import write_atomically

logger = logging.getLogger(__name__)

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def load_or_build(cache_dir: Path, name: str, version: str, build: Callable[[], bytes]) -> bytes:
    """Gives a model's bytes, from the cache where they are sound, else freshly built.

    The bytes returned are those whose checksum was compared, so a file that changes afterwards does no harm. A cache
    that cannot be written (a read-only disk, no space) costs time, not function: it is logged and the model is used.

    Args:
        cache_dir: Folder for the files; made where it is missing.
        name: Name of the model: small letters, digits, ``.``, ``_``, ``-``.
        version: Version of the *rebuilding code*; raise it when the graph that it makes changes.
        build: Makes the serialised model; called only where there is no sound file.

    Returns:
        The serialised model.

    Raises:
        ModelError: ``name`` or ``version`` cannot be a file name.
    """
    for part in (name, version):
        if not _SAFE_NAME.fullmatch(part):
            raise ModelError(f"{part!r} cannot be part of a model's file name.")
    path = cache_dir / f"{name}-{version}.onnx"
    cached = _read_sound(path)
    if cached is not None:
        return cached
    model = build()
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(path, model)
        write_atomically(_checksum_path(path), f"{hashlib.sha256(model).hexdigest()}  {path.name}\n".encode())
    except OSError:
        logger.warning("model cache cannot be written", extra={"model": name}, exc_info=True)
    return model


def _checksum_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _read_sound(path: Path) -> bytes | None:
    """The file's bytes if they match its checksum, else ``None``."""
    try:
        data = path.read_bytes()
        expected = _checksum_path(path).read_text(encoding="ascii").split()[0]
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, IndexError):
        logger.warning("cached model cannot be read; rebuilding it", extra={"model": path.stem})
        return None
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), expected):
        logger.warning("cached model is damaged; rebuilding it", extra={"model": path.stem})
        return None
    return data
