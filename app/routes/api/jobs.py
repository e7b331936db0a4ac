"""The API's jobs: list, look at, listen to, stop and set going again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request, stream_with_context

from app.routes.api.bodies import read_body, read_query
from app.routes.current import current_context
from app.routes.events import event_stream, parse_event_id, stopping
from app.routes.job_events import Pace, job_stream, knows_all, parse_job_event_id
from app.routes.job_schemas import CancelBody, JobsQuery, LogQuery, detail_out, job_out, log_out
from app.services import job_control
from app.services.context import Context
from app.services.library import job, job_detail, list_jobs
from app.services.library import job_log as job_log_lines

JobAction = Callable[[Context, str], object]


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/jobs", view_func=jobs, methods=["GET"])
    api.add_url_rule("/job_status/<job_id>", view_func=job_status, methods=["GET"])
    api.add_url_rule("/jobs/<job_id>", "job", view_func=job_status, methods=["GET"])
    api.add_url_rule("/jobs/<job_id>/log", view_func=job_log, methods=["GET"])
    api.add_url_rule("/jobs/<job_id>/events", view_func=job_events, methods=["GET"])
    api.add_url_rule("/jobs/<job_id>/cancel", view_func=cancel, methods=["POST"])
    for name, action in (
        ("pause", job_control.pause_job),
        ("resume", job_control.resume_job),
        ("retry", job_control.retry_job),
    ):
        api.add_url_rule(f"/jobs/<job_id>/{name}", name, view_func=_acting(action), methods=["POST"])
    api.add_url_rule("/events", view_func=events, methods=["GET"])


def jobs() -> Response:
    """One piece of the list of jobs; parts of jobs are left out."""
    query = read_query(request, JobsQuery, several=("state", "kind", "queue"))
    found = list_jobs(current_context(), query.filter, query.job_order, size=query.limit, cursor=query.cursor)
    return jsonify(
        jobs=[job_out(row) for row in found.jobs],
        next_cursor=found.next_cursor,
        total=found.total,
        counts={str(state): count for state, count in found.counts.items()},
    )


def job_status(job_id: str) -> Response:
    """A job with everything that is known of it."""
    return jsonify(detail_out(job_detail(current_context(), job_id)))


def job_log(job_id: str) -> Response:
    """The lines of a job's log behind ``after``."""
    lines = job_log_lines(current_context(), job_id, read_query(request, LogQuery).after)
    return jsonify(log=[log_out(line) for line in lines])


def job_events(job_id: str) -> Response:
    """Server-sent events of one job until it has ended."""
    context = current_context()
    job(context, job_id)
    told = parse_job_event_id(request.headers.get("Last-Event-ID"))
    if told != (0, 0) and knows_all(context, job_id, told):
        return Response(status=204)  # tells an EventSource not to come again
    return sse_response(job_stream(context, job_id, told, Pace(stopping())))


def cancel(job_id: str) -> tuple[Response, int]:
    """Cancels a job; what it found stays or goes, as was chosen."""
    job_control.cancel_job(current_context(), job_id, keep=read_keep())
    return jsonify(job_out(job(current_context(), job_id))), 202


def events() -> Response:
    """Server-sent events: ``job`` for every change of a job, ``library`` when people or videos changed."""
    since = parse_event_id(request.headers.get("Last-Event-ID"))
    return sse_response(event_stream(current_context(), since, stopping()))


def sse_response(stream: Iterator[str]) -> Response:
    """An answer that stays open."""
    response = Response(stream_with_context(stream), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # or a proxy holds events back until a buffer is full
    return response


def read_keep() -> bool:
    """Whether what was found stays: ``keep`` of the body or of the query; it does where nothing is said."""
    given: dict[str, Any] = {"keep": request.args["keep"]} if "keep" in request.args else {}
    if given or not request.content_length:
        return CancelBody.model_validate(given).keep
    return read_body(request, CancelBody).keep


def _acting(action: JobAction) -> Callable[[str], tuple[Response, int]]:
    def view(job_id: str) -> tuple[Response, int]:
        action(current_context(), job_id)
        return jsonify(job_out(job(current_context(), job_id))), 202

    return view
