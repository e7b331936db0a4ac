"""The reference pack's two networks: found in DeepFace's folder, rewritten once to run quicker, kept in our cache."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from app.errors import ModelError
from app.vision.files import ModelFiles
from app.vision.graph_surgery import join_padding, read_graph, same_answers, split_prelu, take_bytes
from app.vision.runtime import RuntimeOptions, check_providers
from app.vision.weights_cache import load_or_build

logger = logging.getLogger(__name__)

RETINAFACE_FILE = "retinaface.onnx"
ARCFACE_FILE = "arcface_weights.onnx"

_VERSION = "1"  # to be raised when the rewriting changes, so that graphs in the cache are not used

Rewrite = Callable[[bytes], bytes]


def load_retinaface(files: ModelFiles) -> bytes:
    """Gives RetinaFace, with one input of ``uint8`` (n, height, width, 3) RGB.

    Args:
        files: Where the weights lie and rewritten graphs are kept.

    Raises:
        ModelError: The file is missing, damaged or another network's.
    """
    return _load(files, RETINAFACE_FILE, "retinaface", _rewrite_retinaface)


def load_arcface(files: ModelFiles, runtime: RuntimeOptions) -> bytes:
    """Gives ArcFace, with one input of ``float32`` (n, 112, 112, 3).

    Args:
        files: Where the weights lie and rewritten graphs are kept.
        runtime: Where it is to run: only on processors is the other form quicker.

    Raises:
        ModelError: The file is missing, damaged or another network's.
    """
    if check_providers(runtime.providers) == ("cpu",):
        return _load(files, ARCFACE_FILE, "arcface", _rewrite_arcface)
    return _read(files, ARCFACE_FILE)


def _load(files: ModelFiles, file: str, name: str, rewrite: Rewrite) -> bytes:
    with _translated(file), (files.deepface / file).open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    # by content: weights that were exchanged must not meet the graph that was made of the old ones
    return load_or_build(files.cache, name, f"{_VERSION}-{checksum[:12]}", lambda: rewrite(_read(files, file)))


def _read(files: ModelFiles, file: str) -> bytes:
    with _translated(file):
        return (files.deepface / file).read_bytes()


@contextmanager
def _translated(file: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(
            f"The weights {file} are missing: run `faaaaaces models pull retinaface-arcface`, or choose "
            "FACE_PACK=bundled."
        ) from error
    except OSError as error:
        raise ModelError(f"The weights {file} cannot be read ({error.strerror}).") from error


def _rewrite_retinaface(data: bytes) -> bytes:
    model = read_graph(data, RETINAFACE_FILE, outputs=9)
    take_bytes(model)
    plain = model.SerializeToString()
    join_padding(model)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 72, 104, 3), np.uint8)
    return _checked(plain, model, pixels, RETINAFACE_FILE)


def _rewrite_arcface(data: bytes) -> bytes:
    model = read_graph(data, ARCFACE_FILE, outputs=1)
    split_prelu(model)
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 112, 112, 3)).astype(np.float32)
    return _checked(data, model, pixels, ARCFACE_FILE)


def _checked(plain: bytes, model: onnx.ModelProto, pixels: npt.NDArray[Any], file: str) -> bytes:
    """The rewritten graph where it answers as the plain one does, else the plain one."""
    rewritten: bytes = model.SerializeToString()
    try:
        same = same_answers(plain, rewritten, pixels)
    except ModelError as error:
        raise ModelError(f"{file} is the file of another model; delete it and fetch the right one.") from error
    if same:
        return rewritten
    logger.warning("a rewritten network answers otherwise; the original is used", extra={"weights": file})
    return plain
