"""Notes which jobs a transaction ends, for those who have to tell of it before it is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.domain import JobState

_NOTES = "ended jobs"


def note(session: Session, values: Mapping[str, Any], job_ids: Sequence[str]) -> None:
    """Called with every change of jobs: remembers those that end by it."""
    state = values.get("state")
    if isinstance(state, JobState) and state.is_final:
        session.info.setdefault(_NOTES, []).extend(job_ids)


def ended_in(session: Session) -> list[str]:
    """Ids of the jobs that the transaction has ended so far; the next call tells only of those that came since."""
    return list(dict.fromkeys(session.info.pop(_NOTES, [])))
