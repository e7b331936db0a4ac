"""Rows without files: videos whose file is gone, thumbnails and crops that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, exists, select, update

from app.domain import MediaKind
from app.models import Face, Job, Picture, Video, VideoSource
from app.services.context import Context
from app.services.doctor.jobs import fail_jobs
from app.services.doctor.marks import FILE_GONE, PICTURES_GONE, has_mark, set_mark, take_mark
from app.services.doctor.remake import make_crops, make_thumbnail
from app.services.doctor.visit import YOUNG_SECONDS, Visit
from app.storage.jobs import UNFINISHED
from app.storage.rows import batches, run

PAGE = 200
SEEN = Face.sample >= 0  # those of a run that has not ended lie below


def mend_files(visit: Visit) -> None:
    """Looks after every video's file, thumbnail and crops."""
    lost, back, thumbnails, crops = _Lost(visit), 0, 0, _Crops()
    here = _Here(visit.context)
    for video in _videos(visit):
        there = _has_file(here, video)
        if there is False:
            lost.add(video)
        elif there and has_mark(video, FILE_GONE):
            back += 1
            with visit.changes() as session:
                take_mark(session, video.id, FILE_GONE)
        if not visit.is_busy(video.id):
            thumbnails += _mend_thumbnail(visit, here, video, readable=bool(there))
            _mend_crops(visit, video, crops, readable=bool(there))
    report = visit.report
    lost.tell()
    report.add("files_back", back, "video whose file is back", "freed from its warning")
    report.add("missing_thumbnails", thumbnails, "missing thumbnail", "made again or taken out")
    report.add("missing_crops", crops.made, "missing picture of a face", "made again")
    report.give_up("lost_crops", crops.lost, f"{crops.lost} pictures of faces are missing and cannot be made again.")
    _mend_sources(visit, here)
    _remove_empty(visit)


class _Lost:
    """Videos whose file is gone."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._marked = 0
        self._jobs = 0

    def add(self, video: Video) -> None:
        with self._visit.changes() as session:
            waiting = select(Job.id).where(Job.video_id == video.id, Job.state.in_(UNFINISHED))
            ids = list(session.scalars(waiting.where(Job.lease_token.is_(None))))
            fail_jobs(self._visit, session, ids, FILE_GONE)
            self._jobs += len(ids)
            if not has_mark(video, FILE_GONE):
                self._marked += 1
                set_mark(session, video.id, FILE_GONE)

    def tell(self) -> None:
        count = self._marked
        message = "The file of 1 video is" if count == 1 else f"The files of {count} videos are"
        self._visit.report.give_up(
            "lost_files", count, f"{message} gone. Their pages say so; add them again, or delete them."
        )
        self._visit.report.add("jobs_without_file", self._jobs, "job of a video whose file is gone", "ended")


@dataclass
class _Crops:
    made: int = 0
    lost: int = 0


def _videos(visit: Visit) -> Iterator[Video]:
    last = 0
    while True:
        with visit.context.database.session() as session:
            page = list(session.scalars(select(Video).where(Video.id > last).order_by(Video.id).limit(PAGE)))
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].id


class _Here:
    """Which files are there: one list of many, and a second look before one is called missing."""

    def __init__(self, context: Context) -> None:
        self._blobs = context.blobs
        self._keys = {blob.key for area in ("videos", "thumbnails") for blob in context.blobs.list(area)}

    def __contains__(self, key: str) -> bool:
        return key in self._keys or self._blobs.exists(key)


def _has_file(here: _Here, video: Video) -> bool | None:
    """Whether the file is there; ``None`` where none is expected, such as before a download."""
    if video.local_path is not None:
        return Path(video.local_path).exists()
    return None if video.blob_key is None else video.blob_key in here


def _mend_thumbnail(visit: Visit, here: _Here, video: Video, *, readable: bool) -> int:
    key = video.thumbnail_key
    if key is None or key in here:
        return 0
    if visit.repairs and not (readable and make_thumbnail(visit.context, video, key)):
        with visit.changes() as session:
            run(session, update(Video).where(Video.id == video.id).values(thumbnail_key=None))
    return 1


def _mend_crops(visit: Visit, video: Video, crops: _Crops, *, readable: bool) -> None:
    with visit.context.database.session() as session:
        found = session.execute(select(Face.id, Face.crop_key).where(Face.video_id == video.id, SEEN))
        keys: dict[int, str] = {row[0]: row[1] for row in found}
    if not keys:
        return
    here = {blob.key for blob in visit.context.blobs.list_folder(f"faces/{video.id}")}
    gone = [face_id for face_id, key in keys.items() if key not in here and not visit.context.blobs.exists(key)]
    missing: list[Face] = []
    for part in batches(gone, 500):
        with visit.context.database.session() as session:
            missing += session.scalars(select(Face).where(Face.id.in_(part)))
    missing.sort(key=lambda face: face.sample)
    made = 0
    if missing and readable:
        made = make_crops(visit.context, video, missing) if visit.repairs else len(missing)
    crops.made += made
    left = len(missing) - made
    if left and not has_mark(video, PICTURES_GONE):
        crops.lost += left
        with visit.changes() as session:
            set_mark(session, video.id, PICTURES_GONE)
    elif not left and has_mark(video, PICTURES_GONE):
        with visit.changes() as session:
            take_mark(session, video.id, PICTURES_GONE)


def _mend_sources(visit: Visit, here: _Here) -> None:
    """Forgets pictures of sites, and shown pictures of sets, whose file is gone."""
    count = 0
    for table, column in ((VideoSource, VideoSource.thumbnail_key), (Picture, Picture.blob_key)):
        with visit.context.database.session() as session:
            keys = [key for key in session.scalars(select(column).where(column.is_not(None)).distinct()) if key]
        gone = [key for key in keys if key not in here]
        count += len(gone)
        with visit.changes() as session:
            for key in gone:
                run(session, update(table).where(column == key).values({column.key: None}))
    visit.report.add("missing_pictures", count, "missing picture", "taken out")


def _remove_empty(visit: Visit) -> None:
    """Removes videos that never got a file and that no job will bring one."""
    with visit.changes() as session:
        empty = (
            Video.blob_key.is_(None),
            Video.local_path.is_(None),
            Video.media_kind == MediaKind.VIDEO,
            Video.created_at < visit.now - timedelta(seconds=YOUNG_SECONDS),
            ~exists().where(Job.video_id == Video.id),
            ~exists().where(Face.video_id == Video.id),
        )
        count = run(session, delete(Video).where(*empty))
    visit.report.add("empty_videos", count, "video without a file and without a job", "removed")
