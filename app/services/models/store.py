"""Weights in DeepFace's own folder: whether they are there, and whether they are what they were.

The first time that a file is fetched or found, its size and checksum are recorded, among our models and not in
DeepFace's folder. From then on a file that differs is refused. DeepFace itself finds the files in the same place.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from app.errors import ModelError
from app.services.models.onnx_file import is_whole_onnx
from app.services.models.records import Record, Records
from app.services.models.sources import Weight, weights_of
from app.vision import ModelFiles, Pack

logger = logging.getLogger(__name__)

PULL = "`faaaaaces models pull`"


def missing_weights(pack: Pack, files: ModelFiles) -> tuple[Weight, ...]:
    """The files from DeepFace's folder that a pack needs and that are not there.

    Raises:
        ModelError: The installed packages do not say what they are.
    """
    return tuple(weight for weight in weights_of(pack) if not (files.deepface / weight.name).is_file())


def verify_weights(pack: Pack, files: ModelFiles) -> None:
    """Makes sure that the files a pack needs from DeepFace's folder are there, whole and unchanged.

    Cheap while they keep size and date: only then is the checksum not computed again.

    Raises:
        ModelError: One is missing, damaged or another one than before; the message says what to do.
    """
    records = Records(files.cache)
    if missing := missing_weights(pack, files):
        names = " and ".join(weight.name for weight in missing)
        raise ModelError(f"The weights of {pack.name} are missing ({names}): {PULL} fetches them.")
    for weight in weights_of(pack):
        verify(weight, files.deepface / weight.name, records)


def verify(weight: Weight, path: Path, records: Records, *, thorough: bool = False) -> None:
    """Compares one file with its record; the first time it is recorded.

    Args:
        weight: Which file it is.
        path: Where it lies.
        records: What is known.
        thorough: Compute the checksum even where size and date are as before.

    Raises:
        ModelError: It cannot be read, is damaged, or is another one than before.
    """
    try:
        state, known = path.stat(), records.get(weight.name)
        if known and not thorough and (state.st_size, state.st_mtime_ns) == (known.size, known.mtime_ns):
            return
        whole, sha256 = is_whole_onnx(path), checksum(path)
    except OSError as error:
        raise ModelError(f"The weights {weight.name} cannot be read ({error.strerror}).") from error
    if known is None and not whole:
        raise ModelError(f"The weights {weight.name} are cut off or no network at all: {PULL} fetches them again.")
    if known is not None and known.sha256 != sha256:
        raise ModelError(
            f"The weights {weight.name} are not those that were recorded first (they have {state.st_size} bytes, and had "
            f"{known.size}): {PULL} fetches the right ones, and with --accept keeps what is there."
        )
    records.put(weight.name, Record(state.st_size, sha256, state.st_mtime_ns, known.source if known else None))
    logger.info("weights recorded", extra={"weights": weight.name, "sha256": sha256})


def accept(weight: Weight, path: Path, records: Records) -> None:
    """Records a file anew, whatever was known.

    Raises:
        ModelError: It cannot be read or is no whole network.
    """
    try:
        if not is_whole_onnx(path):
            raise ModelError(f"The weights {weight.name} are cut off or no network at all; they cannot be kept.")
        state = path.stat()
        records.put(weight.name, Record(state.st_size, checksum(path), state.st_mtime_ns))
    except OSError as error:
        raise ModelError(f"The weights {weight.name} cannot be read ({error.strerror}).") from error


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown_folder(files: ModelFiles) -> str:
    """DeepFace's folder as one names it to a person, without a path of this machine."""
    return f"{'~' if files.deepface.parent.parent == Path.home() else '$DEEPFACE_HOME'}/.deepface/weights"
