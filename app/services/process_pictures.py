"""Looks at a set of pictures: each of them once, each face a track of its own.

As with videos, work is committed chunk by chunk, cut by the numbers of the pictures, the checkpoint in the same
transaction as the faces. Pictures have no time, so nobody is followed from one to the next: a face's ``sample`` is the
number of its picture, and its ``timestamp`` is the same number.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import update

from app.domain import Face as FoundFace
from app.domain import Frame, Image
from app.errors import AppError, EmptyMediaError, MediaError, NotFoundError, PackMismatchError, TooLargeError
from app.media.images import encode_jpeg
from app.media.stills import FileStills, Still, StillSource, list_stills, open_stills, read_still
from app.models import Job, Picture, Video, utc_now
from app.services.context import Context
from app.services.inspection import max_pixels
from app.services.job_run import JobRun
from app.services.local_files import FileMark, check_unchanged
from app.services.models.fetching import fetch_missing_weights
from app.services.pictures import still_row
from app.services.process_video import CROP_SIDE, Owner, Placed, crop_face, link_tracks, write_thumbnail
from app.services.video_files import local_file
from app.storage import faces as face_rows
from app.storage import findings
from app.storage import pictures as picture_rows
from app.storage import spaces as space_rows
from app.storage import videos as video_rows
from app.vision import FaceEngine

logger = logging.getLogger(__name__)

CHUNK_PICTURES = 8
PIXELS_AT_ONCE = 24_000_000
"""Pictures are shown to the engine together up to this many pixels, which take 72 MB."""
NO_PIXELS = np.zeros((1, 1, 3), np.uint8)
SHOWN_SIDE = 1600
"""Browsers get a JPEG of at most this long side, also of kinds that they cannot show."""


def process_pictures(context: Context, run: JobRun) -> None:
    """Looks at the pictures of a job from its checkpoint on.

    Args:
        context: The context.
        run: The attempt that owns the job.

    Raises:
        NotFoundError: The set or its file is gone.
        MediaError: Not one picture can be read.
        PackMismatchError: The settings ask for another pack than the library's.
        ModelError: The networks are missing and cannot be fetched.
        JobLostError: Another attempt took over.
        JobCancelledError: A person cancelled the job.
    """
    with context.database.session() as session:
        video = video_rows.get(session, run.video_id) if run.video_id is not None else None
    if video is None:
        raise NotFoundError("The pictures were deleted before they were looked at.")
    fetch_missing_weights(context, run)
    with open_pictures(context, video) as source:
        if run.next_sample == 0:
            _begin(context, run, video, source)
        with context.database.session() as session:
            total = picture_rows.count(session, video.id)
        run.report(step="looking", total=total)
        while chunk := _next_chunk(context, video.id, run.next_sample):
            run.check()
            _look_at_chunk(context, run, video, source, chunk)
    run.report(step="linking")
    link_pictures(context, run, video.id)
    _finish(context, run, video.id)


@contextmanager
def open_pictures(context: Context, video: Video) -> Iterator[StillSource]:
    """Opens a set: one file, or pictures that lie each by itself in a folder that is used in place.

    Raises:
        NotFoundError: Its file is gone.
        ConflictError: A file that is used in place was changed since it was added.
    """
    if video.blob_key is None and video.local_path is not None and Path(video.local_path).is_dir():
        yield FileStills([])
        return
    with local_file(context, video) as path, open_stills(path, video.file_name) as source:
        yield source


def _begin(context: Context, run: JobRun, video: Video, source: StillSource) -> None:
    """A first attempt lists the pictures, unless that was done before, and starts from nothing.

    What an earlier run found stays as it is until this one has ended, as with videos.
    """
    run.report(step="listing")
    rows = _list(context, run, video, source)
    hidden = video.processed_at is not None
    if hidden:
        run.params.update(hidden=True, folder=f"faces/{video.id}/{run.job_id[:8]}")
    # files first: what is stored from now on must not go with them
    context.blobs.delete_tree(run.params.get("folder") or f"faces/{video.id}")
    with context.database.write() as session:
        run.fence(session)
        if rows is not None:
            picture_rows.replace_all(session, video.id, rows)
        gone = findings.remove_hidden(session, video.id)
        if not hidden:
            video_rows.delete_findings(session, video.id)
        session.execute(update(Job).where(Job.id == run.job_id).values(params=run.params))
    for key in gone:
        context.blobs.delete(key)


def _list(context: Context, run: JobRun, video: Video, source: StillSource) -> list[dict[str, Any]] | None:
    """Rows for the pictures of a file; ``None`` where they are there: of a folder, or from an earlier run."""
    if (isinstance(source, FileStills) and not source.count) or video.processed_at is not None:
        return None
    listing = list_stills(source, max_pixels(context.settings), run.check)
    if listing.left_out:
        run.log(f"{listing.left_out} files are no pictures and were left out.")
    if not listing.stills:
        raise EmptyMediaError("There is no picture in this file.")
    return [still_row(still) for still in listing.stills]


def _next_chunk(context: Context, video_id: int, first: int) -> Sequence[Picture]:
    """The pictures up to the next multiple of a chunk's length, so that every attempt cuts alike."""
    end = (first // CHUNK_PICTURES + 1) * CHUNK_PICTURES
    with context.database.session() as session:
        return picture_rows.of_video(session, video_id, first=first, limit=end - first)


def _look_at_chunk(
    context: Context, run: JobRun, video: Video, source: StillSource, pictures: Sequence[Picture]
) -> None:
    engine = context.engine()
    try:
        _look_with(engine, context, run, video, source, pictures)
    except PackMismatchError:
        # another process pinned a pack, or changed it, since the networks were chosen
        other = context.engine()
        if other.pack.space == engine.pack.space:
            raise
        _look_with(other, context, run, video, source, pictures)


@dataclass
class _Seen:
    """What came of a chunk.

    Attributes:
        folder: Where crops go; the set's own among the faces where ``None``.
        hidden: Whether its faces stay unseen until all pictures were looked at.
        faces: Its faces.
        changes: Ids of pictures, and what is to be written about them.
    """

    folder: str | None = None
    hidden: bool = False
    faces: list[Placed] = field(default_factory=list)
    changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


def _look_with(
    engine: FaceEngine,
    context: Context,
    run: JobRun,
    video: Video,
    source: StillSource,
    pictures: Sequence[Picture],
) -> None:
    seen = _Seen(run.params.get("folder"), bool(run.params.get("hidden")))
    for group in _readable(context, video, source, pictures, seen):
        run.check()
        found = engine.analyse([frame.image for frame, _ in group])
        _keep(context, video, group, found, seen)
    with context.database.write() as session:
        end = pictures[-1].number + 1
        run.checkpoint(session, next_sample=end, done=end, new_faces=len(seen.faces))
        if seen.faces:
            space = space_rows.get_or_create(session, engine.pack.space, engine.pack.name, engine.pack.dimension)
            face_rows.add_many(session, [one.row(space.id) for one in seen.faces])
        picture_rows.change(session, seen.changes)
        session.execute(update(Video).where(Video.id == video.id).values(thumbnail_key=video.thumbnail_key))


def _readable(
    context: Context, video: Video, source: StillSource, pictures: Sequence[Picture], seen: _Seen
) -> Iterator[list[tuple[Frame, Picture]]]:
    """Reads the pictures, a few at a time; of those that cannot be read the reason is noted."""
    group: list[tuple[Frame, Picture]] = []
    pixels = 0
    for picture in pictures:
        try:
            image = read_picture(context, video, source, picture)
        except (MediaError, TooLargeError) as error:
            seen.changes.append((picture.id, {"error": error.message}))
            continue
        if group and pixels + image.shape[0] * image.shape[1] > PIXELS_AT_ONCE:
            yield group
            group, pixels = [], 0
        group.append((Frame(picture.number, float(picture.number), image), picture))
        pixels += image.shape[0] * image.shape[1]
    if group:
        yield group


def read_picture(context: Context, video: Video, source: StillSource, picture: Picture) -> Image:
    """The pixels of a picture of an open set, upright.

    Raises:
        MediaError: It cannot be read, or is another one than when it was added.
        TooLargeError: It has too many pixels.
    """
    lies_alone = video.blob_key is None and picture.local_path is not None
    path = Path(picture.local_path) if lies_alone and picture.local_path else None
    if path is not None and picture.modified_ns is not None:
        try:
            check_unchanged(path, FileMark(picture.size_bytes or 0, picture.modified_ns), None)
        except AppError as error:
            raise MediaError(error.message) from error
    still = Still(picture.file_name, picture.place, path)
    return read_still(source, still, max_pixels(context.settings))


def _keep(
    context: Context,
    video: Video,
    group: Sequence[tuple[Frame, Picture]],
    found: Sequence[list[FoundFace]],
    seen: _Seen,
) -> None:
    """Writes crops and what browsers show; rows come later, in the transaction of the checkpoint."""
    if video.thumbnail_key is None:
        video.thumbnail_key = write_thumbnail(context, video.id, [frame for frame, _ in group], list(found))
    blobs: list[tuple[str, bytes]] = []
    for (frame, picture), faces in zip(group, found, strict=True):
        shown = f"thumbnails/{video.id}/{picture.number:08d}.jpg"
        blobs.append((shown, encode_jpeg(frame.image, quality=85, max_side=SHOWN_SIDE)))
        height, width = frame.image.shape[:2]
        change = {"blob_key": shown, "width": width, "height": height, "error": None, "added_at": utc_now()}
        seen.changes.append((picture.id, change))
        place = Frame(frame.sample, frame.timestamp, NO_PIXELS)  # the picture itself need not wait for the others
        for ordinal, face in enumerate(faces):
            placed = Placed(video.id, place, ordinal, face, seen.folder, seen.hidden)
            blobs.append((placed.crop_key, encode_jpeg(crop_face(frame.image, face), max_side=CROP_SIDE)))
            seen.faces.append(placed)
    context.blobs.write_many(blobs, durable=False)


def link_pictures(context: Context, run: Owner, video_id: int) -> None:
    """Makes each stored face of a set a track of its own; what was there is replaced.

    Args:
        context: The context.
        run: Owns the job.
        video_id: The set.
    """
    link_tracks(context, run, video_id, alone=True)


def _finish(context: Context, run: JobRun, video_id: int) -> None:
    with context.database.write() as session:
        run.fence(session)
        total = picture_rows.count(session, video_id)
        broken = picture_rows.count(session, video_id, broken=True)
        if broken == total:
            raise MediaError("Not one of these pictures could be read.")
        warning = f"{broken} of {total} pictures could not be read." if broken else None
        session.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(frames_sampled=total - broken, warning=warning, processed_at=utc_now())
        )
    run.note = warning
