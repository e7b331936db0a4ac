"""SQLAlchemy tables, one noun per file."""

from app.models.base import Base, EnumText, UtcDateTime, utc_now
from app.models.batch import Batch
from app.models.clustering_run import ClusteringRun
from app.models.event import PersonEvent, PersonEventPerson
from app.models.face import Face
from app.models.face_change import FaceChange
from app.models.idempotency import IdempotencyKey
from app.models.job import Job
from app.models.job_log import JobLog
from app.models.lock import Lock
from app.models.migration import PackMigration, StagedFace
from app.models.person import Person
from app.models.picture import Picture
from app.models.question import ReviewQuestion
from app.models.queue import Queue
from app.models.rule import LinkRule
from app.models.source import VideoSource
from app.models.space import EmbeddingSpace
from app.models.track import Track
from app.models.upload import Upload
from app.models.video import Video
from app.models.webhook import WebhookDelivery

__all__ = [
    "Base",
    "Batch",
    "ClusteringRun",
    "EmbeddingSpace",
    "EnumText",
    "Face",
    "FaceChange",
    "IdempotencyKey",
    "Job",
    "JobLog",
    "LinkRule",
    "Lock",
    "PackMigration",
    "Person",
    "PersonEvent",
    "PersonEventPerson",
    "Picture",
    "Queue",
    "ReviewQuestion",
    "StagedFace",
    "Track",
    "Upload",
    "UtcDateTime",
    "Video",
    "VideoSource",
    "WebhookDelivery",
    "utc_now",
]
