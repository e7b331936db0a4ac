"""SQLAlchemy tables, one noun per file."""

from app.models.base import Base, EnumText, UtcDateTime, utc_now
from app.models.face import Face
from app.models.job import Job
from app.models.lock import Lock
from app.models.migration import PackMigration, StagedFace
from app.models.person import Person
from app.models.space import EmbeddingSpace
from app.models.track import Track
from app.models.video import Video

__all__ = [
    "Base",
    "EmbeddingSpace",
    "EnumText",
    "Face",
    "Job",
    "Lock",
    "PackMigration",
    "Person",
    "StagedFace",
    "Track",
    "UtcDateTime",
    "Video",
    "utc_now",
]
