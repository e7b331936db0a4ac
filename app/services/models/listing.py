"""What networks are on this machine, and which packs they make up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import ModelError
from app.services.models.choose import missing_parts
from app.services.models.records import Records
from app.services.models.sources import weights_of
from app.vision import ModelFiles
from app.vision.importing.manifest import installed
from app.vision.pack_table import PACKS
from app.vision.packs import get_pack

_DEEPFACE_STORE = "DeepFace's weight store"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One network.

    Attributes:
        name: Of the part in a pack, or of the file.
        title: What people call it.
        licence: As its publisher has it.
        source: Where it came from.
        size: In bytes; ``None`` where it is part of an installed package.
        sha256: Of the file that was imported or fetched; ``None`` likewise, and where none is recorded yet.
    """

    name: str
    title: str
    licence: str
    source: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PackRow:
    """One pack.

    Attributes:
        name: Of the pack.
        complete: Whether it could be used now.
        missing: What it lacks and how to get that; ``None`` where it is complete.
    """

    name: str
    complete: bool
    missing: str | None


_BUNDLED = (
    ModelRow("mtcnn", "MTCNN face detector", "MIT", "the package mtcnn"),
    ModelRow("dlib-resnet-v1", "dlib's face ResNet, 128 numbers", "CC0-1.0", "the package face-recognition-models"),
)


def list_models(files: ModelFiles) -> list[ModelRow]:
    """The networks that are here: bundled, fetched, imported."""
    imported = (
        ModelRow(found.name, found.title, found.licence, found.source, found.source_size, found.source_sha256)
        for found in installed(files.imported)
    )
    return [*(_BUNDLED if not _lack(files, "bundled") else ()), *_fetched(files), *imported]


def _fetched(files: ModelFiles) -> Iterator[ModelRow]:
    records = Records(files.cache)
    try:
        weights = weights_of(get_pack("retinaface-arcface"))
    except ModelError:
        return
    for weight in weights:
        path = files.deepface / weight.name
        if path.is_file():
            record = records.get(weight.name)
            checksum = record.sha256 if record else None
            title, licence = "weights of the pack retinaface-arcface", "see DeepFace's documentation"
            yield ModelRow(weight.name, title, licence, _DEEPFACE_STORE, path.stat().st_size, checksum)


def list_packs(files: ModelFiles) -> list[PackRow]:
    """The packs with a name of their own, and whether all they need is here."""
    rows = []
    for name in PACKS:
        missing = _lack(files, name)
        rows.append(PackRow(name, missing is None, missing))
    return rows


def _lack(files: ModelFiles, name: str) -> str | None:
    try:
        return missing_parts(get_pack(name), files)
    except ModelError as error:
        return error.message
