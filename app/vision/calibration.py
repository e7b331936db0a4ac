"""Thresholds that were measured on this machine, kept as JSON beside the rebuilt models."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.errors import ConfigError
from app.vision.files import ModelFiles, write_atomically

_FOLDER = "calibration"
_WIDEST = 2.0  # no two unit vectors are further apart


@dataclass(frozen=True, slots=True)
class Calibration:
    """What ``faaaaaces eval --save`` found for an embedding space.

    Attributes:
        space: The embedding space.
        same_person_distance: See :class:`app.vision.packs.Pack`.
        similarity_scale: See there.
        people: How many people were in the pictures.
        faces: How many faces.
        measured: The day, as ``2026-11-22``.
    """

    space: str
    same_person_distance: float
    similarity_scale: float
    people: int
    faces: int
    measured: str


def save_calibration(files: ModelFiles, calibration: Calibration) -> Path:
    """Stores a calibration, in place of an earlier one of the same space.

    Returns:
        The file.

    Raises:
        ConfigError: The folder cannot be written to.
    """
    path = _path(files, calibration.space)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(asdict(calibration), indent=1) + "\n").encode())
    except OSError as error:
        raise ConfigError("The calibration cannot be stored: the models folder cannot be written to.") from error
    return path


def load_calibration(files: ModelFiles, space: str) -> Calibration | None:
    """Reads the calibration of a space; ``None`` where there is none.

    Raises:
        ConfigError: The file is damaged. Going on without it would change who counts as the same person.
    """
    path = _path(files, space)
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return _checked(stored, space)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"The stored calibration of {space!r} is damaged; delete {_FOLDER}/{path.name} in the models folder, or run "
            "faaaaaces eval --save again."
        ) from error


def _checked(stored: dict[str, Any], space: str) -> Calibration:
    calibration = Calibration(
        space=str(stored["space"]),
        same_person_distance=float(stored["same_person_distance"]),
        similarity_scale=float(stored["similarity_scale"]),
        people=int(stored["people"]),
        faces=int(stored["faces"]),
        measured=str(stored["measured"]),
    )
    distances = (calibration.same_person_distance, calibration.similarity_scale)
    if calibration.space != space or not all(math.isfinite(value) and 0 < value < _WIDEST for value in distances):
        raise ValueError("the figures are impossible")
    return calibration


def _path(files: ModelFiles, space: str) -> Path:
    # names of spaces come from our own tables; what is no plain letter or digit still must not become a path
    return files.cache / _FOLDER / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', space)}.json"
