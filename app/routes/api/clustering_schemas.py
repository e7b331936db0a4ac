"""What the API of groupings reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import url_for
from pydantic import BaseModel

from app.routes.schemas import RequestBody, media_url
from app.services.grouping.runs import KINDS, RunView


class RunBody(RequestBody):
    """``POST /api/clustering/runs``; with ``preview`` it waits for a look in any case."""

    preview: bool = False


class RunOut(BaseModel):
    """A grouping, without the people whom it changes."""

    run_id: int
    state: str
    message: str
    waits_because: str | None
    job_id: str | None
    event_id: int | None
    error: str | None
    algorithm: str | None
    threshold: float | None
    pack: str | None
    tracks_changed: int
    faces_changed: int
    new_people: int
    left_out: int
    refused: int
    superseded: bool
    counts: dict[str, int]
    contradictions: list[dict[str, Any]]
    created_at: datetime
    ended_at: datetime | None
    url: str

    @classmethod
    def of(cls, run: RunView) -> RunOut:
        """From the service's view."""
        told = run.summary
        return cls(
            run_id=run.id,
            state=run.state.value,
            message=run.sentence,
            waits_because=run.waits_because,
            job_id=run.job_id,
            event_id=run.event_id,
            error=run.error,
            algorithm=run.params.get("algorithm"),
            threshold=run.params.get("threshold"),
            pack=run.params.get("pack"),
            tracks_changed=told.get("tracks_changed", 0),
            faces_changed=told.get("faces_changed", 0),
            new_people=told.get("new_people", 0),
            left_out=run.left_out,
            refused=told.get("refused", 0),
            superseded=bool(told.get("superseded")),
            counts={kind: told.get("counts", {}).get(kind, 0) for kind in KINDS},
            contradictions=told.get("contradictions", []),
            created_at=run.created_at,
            ended_at=run.ended_at,
            url=url_for("api.clustering_run", run_id=run.id),
        )


def changes_out(run: RunView) -> dict[str, list[dict[str, Any]]]:
    """Who merges, splits, gains, loses and appears, each with some faces to look at."""
    return {kind: [_entry(run, entry) for entry in run.summary.get(kind, [])] for kind in KINDS}


def _entry(run: RunView, entry: Mapping[str, Any]) -> dict[str, Any]:
    faces = [
        {"face_id": face, "image_url": media_url(run.crops[face])} for face in entry["face_ids"] if face in run.crops
    ]
    same = {name: entry[name] for name in ("from", "to", "track_ids")}
    return {**same, "face_count": entry["faces"], "track_count": entry["tracks"], "faces": faces}
