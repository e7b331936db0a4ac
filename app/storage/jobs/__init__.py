"""Jobs: filing, claiming, progress, endings. Every write of a worker is fenced by its lease token."""

from app.storage.jobs.children import add_children, children_of, has_unfinished_children, refresh_parent
from app.storage.jobs.claims import claim, claim_next
from app.storage.jobs.control import (
    cancel_batch,
    is_cancelled,
    pause,
    pause_batch,
    request_cancel,
    resume,
    resume_batch,
    retry,
    retry_batch,
)
from app.storage.jobs.ended import ended_in
from app.storage.jobs.endings import fail, hand_over, release, retry_later, succeed
from app.storage.jobs.filing import (
    QUEUE_OF,
    NewJob,
    add,
    add_many,
    get_or_add_cluster_job,
    last_grouping,
    latest_for_video,
    waiting,
)
from app.storage.jobs.queues import (
    RETRY_SECONDS,
    QueueSetting,
    can_start,
    set_concurrency,
    set_paused,
    setting,
    settings,
)
from app.storage.jobs.recovery import MAX_INTERRUPTIONS, Lease, requeue_stale
from app.storage.jobs.rows import ACTIVE, UNFINISHED, get, new_id
from app.storage.jobs.writes import Progress, checkpoint, heartbeat, look, report

__all__ = [
    "ACTIVE",
    "MAX_INTERRUPTIONS",
    "QUEUE_OF",
    "RETRY_SECONDS",
    "UNFINISHED",
    "Lease",
    "NewJob",
    "Progress",
    "QueueSetting",
    "add",
    "add_children",
    "add_many",
    "can_start",
    "cancel_batch",
    "checkpoint",
    "children_of",
    "claim",
    "claim_next",
    "ended_in",
    "fail",
    "get",
    "get_or_add_cluster_job",
    "hand_over",
    "has_unfinished_children",
    "heartbeat",
    "is_cancelled",
    "last_grouping",
    "latest_for_video",
    "look",
    "new_id",
    "pause",
    "pause_batch",
    "refresh_parent",
    "release",
    "report",
    "request_cancel",
    "requeue_stale",
    "resume",
    "resume_batch",
    "retry",
    "retry_batch",
    "retry_later",
    "set_concurrency",
    "set_paused",
    "setting",
    "settings",
    "succeed",
    "waiting",
]
