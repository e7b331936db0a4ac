"""Fetches a large file so that an interrupted download goes on where it stopped, even after the program was killed.

Beside the unfinished file lies a small note: which address it comes from and what marks that version of it. Only a part
of the very same version is continued; everything else begins anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.errors import FetchError
from app.media.answer import Answer, FetchedFile, Progress
from app.media.fetch import SafeFetcher
from app.media.fetch_errors import RangeRefusedError

TRIES = 20
"""How often one address is asked while each time some more has come."""

Accept = Callable[[Answer], bool]


@dataclass(frozen=True)
class _Note:
    url: str
    mark: str | None
    total: int | None
    source: str = ""
    kind: str = ""
    name: str = ""


def fetch_resumable(fetcher: SafeFetcher, url: str, part: Path, progress: Progress | None = None) -> int:
    """Fetches a file, continuing what an earlier try left; what has come stays when this one fails.

    Args:
        fetcher: Where it may be fetched from, and how large it may be.
        url: ``http`` or ``https``.
        part: The unfinished file, afterwards the finished one, flushed to the disk. A note is kept beside it meanwhile.
        progress: Called with the bytes there are and the bytes there will be; what it raises ends the download.

    Returns:
        Bytes of the whole file.

    Raises:
        FetchError: It cannot be fetched; ``retryable`` where going on later can help.
        TooLargeError: It is larger than allowed.
        OSError: The disk is full, or may not be written to.
    """
    fetched = fetch_if(fetcher, url, part, lambda _: True, progress)
    return fetched.size if fetched is not None else 0


def fetch_if(
    fetcher: SafeFetcher,
    url: str,
    part: Path,
    accept: Accept,
    progress: Progress | None = None,
    tries: int = TRIES,
) -> FetchedFile | None:
    """The same for a file that may turn out to be another kind of thing, such as a page.

    Args:
        fetcher: As above.
        url: As above.
        part: As above.
        accept: Looks at the answer before its body is read.
        progress: As above.
        tries: How often the address is asked while each time some more has come.

    Returns:
        The file; ``None`` where the answer was not accepted.

    Raises:
        FetchError: As above.
        TooLargeError: As above.
        OSError: As above.
    """
    came = 0

    def count(done: int, total: int | None) -> None:
        nonlocal came
        came += 1
        if progress is not None:
            progress(done, total)

    for _ in range(tries):
        before = came
        try:
            return _go_on(fetcher, url, part, accept, count)
        except RangeRefusedError as error:
            failure: FetchError = error
            forget_part(part)
        except FetchError as error:
            failure = error
            if not error.retryable or came == before:
                raise
    raise failure


def forget_part(part: Path) -> None:
    """Removes an unfinished file and its note."""
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _go_on(fetcher: SafeFetcher, url: str, part: Path, accept: Accept, progress: Progress) -> FetchedFile | None:
    note = _read_note(part)
    known = note if note is not None and note.url == url and (note.mark or note.total) else None
    offset = _size(part) if known else 0
    if known is not None and offset and offset == known.total:
        return _file(part, offset, known)  # killed after the last byte
    with fetcher.open(url, offset=offset, mark=known.mark if known else None) as answer:
        if not accept(answer):
            return None
        total = None if answer.length is None else answer.offset + answer.length
        if answer.offset and known is not None and known.total != total:
            raise RangeRefusedError("The file at this address has changed.")
        note = _Note(url, answer.mark, total, answer.url, answer.content_type, answer.file_name)
        _write_note(part, note)
        size = _append(answer, part, total, progress)
    if total is None:
        _write_note(part, replace(note, total=size))  # it came whole: now its length is known
    return _file(part, size, note)


def _file(part: Path, size: int, note: _Note) -> FetchedFile:
    return FetchedFile(part, size, note.source or note.url, note.kind, note.name)


def _append(answer: Answer, part: Path, total: int | None, progress: Progress) -> int:
    size = answer.offset
    with part.open("r+b" if size else "wb") as file:
        if size:
            file.seek(size)
            file.truncate()
        for chunk in answer.chunks():
            size += file.write(chunk)
            progress(size, total)
        file.flush()
        os.fsync(file.fileno())
    return size


def _size(part: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return part.stat().st_size
    return 0


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _write_note(part: Path, note: _Note) -> None:
    _note_path(part).write_text(json.dumps(asdict(note)), encoding="utf-8")


def _read_note(part: Path) -> _Note | None:
    try:
        return _Note(**json.loads(_note_path(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or half written when the program was killed
        return None
