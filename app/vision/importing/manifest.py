"""Imported networks on disk: ``<name>.onnx`` and ``<name>.json``, which says what it is and where it came from."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from app.errors import ModelError
from app.vision.files import write_atomically
from app.vision.importing.kinds import KINDS, Kind


@dataclass(frozen=True)
class Manifest:
    """What is known about an imported network.

    Attributes:
        name: Of the part in a pack: that of its kind.
        kind: ``detector`` or ``embedder``.
        sha256: Of the graph as it is kept.
        size: Of the graph as it is kept, in bytes.
        licence: As its publisher has it.
        source: Where it was published.
        source_file: Name of the file that was imported.
        source_sha256: Of that file.
        source_size: Of that file, in bytes.
        dimension: Length of an embedding; 0 for a detector.
        batch: Most pictures of one run.
        layout: Order of the input's axes.
        normalises: Whether the graph takes pixels of 0..255 and scales them itself.
        variant: Where a network has several, which one.
    """

    name: str
    kind: Literal["detector", "embedder"]
    sha256: str
    size: int
    licence: str
    source: str
    source_file: str
    source_sha256: str
    source_size: int
    dimension: int = 0
    batch: int = 32
    layout: Literal["nhwc", "nchw"] = "nchw"
    normalises: bool = False
    variant: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return KINDS[self.name].title


@dataclass(frozen=True)
class Imported:
    """An imported network: its manifest, and the file of its graph, whose checksum was compared with it."""

    manifest: Manifest
    model: Path


def load_imported(folder: Path, name: str) -> Imported:
    """Reads an imported network.

    Args:
        folder: Folder of imported networks.
        name: Name of a kind.

    Raises:
        ModelError: It was not imported, or its files were damaged since.
    """
    kind = KINDS[name]
    if not (folder / f"{name}.onnx").is_file():
        raise ModelError(
            f"The {kind.role} {name!r} ({kind.title}) is not here yet; add its file with: faaaaaces models import FILE"
        )
    manifest = _read(folder / f"{name}.json", kind)
    model = folder / f"{name}.onnx"
    try:
        with model.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The file of {name!r} cannot be read.") from error
    if not hmac.compare_digest(checksum, manifest.sha256):
        raise ModelError(f"The file of {name!r} was changed or damaged after its import; import it again.")
    return Imported(manifest, model)


def load_manifest(folder: Path, name: str) -> Manifest | None:
    """The manifest of an imported network; ``None`` where it was not imported, or its manifest is damaged."""
    if (folder / f"{name}.onnx").is_file():
        with contextlib.suppress(ModelError):
            return _read(folder / f"{name}.json", KINDS[name])
    return None


def installed(folder: Path) -> Iterator[Manifest]:
    """Manifests of what was imported, detectors first; files whose manifest is damaged are passed over."""
    for name in KINDS:
        if manifest := load_manifest(folder, name):
            yield manifest


def _read(path: Path, kind: Kind) -> Manifest:
    known = {field.name for field in fields(Manifest)}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**{name: value for name, value in values.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"The description of {kind.name!r} is missing or damaged; import its file again.") from error
    if manifest.name != kind.name:
        raise ModelError(f"The description of {kind.name!r} is of another network; import its file again.")
    return manifest


def store(folder: Path, manifest: Manifest, model: bytes) -> None:
    """Writes a network and its manifest, each in one step; the manifest comes last and makes it valid.

    Args:
        folder: Folder of imported networks; made where it is missing.
        manifest: What it is.
        model: The graph.

    Raises:
        ModelError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"{manifest.name}.onnx", model)
        write_atomically(folder / f"{manifest.name}.json", json.dumps(asdict(manifest), indent=1).encode())
    except OSError as error:
        raise ModelError("The folder of imported models cannot be written to; is the disk full?") from error
