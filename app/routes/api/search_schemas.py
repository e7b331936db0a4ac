"""What the API's search reads and writes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from flask import url_for
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from app.routes.schemas import RequestBody, media_url
from app.services.duplicates import SharedFootage
from app.services.search import FaceMatches, Limits, Matches, Moment, OnePer, PersonMatch, SearchOptions

MOST_NUMBERS = 10_000


def _numbers(value: object) -> object:
    """A list of numbers, or text with commas between them, as forms have it."""
    return [part for part in value.replace(" ", ",").split(",") if part] if isinstance(value, str) else value


def _nothing(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Ids = Annotated[tuple[int, ...], BeforeValidator(_numbers), Field(max_length=MOST_NUMBERS)]
Day = Annotated[date | None, BeforeValidator(_nothing)]
Number = Annotated[int | None, BeforeValidator(_nothing), Field(ge=0)]
RowId = Annotated[int | None, BeforeValidator(_nothing), Field(ge=1, le=2**31 - 1)]
Point = Annotated[tuple[float, float] | None, BeforeValidator(_nothing), BeforeValidator(_numbers)]
ASKED = ("image", "url", "face_id", "person_id", "embedding")


class SearchBody(RequestBody):
    """``POST /api/search``: one of ``image`` (base64), ``url``, ``face_id``, ``person_id``, ``embedding``; and limits."""

    image: str | None = None
    url: Annotated[str | None, BeforeValidator(_nothing), Field(max_length=4096)] = None
    face_id: RowId = None
    person_id: RowId = None
    embedding: Annotated[list[float] | None, BeforeValidator(_nothing), BeforeValidator(_numbers)] = Field(
        default=None, max_length=8192
    )
    face: Number = None
    point: Point = None
    top: int = Field(default=20, ge=1, le=1000)
    min_similarity: float = Field(default=0.0, ge=0, le=100)
    one_per: OnePer = OnePer.FACE
    videos: Ids = ()
    people: Ids = ()
    after: Day = None
    before: Day = None
    approximate: bool = False
    hidden: bool = False

    @model_validator(mode="after")
    def _refuse_pointing_at_nothing(self) -> SearchBody:
        if len(self.asked) > 1:
            raise ValueError(f"send one of {', '.join(ASKED)}, not {' and '.join(self.asked)}.")
        if (self.face is not None or self.point is not None) and {*self.asked} & {"face_id", "person_id", "embedding"}:
            raise ValueError("“face” and “point” choose a face of a picture; leave them out here.")
        return self

    @property
    def asked(self) -> list[str]:
        """What is searched with."""
        return [name for name in ASKED if getattr(self, name) is not None]

    @property
    def options(self) -> SearchOptions:
        """The same for the use case."""
        return SearchOptions(
            top=self.top,
            min_similarity=self.min_similarity,
            one_per=self.one_per,
            limits=Limits(self.videos, self.people, self.after, self.before),
            approximate=self.approximate,
            with_hidden=self.hidden,
        )


class DuplicatesQuery(BaseModel):
    """``GET /api/duplicates``."""

    video_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    limit: int = Field(default=50, ge=1, le=500)


def _person_out(match: PersonMatch) -> dict[str, Any]:
    return {
        "person_id": match.person_id,
        "name": match.name,
        "similarity": match.similarity,
        "moments": match.moments,
        "cover_url": media_url(match.cover_key),
        "page_url": url_for("pages.person", person_id=match.person_id),
    }


def _moment_out(moment: Moment) -> dict[str, Any]:
    face = moment.face
    return {
        "face_id": face.face_id,
        "similarity": moment.similarity,
        "video_id": face.video_id,
        "video": face.video_title,
        "media_kind": face.media_kind,
        "timestamp": round(face.timestamp, 3),
        "track_id": face.track_id,
        "person_id": face.person_id,
        "name": face.person_name,
        "quality": round(face.quality, 4),
        "box": {name: round(getattr(face.box, name), 2) for name in ("x1", "y1", "x2", "y2")},
        "image_url": media_url(face.crop_key),
        "video_url": url_for("pages.video", video_id=face.video_id),
    }


def matches_out(found: Matches) -> dict[str, Any]:
    """People and moments; of a face of a picture, where it is, too."""
    out: dict[str, Any] = {}
    if isinstance(found, FaceMatches):
        sides = {name: round(getattr(found.box, name), 2) for name in ("x1", "y1", "x2", "y2")}
        out = {
            "face": found.index,
            "box": sides,
            "confidence": round(found.confidence, 4),
            "quality": round(found.quality, 4),
        }
    return {
        **out,
        "people": [_person_out(match) for match in found.people],
        "moments": [_moment_out(moment) for moment in found.moments],
    }


def shared_out(found: SharedFootage) -> dict[str, Any]:
    """Two videos that show the same footage."""
    return {
        "videos": [
            {
                "video_id": video.video_id,
                "title": video.title,
                "page_url": url_for("pages.video", video_id=video.video_id),
            }
            for video in (found.video, found.other)
        ],
        "seconds": round(found.seconds, 3),
        "share": round(found.share, 4),
        "similarity": found.similarity,
        "shots": [
            {
                "track_ids": [shot.track_id, shot.other_track_id],
                "start": [round(shot.start, 3), round(shot.other_start, 3)],
                "end": [round(shot.end, 3), round(shot.other_end, 3)],
                "faces": shot.faces,
                "image_urls": [media_url(key) for key in shot.crop_keys],
            }
            for shot in found.shots
        ],
    }
