"""Adds files of networks to this installation: recognised, converted, tried out, and only then kept."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from app.errors import InvalidInputError, ModelError
from app.pack_names import FALLBACK
from app.services.models.records import Records
from app.vision import ModelFiles, Pack
from app.vision.check import CheckReport, check_pack
from app.vision.importing.convert import convert
from app.vision.importing.kinds import KINDS, RESEARCH_ONLY, Kind
from app.vision.importing.manifest import Manifest, load_manifest, store
from app.vision.importing.recognise import Recognised, recognise
from app.vision.pack_table import PACKS
from app.vision.packs import get_pack

logger = logging.getLogger(__name__)

# Tries a pack out with the given files.
Check = Callable[[ModelFiles, Pack], CheckReport]


@dataclass(frozen=True)
class Candidate:
    """A file that can be imported.

    Attributes:
        file: What was found out about it.
        kind: What it is taken for.
        replaces: What is there under this name already, where that came from another file.
    """

    file: Recognised
    kind: Kind
    replaces: Manifest | None

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a person has to agree with before it is imported, as sentences."""
        doubts = []
        if self.file.licence == RESEARCH_ONLY:
            doubts.append(
                "InsightFace allows its models for non-commercial research only; for any other use you need a licence "
                "from them."
            )
        if self.replaces is not None and self.kind.role == "embedder":
            doubts.append(
                f"Another file is imported as {self.kind.name} ({self.replaces.source_file}). Faces described with it "
                "cannot be compared with those of the new one; a library that uses it has to be made anew."
            )
        elif self.replaces is not None:
            doubts.append(f"It takes the place of another file that is imported as {self.kind.name}.")
        return tuple(doubts)


@dataclass(frozen=True)
class Imported:
    """A network that was added.

    Attributes:
        manifest: What is known about it.
        report: What it made of two faces, as part of a pack with a bundled network; ``None`` where it was not tried.
    """

    manifest: Manifest
    report: CheckReport | None


def inspect_file(files: ModelFiles, path: Path, name: str | None = None) -> Candidate:
    """Finds out what a file is; writes nothing and runs nothing.

    Args:
        files: Where imported networks lie.
        path: The file.
        name: What to take it for, where its graph fits more than one network; the likeliest when ``None``.

    Raises:
        InvalidInputError: The file cannot be imported, or not under this name.
    """
    if name is not None and name not in KINDS:
        raise InvalidInputError(f"There is no network {name!r}. Names: {', '.join(KINDS)}.")
    file = recognise(path)
    fitting = {kind.name: kind for kind in file.kinds}
    if name is not None and name not in fitting:
        raise InvalidInputError(f"This file cannot be {name!r}; it looks like {' or '.join(fitting)}.")
    kind = fitting[name] if name else file.kinds[0]
    earlier = load_manifest(files.imported, kind.name)
    return Candidate(file, kind, earlier if earlier and earlier.source_sha256 != file.sha256 else None)


def import_file(files: ModelFiles, candidate: Candidate, check: Check | None = check_pack) -> Imported:
    """Converts a file, tries it out beside what is there already, and keeps it when it is of use.

    Where the weights do not tell which variant of a network they are of, the one is kept that sees faces best.

    Args:
        files: Where imported networks lie.
        candidate: What :func:`inspect_file` gave, and a person agreed with.
        check: Tries a pack out; ``None`` leaves that out, for tests with random weights.

    Returns:
        What was kept.

    Raises:
        InvalidInputError: The file cannot be run.
        ModelError: It can, but does not tell people apart, and the message has the figures; or it cannot be written.
    """
    variants: tuple[str | None, ...] = candidate.file.variants or (None,)
    with _staging(files.imported) as staging:
        tries = [
            _try(files, candidate, variant, staging / str(number), check) for number, variant in enumerate(variants)
        ]
        number, best = min(enumerate(tries), key=lambda one: _rank(one[1].report))
        if best.report is not None:
            best.report.require()
        for ending in (".onnx", ".json"):
            name = f"{best.manifest.name}{ending}"
            (staging / str(number) / name).replace(files.imported / name)
    _forget_refusals(files, best.manifest.name)
    logger.info("model imported", extra={"model": best.manifest.name, "sha256": best.manifest.source_sha256})
    return best


def _forget_refusals(files: ModelFiles, part: str) -> None:
    """A check that another file has failed says nothing about this one."""
    for name, parts in PACKS.items():
        if part in parts:
            Records(files.cache).refuse(get_pack(name).space, None)


def _rank(report: CheckReport | None) -> tuple[bool, float]:
    return (False, 0.0) if report is None else (not report.passed, report.point_error)


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the imported networks that is gone afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".import-"))
    except OSError as error:
        raise ModelError("The folder of imported models cannot be written to; is the disk full?") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _try(files: ModelFiles, candidate: Candidate, variant: str | None, folder: Path, check: Check | None) -> Imported:
    """Converts a file into a folder of its own and tries it out there."""
    file = candidate.file
    converted = convert(file, candidate.kind, variant)
    manifest = Manifest(
        name=candidate.kind.name,
        kind=candidate.kind.role,
        sha256=sha256(converted.model).hexdigest(),
        size=len(converted.model),
        licence=file.licence,
        source=file.source,
        source_file=file.path.name,
        source_sha256=file.sha256,
        source_size=file.size,
        dimension=converted.dimension,
        batch=converted.batch,
        layout=file.layout,
        normalises=file.normalises,
        variant=variant,
    )
    store(folder, manifest, converted.model)
    report = check(replace(files, imported=folder), trial_pack(candidate.kind)) if check else None
    return Imported(manifest, report)


def trial_pack(kind: Kind) -> Pack:
    """The pack with which a network is tried out: together with a bundled one, which is always there."""
    bundled = get_pack(FALLBACK)
    if kind.role == "detector":
        return get_pack(f"{kind.name}+{bundled.embedder}")
    return get_pack(f"{bundled.detector}+{kind.name}")
