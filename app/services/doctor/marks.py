"""Remarks that the doctor leaves on videos, beside what others wrote there."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.models import Video

FILE_GONE = "The file of this video is gone. Add it again, or delete the video."
PICTURES_GONE = "Pictures of its faces are gone and could not be made again."


def has_mark(video: Video, mark: str) -> bool:
    """True when the doctor said this before."""
    return mark in (video.warning or "")


def set_mark(session: Session, video_id: int, mark: str) -> None:
    """Adds a remark."""
    video = session.get(Video, video_id)
    if video is not None and not has_mark(video, mark):
        video.warning = f"{video.warning} {mark}" if video.warning else mark


def take_mark(session: Session, video_id: int, mark: str) -> None:
    """Takes a remark away; what others wrote stays."""
    video = session.get(Video, video_id)
    if video is not None and video.warning is not None:
        video.warning = " ".join(video.warning.replace(mark, "").split()) or None
