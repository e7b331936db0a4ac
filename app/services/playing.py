"""Where the bytes of a video are, for the player."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.domain import MediaKind
from app.errors import NotFoundError
from app.services.context import Context
from app.storage import videos as video_rows

# A player asks for further ranges under the address that it was sent to, for as long as somebody watches.
SECONDS_TO_WATCH = 3600.0


@dataclass(frozen=True)
class Playable:
    """A video's file: a blob, or a file that is used where it lies.

    Attributes:
        file_name: Its name, for saving it.
        key: Key of the blob, if it is one.
        path: Where it lies, if it is none.
        seconds: For how long an address of it should be good.
    """

    file_name: str
    key: str | None
    path: Path | None
    seconds: float


def find_playable(context: Context, video_id: int) -> Playable:
    """Finds a video's file.

    Raises:
        NotFoundError: There is no such video, it is none that can be played, or its file is not there.
    """
    with context.database.session() as session:
        video = video_rows.get(session, video_id)
    if video is None:
        raise NotFoundError("There is no such video. It may have been deleted.")
    if video.media_kind is not MediaKind.VIDEO:
        raise NotFoundError("These are pictures; there is nothing to play.")
    seconds = SECONDS_TO_WATCH + (video.duration or 0.0)
    if video.local_path is not None:
        path = Path(video.local_path)
        if not path.is_file():
            raise NotFoundError("The file is no longer where it was when the video was added.")
        return Playable(video.file_name, None, path, seconds)
    if video.blob_key is None:
        raise NotFoundError("The file of this video has not arrived yet.")
    return Playable(video.file_name, video.blob_key, None, seconds)
