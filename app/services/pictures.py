"""Files sets of pictures that lie in a folder: packed into one file, or used where they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import JobKind, MediaKind, VideoOrigin
from app.errors import EmptyMediaError, InvalidInputError
from app.media.archives import MAX_MEMBERS, pack_files
from app.media.stills import FileStills, Still, list_stills
from app.services.again import resubmit
from app.services.context import Context
from app.services.filing import Origin, Submission, checked_options, file_again, file_job, new_video
from app.services.ingest import NO_OPTIONS, announce, finish_upload, submit_file
from app.services.ingest_options import IngestOptions
from app.services.inspection import Inspection, max_pixels
from app.services.local_files import FileMark, mark_of
from app.services.uploads import begin_upload
from app.storage import pictures as picture_rows
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from app.storage.blobs import safe_file_name

Marked = tuple[Path, FileMark]


def submit_folder(
    context: Context,
    folder: Path,
    files: Sequence[Path],
    options: IngestOptions = NO_OPTIONS,
    *,
    in_place: bool = False,
) -> Iterator[Submission]:
    """Files the pictures of a folder that are new or changed as a set; those that are there are named as such.

    Args:
        context: The context.
        folder: Where they lie.
        files: The pictures.
        options: How they shall be looked at.
        in_place: Use them where they lie instead of a copy.

    Raises:
        AppError: As :func:`submit_pictures`.
    """
    with context.database.session() as session:
        known = source_rows.known_files(session)
    new: list[Path] = []
    there: set[int] = set()
    for path in files:
        before = known.get(str(path.resolve()))
        try:
            mark = mark_of(path)
        except FileNotFoundError:
            continue  # it went while others were filed
        if before is not None and before[:2] == (mark.size, mark.modified_ns):
            there.add(before.video_id)
        else:
            new.append(path)
    for video_id in sorted(there):
        yield resubmit(context, video_id, options)
    if new:
        yield from submit_pictures(context, folder, new, options, in_place=in_place)


def submit_pictures(
    context: Context,
    folder: Path,
    files: Sequence[Path],
    options: IngestOptions = NO_OPTIONS,
    *,
    in_place: bool = False,
) -> Iterator[Submission]:
    """Files pictures of one folder as one set, or as several where they are very many.

    Args:
        context: The context.
        folder: Where they lie; the set is called after it.
        files: The pictures, in any order.
        options: How they shall be looked at.
        in_place: Use them where they lie instead of a copy. They are never changed or deleted.

    Raises:
        EmptyMediaError: None of them can be read.
        InvalidInputError: One of them changes at this moment.
    """
    for start in range(0, len(files), MAX_MEMBERS):
        part = sorted(files)[start : start + MAX_MEMBERS]
        if len(part) == 1:
            yield submit_file(context, part[0], options, in_place=in_place)
        else:
            yield _submit_set(context, folder.resolve(), part, options, in_place=in_place)


def _submit_set(
    context: Context, folder: Path, files: Sequence[Path], options: IngestOptions, *, in_place: bool
) -> Submission:
    try:
        marked = [(path.resolve(), mark_of(path)) for path in files]
        return (_in_place if in_place else _copied)(context, folder, marked, options)
    except OSError as error:
        raise InvalidInputError(f"A picture in {folder.name} cannot be read: {error.strerror}.") from error


def _copied(context: Context, folder: Path, files: Sequence[Marked], options: IngestOptions) -> Submission:
    expected = sum(mark.size for _, mark in files)
    sink = begin_upload(context, f"{folder.name or 'pictures'}.zip", limited=False, expected=expected)
    try:
        pack_files(sink, _named(files))
        _check_settled(files)
    except BaseException:
        sink.discard()
        raise
    submission = finish_upload(context, sink, options, origin=_origin(folder))
    with context.database.write() as session:
        _note_files(session, submission.video_id, files)
    return submission


def _in_place(context: Context, folder: Path, files: Sequence[Marked], options: IngestOptions) -> Submission:
    checked = checked_options(context, options)
    digest = _Digest()
    pack_files(digest, _named(files))
    stills = list_stills(FileStills(_named(files)), max_pixels(context.settings)).stills
    _check_settled(files)
    if all(still.error for still in stills):
        raise EmptyMediaError(f"There is no picture in {folder.name} that can be read.")
    for last_try in (False, True):
        try:
            submission = _file_set(context, folder, files, stills, digest.hexdigest(), checked)
            break
        except IntegrityError:  # somebody else filed the same pictures between our look and our write
            if last_try:
                raise
    announce(context, submission)
    return submission


def _file_set(
    context: Context,
    folder: Path,
    files: Sequence[Marked],
    stills: Sequence[Still],
    sha256: str,
    options: IngestOptions,
) -> Submission:
    marks = dict(files)
    rows = [still_row(still, marks.get(still.path) if still.path else None) for still in stills]
    with context.database.write() as session:
        known = video_rows.by_sha256(session, sha256)
        if known is not None:
            submission = file_again(session, known, options, _origin(folder))
            if known.local_path is not None and not Path(known.local_path).is_dir():
                known.local_path = str(folder)  # they were moved
                _follow(session, known.id, rows)
        else:
            size = sum(mark.size for _, mark in files)
            video = new_video(
                session,
                file_name=safe_file_name(folder.name or "pictures"),
                sha256=sha256,
                size=size,
                origin=_origin(folder),
                found=Inspection(MediaKind.PICTURES),
            )
            video.local_path = str(folder)
            picture_rows.replace_all(session, video.id, rows)
            submission = file_job(session, JobKind.PROCESS_VIDEO, video, options)
        _note_files(session, submission.video_id, files)
    return submission


def _follow(session: Session, video_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """The same pictures, hence in the same order, lie elsewhere now."""
    places = ({key: row[key] for key in ("local_path", "size_bytes", "modified_ns")} for row in rows)
    present = picture_rows.of_video(session, video_id)
    picture_rows.change(session, [(one.id, place) for one, place in zip(present, places, strict=False)])


def still_row(still: Still, mark: FileMark | None = None) -> dict[str, Any]:
    """The columns of a still's row."""
    return {
        "file_name": safe_file_name(Path(still.name).name),
        "place": still.place,
        "local_path": str(still.path) if still.path is not None else None,
        "size_bytes": mark.size if mark else None,
        "modified_ns": mark.modified_ns if mark else None,
        "width": still.width,
        "height": still.height,
        "taken_at": still.taken_at.isoformat() if still.taken_at else None,
        "error": still.error,
    }


def _note_files(session: Session, video_id: int, files: Sequence[Marked]) -> None:
    """Each picture of a folder is remembered, so that those that come later are told from those that are there."""
    known = source_rows.known_files(session)
    source_rows.add_many(
        session,
        VideoOrigin.FILE,
        [
            {
                "video_id": video_id,
                "address": str(path),
                "file_name": path.name[:255],
                "size_bytes": mark.size,
                "modified_ns": mark.modified_ns,
            }
            for path, mark in files
            if known.get(str(path)) != (mark.size, mark.modified_ns, video_id)
        ],
    )


def _named(files: Sequence[Marked]) -> list[tuple[str, Path]]:
    return [(path.name, path) for path, _ in files]


def _check_settled(files: Sequence[Marked]) -> None:
    for path, mark in files:
        mark.check_settled(path)


def _origin(folder: Path) -> Origin:
    return Origin(VideoOrigin.FILE, str(folder), (folder.name or "pictures")[:255])


class _Digest:
    """Takes bytes and keeps their SHA-256 only."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        return len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
