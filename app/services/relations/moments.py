"""Where somebody is seen: their videos, and their faces."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from app.errors import InvalidInputError, NotFoundError
from app.services.context import Context
from app.services.library import cursors
from app.services.library.timeline import Interval, in_pictures, on_screen, total_seconds
from app.storage.views import relations as views
from app.storage.views import videos as video_views
from app.storage.views.relations import FaceFilter, FaceKey, FaceOrder, PersonFace, VideoOfPerson, Where
from app.storage.views.shapes import TrackRow, VideoRow

EVERYWHERE = Where()
EVERY_FACE = FaceFilter()


@dataclass(frozen=True, slots=True)
class SeenTrack:
    """A track of an appearance; ``confirmed`` where a user said that it is this person."""

    track: TrackRow
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in one video.

    Attributes:
        video: The video, without counts.
        sums: How many tracks and faces.
        intervals: When they are on screen.
        seconds: For how long altogether.
        tracks: Their tracks, by time.
    """

    video: VideoRow
    sums: VideoOfPerson
    intervals: tuple[Interval, ...]
    seconds: float
    tracks: list[SeenTrack]


@dataclass(frozen=True, slots=True)
class Appearances:
    """A piece of the videos that show somebody, newest first; ``next_cursor`` is ``None`` at the end."""

    videos: list[Seen]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Faces:
    """A piece of somebody's faces; ``next_cursor`` is ``None`` at the end."""

    faces: list[PersonFace]
    next_cursor: str | None


def appearances(
    context: Context, person_id: int, *, size: int = 50, cursor: str | None = None, where: Where = EVERYWHERE
) -> Appearances:
    """The videos that show a person: four statements, however many there are.

    Raises:
        NotFoundError: There is no such person.
        InvalidInputError: The cursor is not of this list.
    """
    before = None if cursor is None else int(str(cursors.decode("appearances", (int,), cursor)[0]))
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        _check(views.exists(session, person_id))
        sums = views.videos_of(session, person_id, where, size=size + 1, before=before)
        more, sums = len(sums) > size, sums[:size]
        ids = [one.video_id for one in sums]
        videos = video_views.videos_by_id(session, ids)
        tracks: dict[int, list[SeenTrack]] = defaultdict(list)
        for track, confirmed in views.tracks_of(session, person_id, ids):
            tracks[track.video_id].append(SeenTrack(track, confirmed))
    found = [_seen(videos[one.video_id], one, tracks[one.video_id], default) for one in sums if one.video_id in videos]
    return Appearances(found, cursors.encode("appearances", (ids[-1],)) if more else None)


def faces(
    context: Context,
    person_id: int,
    *,
    size: int = 100,
    cursor: str | None = None,
    order: FaceOrder = "time",
    wanted: FaceFilter = EVERY_FACE,
) -> Faces:
    """A person's faces, in two statements.

    Raises:
        NotFoundError: There is no such person.
        InvalidInputError: The cursor is not of this list in this order.
    """
    after = None if cursor is None else _key(order, cursor)
    with context.database.session() as session:
        _check(views.exists(session, person_id))
        found = views.faces_of(session, person_id, wanted, order, size=size + 1, after=after)
    more, found = len(found) > size, found[:size]
    return Faces(found, _cursor(order, views.face_key(found[-1], order)) if more else None)


def _seen(video: VideoRow, sums: VideoOfPerson, tracks: list[SeenTrack], default_interval: float) -> Seen:
    rows = [one.track for one in tracks]
    interval = video.interval or default_interval
    intervals = in_pictures(rows) if video.is_stills else on_screen(rows, interval, video.duration)
    return Seen(video, sums, intervals, total_seconds(intervals), tracks)


def _cursor(order: FaceOrder, key: FaceKey) -> str:
    # Written out, because a moment must come back as the very same number.
    return cursors.encode(f"faces-{order}", tuple(repr(part) for part in key))


def _key(order: FaceOrder, cursor: str) -> FaceKey:
    parts = cursors.decode(f"faces-{order}", (str,) * (2 if order == "quality" else 3), cursor)
    try:
        # ids and numbers of frames are whole, moments and qualities are not
        return tuple(float(text) if "." in text or "e" in text else int(text) for text in map(str, parts))
    except ValueError as error:
        raise InvalidInputError("This cursor does not belong to this list.") from error


def _check(exists: bool) -> None:
    if not exists:
        raise NotFoundError("There is no such person. A new grouping may have joined them with another one.")
