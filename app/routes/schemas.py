"""What the API reads and writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from flask import url_for
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.domain import Sampling
from app.services.ingest import Submission
from app.services.ingest_links import MAX_URLS, read_list
from app.services.ingest_options import IngestOptions
from app.services.library import Interval, Lane
from app.storage.views.pictures import PictureRow
from app.storage.views.shapes import FaceRow, JobRow, PersonRow, VideoRow
from app.storage.views.sources import SourceRow


def _split_lines(value: object) -> object:
    return read_list(value) if isinstance(value, str) else value


Interval_ = Annotated[float | None, Field(default=None, gt=0, le=3600)]


class RequestBody(BaseModel):
    """Base of all request bodies; unknown fields are refused so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


class LookingBody(RequestBody):
    """How something that is handed in shall be looked at; what is left out comes from the settings."""

    interval: Interval_
    sampling: Sampling | None = None
    again: bool = False
    webhook_url: str | None = Field(default=None, max_length=4096)

    @property
    def options(self) -> IngestOptions:
        """The same for the use case."""
        return IngestOptions(
            interval=self.interval, sampling=self.sampling, again=self.again, webhook_url=self.webhook_url
        )


class LinkBody(LookingBody):
    """The same for links: ``playlist`` takes all videos of a playlist, ``priority`` is larger for what comes first."""

    playlist: bool = False
    priority: int | None = Field(default=None, ge=-100, le=100)

    @property
    def options(self) -> IngestOptions:
        """The same for the use case."""
        return replace(super().options, playlist=self.playlist, priority=self.priority)


class UrlBody(LinkBody):
    """``POST /api/process_url``."""

    url: str = Field(min_length=1, max_length=4096)


class UrlsBody(LinkBody):
    """``POST /api/process_urls``; ``urls`` is a list, or text with one address per line; ``title`` names the batch."""

    title: str | None = Field(default=None, max_length=500)

    urls: Annotated[list[str], BeforeValidator(_split_lines), Field(min_length=1, max_length=MAX_URLS)]


class PageQuery(BaseModel):
    """Which part of a list is wanted."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    per_page: int = Field(default=50, ge=1, le=500)


class ClustersQuery(PageQuery):
    """``GET /api/clusters``."""

    faces_per_cluster: int = Field(default=20, ge=0, le=500)


class FacesQuery(BaseModel):
    """Which faces of a video are wanted."""

    faces_limit: int = Field(default=500, ge=0, le=5000)
    faces_offset: int = Field(default=0, ge=0)


class ErrorOut(BaseModel):
    """A failure."""

    code: str
    message: str


class SubmissionOut(BaseModel):
    """A video that was accepted; ``interval`` and ``sampling`` are those with which it is, or was, looked at."""

    job_id: str
    video_id: int
    status_url: str
    duplicate: bool
    again: bool
    interval: float | None
    sampling: str | None
    file_name: str | None = None
    url: str | None = None

    @classmethod
    def of(cls, submission: Submission, *, file_name: str | None = None, url: str | None = None) -> SubmissionOut:
        """From the use case's answer."""
        status_url = url_for("api.job_status", job_id=submission.job_id)
        return cls(
            job_id=submission.job_id,
            video_id=submission.video_id,
            status_url=status_url,
            duplicate=submission.duplicate,
            again=submission.again,
            interval=submission.interval,
            sampling=submission.sampling,
            file_name=file_name,
            url=url,
        )


class RejectionOut(BaseModel):
    """A video that was not accepted."""

    file_name: str | None = None
    url: str | None = None
    error: ErrorOut


class JobOut(BaseModel):
    """A job as it stands; ``progress`` is 0..1, ``done`` and ``total`` are frames or downloaded bytes."""

    job_id: str
    kind: str
    status: str
    step: str
    video_id: int | None
    video_title: str | None
    progress: float | None
    done: float
    total: float | None
    faces_found: int
    speed: float | None
    seconds_left: float | None
    error: ErrorOut | None
    note: str | None
    attempts: int
    interruptions: int
    queue: str
    priority: int
    batch_id: str | None
    next_try_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: JobRow) -> JobOut:
        """From the library's view."""
        error = ErrorOut(code=job.error_code or "failed", message=job.error) if job.error else None
        same = {name: getattr(job, name) for name in cls.model_fields if name not in ("job_id", "status", "error")}
        return cls(job_id=job.id, status=job.state, error=error, **same)


class SourceOut(BaseModel):
    """One place that a video came from; what is not known is left out."""

    origin: str
    url: str | None
    file_name: str | None
    title: str | None
    uploader: str | None
    page_url: str | None
    published_on: str | None
    thumbnail_url: str | None
    added_at: datetime

    @classmethod
    def of(cls, source: SourceRow) -> SourceOut:
        """From a row."""
        return cls(
            origin=source.origin,
            url=source.address,
            file_name=source.file_name,
            title=source.title,
            uploader=source.uploader,
            page_url=source.page_url,
            published_on=source.published_on,
            thumbnail_url=media_url(source.thumbnail_key),
            added_at=source.created_at,
        )


class VideoOut(BaseModel):
    """A video; ``status`` is the state of its latest job."""

    video_id: int
    title: str
    file_name: str
    origin: str
    media_kind: str
    in_place: bool
    source_url: str | None
    status: str
    size_bytes: int | None
    duration: float | None
    width: int | None
    height: int | None
    frame_rate: float | None
    codec: str | None
    interval: float | None
    sampling: str | None
    frames_sampled: int
    sha256: str | None
    warning: str | None
    face_count: int
    people_count: int
    created_at: datetime
    processed_at: datetime | None
    thumbnail_url: str | None
    stream_url: str | None
    page_url: str
    job: JobOut | None

    @classmethod
    def of(cls, video: VideoRow) -> VideoOut:
        """From the library's view."""
        special = ("video_id", "status", "thumbnail_url", "stream_url", "page_url", "job")
        same = {name: getattr(video, name) for name in cls.model_fields if name not in special}
        return cls(
            video_id=video.id,
            status=video.job.state if video.job else "succeeded",
            thumbnail_url=media_url(video.thumbnail_key),
            stream_url=url_for("media.video", video_id=video.id) if video.is_playable else None,
            page_url=url_for("pages.video", video_id=video.id),
            job=JobOut.of(video.job) if video.job else None,
            **same,
        )


class PictureFaceOut(BaseModel):
    """One face of a picture; the box is in pixels of the picture."""

    face_id: int
    person_id: int | None
    name: str | None
    box: dict[str, float]
    image_url: str | None


class PictureOut(BaseModel):
    """One still of a set; its number, from 0, is the ``timestamp`` of its faces."""

    number: int
    file_name: str
    width: int | None
    height: int | None
    taken_at: str | None
    error: str | None
    image_url: str | None
    faces: list[PictureFaceOut]

    @classmethod
    def of(cls, picture: PictureRow) -> PictureOut:
        """From the library's view."""
        return cls(
            number=picture.number,
            file_name=picture.file_name,
            width=picture.width,
            height=picture.height,
            taken_at=picture.taken_at,
            error=picture.error,
            image_url=media_url(picture.shown_key),
            faces=[
                PictureFaceOut(
                    face_id=face.face_id,
                    person_id=face.person_id,
                    name=face.name,
                    box={"x1": face.box.x1, "y1": face.box.y1, "x2": face.box.x2, "y2": face.box.y2},
                    image_url=media_url(face.crop_key),
                )
                for face in picture.faces
            ],
        )


class FaceOut(BaseModel):
    """One face; the box is in pixels of the source frame."""

    face_id: int
    video_id: int
    track_id: int | None
    person_id: int | None
    timestamp: float
    box: dict[str, float]
    confidence: float
    quality: float
    quality_reasons: list[str]
    image_url: str | None

    @classmethod
    def of(cls, face: FaceRow) -> FaceOut:
        """From the library's view."""
        box = face.box
        return cls(
            face_id=face.id,
            video_id=face.video_id,
            track_id=face.track_id,
            person_id=face.person_id,
            timestamp=face.timestamp,
            box={"x1": box.x1, "y1": box.y1, "x2": box.x2, "y2": box.y2},
            confidence=face.confidence,
            quality=face.quality,
            quality_reasons=list(face.reasons),
            image_url=media_url(face.crop_key),
        )


class PersonOut(BaseModel):
    """A person; ``revision`` is their ETag without its quotation marks."""

    person_id: int
    name: str | None
    label: str
    face_count: int
    video_count: int
    seconds: float
    cover_url: str | None
    page_url: str
    aliases: list[str]
    birth_date: str | None
    favourite: bool
    hidden: bool
    ignored: bool
    cover_face_id: int | None
    cover_chosen: bool
    revision: int

    @classmethod
    def of(cls, person: PersonRow) -> PersonOut:
        """From the library's view."""
        return cls(
            person_id=person.id,
            name=person.name,
            label=person.label,
            face_count=person.face_count,
            video_count=person.video_count,
            seconds=person.seconds,
            cover_url=media_url(person.cover_key),
            page_url=url_for("pages.person", person_id=person.id),
            aliases=list(person.aliases),
            birth_date=person.birth_date,
            favourite=person.favourite,
            hidden=person.hidden,
            ignored=person.ignored,
            cover_face_id=person.cover_face_id,
            cover_chosen=person.cover_chosen,
            revision=person.revision,
        )


def media_url(key: str | None) -> str | None:
    """Address of a crop or thumbnail."""
    return url_for("media.picture", key=key) if key else None


def intervals_out(intervals: tuple[Interval, ...]) -> list[dict[str, float]]:
    """Stretches of time."""
    return [{"start": round(item.start, 3), "end": round(item.end, 3)} for item in intervals]


def lane_out(lane: Lane) -> dict[str, object]:
    """One person of one video."""
    return {
        "person_id": lane.person.id,
        "name": lane.person.name,
        "label": lane.person.label,
        "cover_url": media_url(lane.person.cover_key),
        "face_count": lane.face_count,
        "seconds": round(lane.seconds, 3),
        "intervals": intervals_out(lane.intervals),
    }
