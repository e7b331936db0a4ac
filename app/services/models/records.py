"""What is remembered about fetched weights: size and checksum of each file, and the last failure.

One small JSON file among our models. Where it cannot be written, that is logged and nothing is remembered.
"""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.vision.files import write_atomically

logger = logging.getLogger(__name__)

FILE_NAME = "weights.json"


@dataclass(frozen=True)
class Record:
    """One file of weights as it was when it was fetched or first found.

    Attributes:
        size: Bytes.
        sha256: Checksum of the bytes, hexadecimal.
        mtime_ns: When the file was last changed, in nanoseconds: of the very file whose checksum was compared last.
        source: Address that it was fetched from, or ``None`` for a file that was there already.
    """

    size: int
    sha256: str
    mtime_ns: int
    source: str | None = None


@dataclass(frozen=True)
class Failure:
    """The last try to fetch that failed.

    Attributes:
        at: When, in seconds since 1970.
        message: Why, in a sentence.
    """

    at: float
    message: str


class Records:
    """The records of one installation; safe to use from several processes.

    Args:
        folder: Our folder of models; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def get(self, name: str) -> Record | None:
        """What is known about a file, or ``None``."""
        found = self._read()["files"].get(name)
        try:
            return Record(**found) if found else None
        except TypeError:
            return None

    def put(self, name: str, record: Record) -> None:
        """Remembers a file."""
        self._change(lambda data: data["files"].__setitem__(name, asdict(record)))

    def failure(self) -> Failure | None:
        """The last try to fetch, where it failed."""
        found = self._read().get("failure")
        try:
            return Failure(float(found["at"]), str(found["message"])) if found else None
        except (TypeError, KeyError, ValueError):
            return None

    def note_failure(self, message: str) -> None:
        """Remembers that fetching failed just now."""
        self._change(lambda data: data.__setitem__("failure", asdict(Failure(time.time(), message))))

    def forget_failure(self) -> None:
        """Forgets it: fetching has worked."""
        if self.failure() is not None:
            self._change(lambda data: data.pop("failure", None))

    def refusal(self, space: str) -> str | None:
        """Why the networks of a space were refused by ``faaaaaces models check``, or ``None``."""
        found = self._read().get("refused")
        return str(found[space]) if isinstance(found, dict) and space in found else None

    def refuse(self, space: str, message: str | None) -> None:
        """Remembers that the networks of a space give wrong answers; ``None`` where they have passed."""
        if message is None and self.refusal(space) is None:
            return

        def change(data: dict[str, Any]) -> None:
            refused = data.setdefault("refused", {})
            refused.pop(space, None)
            if message is not None:
                refused[space] = message

        self._change(change)

    def tried(self, space: str) -> str | None:
        """Checksums of the files with which the networks of a space were tried out last, or ``None``."""
        found = self._read().get("tried")
        return str(found[space]) if isinstance(found, dict) and space in found else None

    def note_tried(self, space: str, checksums: str) -> None:
        """Remembers that the networks of a space were tried out, whatever came of it."""
        self._change(lambda data: data.setdefault("tried", {}).__setitem__(space, checksums))

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            return data if isinstance(data, dict) and isinstance(data.get("files"), dict) else {"files": {}}
        except FileNotFoundError:
            return {"files": {}}
        except (OSError, ValueError):
            logger.warning("records of weights cannot be read", exc_info=True)
            return {"files": {}}

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self._path.with_name(FILE_NAME + ".lock")):
                data = self._read()
                change(data)
                write_atomically(self._path, json.dumps(data, indent=1).encode())
        except OSError:
            logger.warning("records of weights cannot be written", exc_info=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
