"""Fills a library with rows and pictures, without looking at any video: for tests of pages and views."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from app.config import Settings
from app.domain import Image, JobKind, JobState, QueueName, VideoOrigin
from app.models import EmbeddingSpace, Face, Job, Person, Track, Video, utc_now
from app.services.context import Context, build_context
from app.vision import BUNDLED


class RecordingQueue:
    """Remembers what was announced instead of sending it anywhere."""

    def __init__(self) -> None:
        self.sent: list[tuple[JobKind, str]] = []
        self.woken: list[QueueName] = []

    def send(self, kind: JobKind, job_id: str) -> None:
        self.sent.append((kind, job_id))

    def wake(self, queue: QueueName, messages: int = 1) -> None:
        self.woken += [queue] * messages


def make_context(folder: Path, **settings: object) -> Context:
    """A context over an empty, current SQLite library in the folder."""
    values = {"faaaaaces_data": str(folder), "max_video_size_mb": 1, "face_pack": "bundled", **settings}
    context = build_context(Settings.model_validate(values), RecordingQueue())
    context.database.upgrade()
    return context


def jpeg(image: Image, side: int | None = None) -> bytes:
    """The picture as JPEG, shrunk to a square where a side is given."""
    picture = PilImage.fromarray(image)
    if side is not None:
        picture = picture.resize((side, side), PilImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def plain(shade: int = 128) -> Image:
    """A small grey picture."""
    return np.full((24, 24, 3), shade, np.uint8)


class Library:
    """Adds rows to a context's library."""

    def __init__(self, context: Context) -> None:
        self.context = context
        with context.database.write() as session:
            space = EmbeddingSpace(name=BUNDLED.space, pack=BUNDLED.name, dimension=BUNDLED.dimension)
            session.add(space)
            session.flush()
            self.space_id = space.id

    def video(
        self,
        title: str = "Launch day",
        *,
        duration: float | None = 60.0,
        interval: float | None = 1.0,
        state: JobState | None = JobState.SUCCEEDED,
        picture: bytes | None = None,
        data: bytes | None = b"not really a video",
        suffix: str = ".mp4",
        job: dict[str, object] | None = None,
        **fields: object,
    ) -> int:
        """A video with its file, thumbnail and latest job; returns its id."""
        with self.context.database.write() as session:
            row = Video(
                file_name=f"{title}{suffix}",
                title=title,
                origin=VideoOrigin.UPLOAD,
                sha256=uuid.uuid4().hex * 2,
                size_bytes=len(data or b""),
                duration=duration,
                width=1280,
                height=720,
                frame_rate=25.0,
                codec="h264",
                interval=interval if state is JobState.SUCCEEDED else None,
            )
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)
            session.flush()
            video_id = row.id
            if data is not None:
                row.blob_key = f"videos/{video_id}/original{suffix}"
                self.context.blobs.write(row.blob_key, data)
            if picture is not None:
                row.thumbnail_key = f"thumbnails/{video_id}.jpg"
                self.context.blobs.write(row.thumbnail_key, picture)
        if state is not None:
            self.job(video_id, state=state, **(job or {}))
        return video_id

    def job(
        self,
        video_id: int | None = None,
        *,
        kind: JobKind = JobKind.PROCESS_VIDEO,
        state: JobState = JobState.QUEUED,
        **fields: object,
    ) -> str:
        """A job; returns its id."""
        job_id = uuid.uuid4().hex
        with self.context.database.write() as session:
            row = Job(id=job_id, kind=kind, state=state, video_id=video_id, params={"interval": 1.0})
            if state.is_final:
                row.finished_at, row.step = utc_now(), "done"
            for name, value in fields.items():
                setattr(row, name, value)
            session.add(row)
        return job_id

    def change_job(self, job_id: str, **fields: object) -> None:
        """Changes a job's row, as a worker does."""
        with self.context.database.write() as session:
            row = session.get_one(Job, job_id)
            for name, value in fields.items():
                setattr(row, name, value)

    def person(self, name: str | None = None) -> int:
        """A person without faces; returns its id."""
        with self.context.database.write() as session:
            row = Person(name=name)
            session.add(row)
            session.flush()
            return row.id

    def track(
        self,
        video_id: int,
        person_id: int | None,
        times: Sequence[float],
        *,
        crop: bytes | None = None,
        quality: float = 0.8,
        usable: bool = True,
        linked: bool = True,
    ) -> list[int]:
        """A track with one face at each time, at a sample of its own; returns the faces' ids."""
        crop = crop or jpeg(plain(40 + 17 * (person_id or 0) % 180))
        with self.context.database.write() as session:
            track = Track(
                video_id=video_id,
                space_id=self.space_id,
                person_id=person_id,
                start=times[0],
                end=times[-1],
                face_count=len(times),
                quality=quality,
                usable=usable,
                embedding=bytes(4 * BUNDLED.dimension),
            )
            if linked:
                session.add(track)
                session.flush()
            faces = [self._face(track if linked else None, video_id, person_id, at, quality, usable) for at in times]
            session.add_all(faces)
            session.flush()
            self.context.blobs.write(faces[0].crop_key, crop, durable=False)
            for face in faces[1:]:
                face.crop_key = faces[0].crop_key
            if linked:
                track.best_face_id = faces[0].id
            if person_id is not None:
                person = session.get_one(Person, person_id)
                person.cover_face_id = person.cover_face_id or faces[0].id
            return [face.id for face in faces]

    def _face(
        self, track: Track | None, video_id: int, person_id: int | None, at: float, quality: float, usable: bool
    ) -> Face:
        return Face(
            video_id=video_id,
            space_id=self.space_id,
            track_id=track.id if track else None,
            person_id=person_id,
            sample=round(at * 1000),
            ordinal=person_id or 0,
            timestamp=at,
            x1=10.0,
            y1=20.0,
            x2=110.0,
            y2=140.0,
            landmarks=bytes(40),
            confidence=0.99,
            quality=quality,
            quality_reasons=[] if usable else ["blurred"],
            embedding=bytes(4 * BUNDLED.dimension),
            crop_key=f"faces/{video_id}/{round(at * 1000):08d}_{person_id or 0}.jpg",
        )


def ago(**span: float) -> datetime:
    """A moment in the past."""
    return utc_now() - timedelta(**span)
