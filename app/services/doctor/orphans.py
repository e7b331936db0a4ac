"""Files without rows. Only names that this program gives are touched; whatever else lies in the folders stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import JobKind
from app.models import Face, Job, Picture, Upload, Video, VideoSource
from app.services.doctor.visit import Visit
from app.storage.blobs import BlobInfo
from app.storage.blobs.temp import last_touched
from app.storage.jobs import UNFINISHED

OURS = {
    "videos": re.compile(r"videos/(?P<id>\d+|n-[0-9a-f]{32})/[^/]+"),
    "faces": re.compile(r"faces/(?P<id>\d+)/([0-9a-f]{8}/)?\d{8}_\d+\.jpg"),
    "thumbnails": re.compile(r"thumbnails/(?P<id>\d+)(\.jpg|/(\d{8}|site-\d+)\.jpg)"),
    "exports": re.compile(r"exports/(?P<id>[0-9a-f]{32})/faces\.(csv|json)"),
}

LONG_UPLOAD_SECONDS = 24 * 3600.0


def remove_orphans(visit: Visit) -> None:
    """Removes files of every area that no row names."""
    for area, known, what in (
        ("videos", _known_videos, "video file"),
        ("thumbnails", _known_thumbnails, "thumbnail"),
        ("exports", _known_exports, "export"),
    ):
        _remove(visit, area, what, _unknown(visit, area, known))
    _remove(visit, "faces", "picture of a face", _unknown_crops(visit))
    _remove_temporary(visit)
    _remove_uploads(visit)


def _known_videos(session: Session) -> set[str]:
    return {key for key in session.scalars(select(Video.blob_key)) if key is not None}


def _known_thumbnails(session: Session) -> set[str]:
    columns = (Video.thumbnail_key, VideoSource.thumbnail_key, Picture.blob_key)
    return {key for column in columns for key in session.scalars(select(column)) if key is not None}


def _known_exports(session: Session) -> set[str]:
    """Folders of exports, each named after its job."""
    return {f"exports/{job_id}" for job_id in session.scalars(select(Job.id).where(Job.kind == JobKind.EXPORT))}


def _is_known(known: set[str], blob: BlobInfo) -> bool:
    return blob.key in known or blob.key.rpartition("/")[0] in known


# Files are listed first, then it is asked which videos are worked on, and rows are read last: a file of work that goes
# on meanwhile is then either not listed, or of a busy video, or has its row.


def _unknown(visit: Visit, area: str, known: Callable[[Session], set[str]]) -> Iterator[BlobInfo]:
    blobs = [(blob, match["id"]) for blob in visit.context.blobs.list(area) if (match := _old(visit, area, blob))]
    busy = {str(video_id) for video_id in visit.busy_videos()}
    with visit.context.database.session() as session:
        keys = known(session)
    yield from (blob for blob, folder in blobs if folder not in busy and not _is_known(keys, blob))


def _unknown_crops(visit: Visit) -> Iterator[BlobInfo]:
    """Crops without a face, video by video, so that memory stays flat."""
    for folder, group in groupby(visit.context.blobs.list("faces"), key=lambda blob: blob.key.split("/")[1]):
        blobs = [blob for blob in group if _old(visit, "faces", blob)]
        if blobs and not visit.is_busy(int(folder)):
            with visit.context.database.session() as session:
                known = set(session.scalars(select(Face.crop_key).where(Face.video_id == int(folder))))
            yield from (blob for blob in blobs if blob.key not in known)


def _old(visit: Visit, area: str, blob: BlobInfo) -> re.Match[str] | None:
    """The parts of a key that this program made, where the file is not of this hour."""
    match = OURS[area].fullmatch(blob.key)
    if match is None or visit.is_young(blob.modified):
        return None
    # S3 dates an upload in parts by its beginning, and one of a large video may take hours
    uploaded = match["id"].startswith("n-")
    return None if uploaded and visit.is_young(blob.modified + LONG_UPLOAD_SECONDS) else match


def _remove(visit: Visit, area: str, what: str, unknown: Iterator[BlobInfo]) -> None:
    count = 0
    for blob in unknown:
        visit.remove(blob)
        count += 1
    visit.report.add(f"orphan_{area}", count, f"{what} without a row", "removed")


def _remove_temporary(visit: Visit) -> None:
    """Removes what unfinished uploads and downloads left; folders of jobs that have not ended stay."""
    with visit.context.database.session() as session:
        jobs = {f"t-{job_id}" for job_id in session.scalars(select(Job.id).where(Job.state.in_(UNFINISHED)))}

    def is_old(path: Path) -> bool:
        return path.name not in jobs and not visit.is_young(last_touched(path))

    count = visit.context.blobs.remove_leftovers(is_old, repair=visit.repairs)
    visit.report.add("orphan_temporary", count, "temporary file of nobody", "removed")


def _remove_uploads(visit: Visit) -> None:
    """Removes the bytes of unfinished uploads that the database does not know."""
    with visit.context.database.session() as session:
        known = set(session.scalars(select(Upload.id)))
    old = [
        path
        for upload_id, path in visit.context.blobs.temp.resumables()
        if upload_id not in known and not visit.is_young(last_touched(path))
    ]
    for path in old if visit.repairs else ():
        path.unlink(missing_ok=True)
    visit.report.add("orphan_uploads", len(old), "unfinished upload without a row", "removed")
