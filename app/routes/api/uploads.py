"""The API's view of resumable uploads: what is unfinished, what became of one. Bytes go to ``/files/``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import Blueprint, Response, jsonify, url_for
from pydantic import BaseModel

from app.routes.current import current_context
from app.routes.schemas import ErrorOut
from app.routes.tus_metadata import read_metadata
from app.services.resumable import UploadState, look, unfinished_uploads


class UploadOut(BaseModel):
    """An upload; ``busy`` while a request sends it, ``filed`` once it is a video, ``refused`` with an error."""

    upload_id: str
    upload_url: str
    file_name: str
    state: Literal["uploading", "filed", "refused"]
    busy: bool
    size: int | None
    offset: int
    metadata: dict[str, str]
    expires_at: datetime
    video_id: int | None
    job_id: str | None
    duplicate: bool
    status_url: str | None
    page_url: str | None
    error: ErrorOut | None

    @classmethod
    def of(cls, found: UploadState) -> UploadOut:
        """From the use case's answer."""
        if found.error is not None:
            state: Literal["uploading", "filed", "refused"] = "refused"
        else:
            state = "filed" if found.is_finished else "uploading"
        same = {name: getattr(found, name) for name in ("file_name", "size", "offset", "expires_at", "video_id")}
        return cls(
            upload_id=found.id,
            upload_url=url_for("tus.state", upload_id=found.id),
            state=state,
            busy=found.is_busy,
            metadata=read_metadata(found.metadata_text),
            job_id=found.job_id,
            duplicate=found.duplicate,
            status_url=url_for("api.job_status", job_id=found.job_id) if found.job_id else None,
            page_url=url_for("pages.video", video_id=found.video_id) if found.video_id else None,
            error=ErrorOut(code=found.error_code or "refused", message=found.error) if found.error else None,
            **same,
        )


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/uploads", view_func=uploads, methods=["GET"])
    api.add_url_rule("/uploads/<upload_id>", view_func=upload, methods=["GET"])


def uploads() -> Response:
    """Uploads of which bytes are still missing, the newest first."""
    found = [UploadOut.of(item).model_dump(mode="json") for item in unfinished_uploads(current_context())]
    return jsonify(uploads=found)


def upload(upload_id: str) -> Response:
    """One upload, also after its end."""
    return jsonify(UploadOut.of(look(current_context(), upload_id)).model_dump(mode="json"))
