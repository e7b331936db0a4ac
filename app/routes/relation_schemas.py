"""What the API reads and writes about where people are seen, with whom, and who looks like them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.routes.schemas import FaceOut, PersonOut, VideoOut, intervals_out, media_url
from app.services.relations import MAX_NODES, Appearances, Companion, Lookalike, Seen, SeenTrack, TogetherGraph, Weight
from app.services.relations import Faces as FacePiece
from app.services.relations import Together as TogetherCounts
from app.storage.views.relations import FaceFilter, FaceOrder, PersonFace, Where

SHOWN_OF_VIDEO = {"video_id", "title", "file_name", "media_kind", "duration", "page_url", "stream_url", "thumbnail_url"}


class WhereQuery(BaseModel):
    """Which part of the library: a video, or the days, both included, on which videos were added, in UTC."""

    model_config = ConfigDict(populate_by_name=True)

    video_id: int | None = Field(default=None, ge=1, lt=2**31)
    first_day: date | None = Field(default=None, alias="from")
    last_day: date | None = Field(default=None, alias="to", lt=date.max)

    @property
    def where(self) -> Where:
        """The same for the use case."""
        until = None if self.last_day is None else _midnight(self.last_day + timedelta(days=1))
        return Where(self.video_id, None if self.first_day is None else _midnight(self.first_day), until)


class AppearancesQuery(WhereQuery):
    """``GET /api/people/<id>/appearances``; ``tracks=0`` leaves the tracks out."""

    tracks: bool = True
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = Field(default=None, max_length=400)


class PersonFacesQuery(WhereQuery):
    """``GET /api/people/<id>/faces``."""

    track_id: int | None = Field(default=None, ge=1, lt=2**31)
    confirmed: bool | None = None
    usable: bool | None = None
    min_quality: float = Field(default=0.0, ge=0, le=1)
    order: FaceOrder = "time"
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=400)

    @property
    def wanted(self) -> FaceFilter:
        """The same for the use case."""
        return FaceFilter(self.where, self.track_id, self.confirmed, self.usable, self.min_quality)


class CompanionsQuery(WhereQuery):
    """``GET /api/people/<id>/together``."""

    by: Weight = "frames"
    limit: int = Field(default=20, ge=1, le=500)


class GraphQuery(WhereQuery):
    """``GET /api/people/together``."""

    by: Weight = "frames"
    people: int = Field(default=50, ge=1, le=MAX_NODES)
    edges: int = Field(default=200, ge=0, le=5000)


class LookalikesQuery(BaseModel):
    """``GET /api/people/<id>/similar``."""

    min_similarity: float = Field(default=0.0, ge=0, le=100)
    limit: int = Field(default=20, ge=1, le=500)


def appearances_out(found: Appearances, *, tracks: bool) -> dict[str, Any]:
    """The videos that show somebody."""
    return {"appearances": [_seen_out(one, tracks=tracks) for one in found.videos], "next_cursor": found.next_cursor}


def faces_out(found: FacePiece) -> dict[str, Any]:
    """A piece of somebody's faces."""
    return {"faces": [_face_out(one) for one in found.faces], "next_cursor": found.next_cursor}


def companions_out(found: list[Companion]) -> dict[str, Any]:
    """Who is seen with somebody."""
    return {"together": [{"person": _person_out(one.person), **_together_out(one.together)} for one in found]}


def graph_out(found: TogetherGraph) -> dict[str, Any]:
    """Who is seen with whom."""
    edges = [{"one": edge.one, "other": edge.other, **_together_out(edge.together)} for edge in found.edges]
    return {"people": [_person_out(person) for person in found.people], "edges": edges}


def lookalikes_out(found: list[Lookalike]) -> dict[str, Any]:
    """Who looks like somebody; ``known`` says what rules and pictures tell of the two."""
    return {
        "similar": [
            {"person": _person_out(one.person), "similarity": round(one.similarity, 1), "known": one.known}
            for one in found
        ]
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _person_out(person: Any) -> dict[str, Any]:
    return PersonOut.of(person).model_dump(mode="json")


def _seen_out(seen: Seen, *, tracks: bool) -> dict[str, Any]:
    out = {
        "video": VideoOut.of(seen.video).model_dump(mode="json", include=SHOWN_OF_VIDEO),
        "seconds": round(seen.seconds, 3),
        "intervals": intervals_out(seen.intervals),
        "face_count": seen.sums.faces,
        "track_count": seen.sums.tracks,
        "confirmed_tracks": seen.sums.confirmed,
    }
    return {**out, "tracks": [_track_out(one) for one in seen.tracks]} if tracks else out


def _track_out(seen: SeenTrack) -> dict[str, Any]:
    track = seen.track
    return {
        "track_id": track.id,
        "start": round(track.start, 3),
        "end": round(track.end, 3),
        "face_count": track.face_count,
        "quality": round(track.quality, 3),
        "usable": track.usable,
        "confirmed": seen.confirmed,
        "timestamp": None if track.best_timestamp is None else round(track.best_timestamp, 3),
        "image_url": media_url(track.crop_key),
    }


def _face_out(found: PersonFace) -> dict[str, Any]:
    return {**FaceOut.of(found.face).model_dump(mode="json"), "confirmed": found.confirmed, "usable": found.usable}


def _together_out(together: TogetherCounts) -> dict[str, Any]:
    return {
        "shared_videos": together.videos,
        "shared_seconds": round(together.seconds, 3),
        "shared_frames": together.frames,
    }
