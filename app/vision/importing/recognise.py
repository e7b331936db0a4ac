"""Tells what a file is: by its checksum where it is a published one, else by what its graph takes and gives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import InvalidInputError
from app.vision.detectors.retinaface_mobile_graph import VARIANTS, is_retinaface_mobile
from app.vision.detectors.yunet import OUTPUT_NAMES as YUNET_OUTPUTS
from app.vision.importing.graphs import Shape, Signature, read_graph, signature
from app.vision.importing.kinds import KINDS, KNOWN_FILES, Kind
from app.vision.importing.pickles import read_state_dict

MAX_BYTES = 1024**3  # the largest known file, an ArcFace of 100 layers, has a quarter of it

_PICKLE_SUFFIXES = {".pth", ".pt", ".ckpt"}
_SCRFD_WIDTHS = (1, 1, 1, 4, 4, 4, 10, 10, 10)
_WITHOUT_POINTS = {6, 10}


@dataclass(frozen=True)
class Recognised:
    """What a file is.

    Attributes:
        path: The file.
        format: How it is written.
        kinds: What it can be, the likeliest first; more than one where its graph alone does not tell.
        sha256: Of the file.
        size: Of the file, in bytes.
        source: Where it was published.
        licence: As its publisher has it.
        known: Whether it is a published file, byte by byte.
        layout: Order of the input's axes.
        normalises: Whether the graph takes pixels of 0..255 and scales them itself.
        variants: Where a network has several, which ones it can be.
    """

    path: Path
    format: Literal["onnx", "pth"]
    kinds: tuple[Kind, ...]
    sha256: str
    size: int
    source: str
    licence: str
    known: bool
    layout: Literal["nhwc", "nchw"] = "nchw"
    normalises: bool = False
    variants: tuple[str, ...] = ()


def recognise(path: Path) -> Recognised:
    """Finds out what a file is, without running anything in it.

    Args:
        path: The file.

    Raises:
        InvalidInputError: It is missing, damaged, too large, malicious, or of no network that can be imported.
    """
    size, checksum = _fingerprint(path)
    if _is_pickle(path):
        return _weights(path, size, checksum)
    found = signature(read_graph(path.read_bytes()))
    kinds = _detectors(found) or _embedders(found)
    if not kinds:
        raise InvalidInputError(
            "This is an ONNX file, but of none of the networks that can be imported: "
            f"{', '.join(kind.title for kind in KINDS.values())}."
        )
    known = KNOWN_FILES.get(checksum)
    if known:
        kinds = (KINDS[known.kind],)
    shape = next(iter(found.inputs.values()))
    return Recognised(
        path=path,
        format="onnx",
        kinds=kinds,
        sha256=checksum,
        size=size,
        source=known.source if known else kinds[0].source,
        licence=known.licence if known else kinds[0].licence,
        known=known is not None,
        layout="nhwc" if shape[3] == 3 else "nchw",
        normalises=found.normalises,
    )


def _fingerprint(path: Path) -> tuple[int, str]:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InvalidInputError("This is no file; give the file of a network, .onnx or .pth.")
        if size > MAX_BYTES:
            raise InvalidInputError("This file is over 1 GB, more than any network that can be imported.")
        with path.open("rb") as stream:
            return size, hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInputError("This file cannot be read; is its name right?") from error


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as stream:
        begin = stream.read(4)
    # an archive of PyTorch is a zip file; older ones begin with the opcode for a pickle's version
    return path.suffix.lower() in _PICKLE_SUFFIXES or begin == b"PK\x03\x04" or begin[:1] == b"\x80"


def _weights(path: Path, size: int, checksum: str) -> Recognised:
    if not is_retinaface_mobile(read_state_dict(path)):
        raise InvalidInputError(
            "This .pth file holds the weights of another network; only RetinaFace with a MobileNet-0.25 body can be "
            "imported from this format, others as ONNX files."
        )
    kind, known = KINDS["retinaface-mobile"], KNOWN_FILES.get(checksum)
    return Recognised(
        path=path,
        format="pth",
        kinds=(kind,),
        sha256=checksum,
        size=size,
        source=known.source if known else kind.source,
        licence=known.licence if known else kind.licence,
        known=known is not None,
        variants=(known.variant,) if known and known.variant else tuple(VARIANTS),
    )


def _detectors(found: Signature) -> tuple[Kind, ...]:
    """Kinds of detectors that a graph can be."""
    shape = _only_picture(found)
    if shape is None or shape[1] not in (3, None):
        return ()
    if set(found.outputs) == set(YUNET_OUTPUTS):
        return (KINDS["yunet"],)
    widths = tuple(output[-1] if output else None for output in found.outputs.values())
    if widths == _SCRFD_WIDTHS:
        return (KINDS["scrfd"],)
    if len(widths) in _WITHOUT_POINTS and set(widths) == {1, 4}:
        raise InvalidInputError(
            "This SCRFD finds boxes but no landmarks, without which faces cannot be cut; take the file with kps in its name."
        )
    return ()


def _embedders(found: Signature) -> tuple[Kind, ...]:
    """Kinds of embedders that a graph can be, the likeliest first."""
    shape = _only_picture(found)
    if shape is None or len(found.outputs) != 1:
        return ()
    side = shape[1] if shape[3] == 3 else shape[2]
    output = next(iter(found.outputs.values()))
    names = _EMBEDDERS.get((side, output[-1] if len(output) == 2 else None), ())
    if shape[3] == 3 and "insightface-arcface" in names:
        raise InvalidInputError(
            "This is an ArcFace with DeepFace's order of axes; DeepFace's own is part of the pack retinaface-arcface and "
            "comes with: faaaaaces models pull"
        )
    if found.normalises and "sface" in names:
        names = ("sface", "mobilefacenet")
    return tuple(KINDS[name] for name in names)


# Side of the chip, length of the vector -> what it can be.
_EMBEDDERS: dict[tuple[int | None, int | None], tuple[str, ...]] = {
    (112, 128): ("mobilefacenet", "sface"),
    (112, 512): ("insightface-arcface",),
    (160, 512): ("facenet",),
    (160, 128): ("facenet-128",),
}


def _only_picture(found: Signature) -> Shape | None:
    """Shape of the graph's one input, where it is a picture."""
    shapes = list(found.inputs.values())
    if len(shapes) != 1 or len(shapes[0]) != 4:
        return None
    return shapes[0]
