"""The API's jobs and the stream of events."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request, stream_with_context

from app.routes.current import current_context
from app.routes.events import event_stream, parse_event_id, stopping
from app.routes.schemas import JobOut
from app.services.jobs import cancel_job
from app.services.library import job as job_view


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/job_status/<job_id>", view_func=job_status, methods=["GET"])
    api.add_url_rule("/jobs/<job_id>/cancel", view_func=cancel, methods=["POST"])
    api.add_url_rule("/events", view_func=events, methods=["GET"])


def job_status(job_id: str) -> Response:
    """A job as it stands."""
    return jsonify(JobOut.of(job_view(current_context(), job_id)).model_dump(mode="json"))


def cancel(job_id: str) -> tuple[Response, int]:
    """Cancels a job; one that has ended stays as it is."""
    cancel_job(current_context(), job_id)
    return jsonify(JobOut.of(job_view(current_context(), job_id)).model_dump(mode="json")), 202


def events() -> Response:
    """Server-sent events: ``job`` for every change of a job, ``library`` when people or videos changed."""
    since = parse_event_id(request.headers.get("Last-Event-ID"))
    stream = event_stream(current_context(), since, stopping())
    response = Response(stream_with_context(stream), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # or a proxy holds events back until a buffer is full
    return response
