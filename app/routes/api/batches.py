"""The API's batches: jobs that were handed in together."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request

from app.routes.api.bodies import read_query
from app.routes.api.jobs import read_keep, sse_response
from app.routes.current import current_context
from app.routes.events import parse_event_id, stopping
from app.routes.job_events import BATCH_POLL_SECONDS, Pace, batch_stream
from app.routes.job_schemas import BatchesQuery, batch_out
from app.services import job_control
from app.services.context import Context
from app.services.library import batch, list_batches

BatchAction = Callable[[Context, str], int]


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/batches", view_func=batches, methods=["GET"])
    api.add_url_rule("/batches/<batch_id>", "batch", view_func=batch_status, methods=["GET"])
    api.add_url_rule("/batches/<batch_id>/events", view_func=batch_events, methods=["GET"])
    api.add_url_rule("/batches/<batch_id>/cancel", "cancel_batch", view_func=cancel, methods=["POST"])
    for name, action in (
        ("pause", job_control.pause_batch),
        ("resume", job_control.resume_batch),
        ("retry", job_control.retry_batch),
    ):
        api.add_url_rule(f"/batches/<batch_id>/{name}", f"{name}_batch", view_func=_acting(action), methods=["POST"])


def batches() -> Response:
    """One piece of the list of batches, youngest first."""
    query = read_query(request, BatchesQuery)
    found = list_batches(current_context(), size=query.limit, cursor=query.cursor)
    return jsonify(batches=[batch_out(row) for row in found.batches], next_cursor=found.next_cursor)


def batch_status(batch_id: str) -> Response:
    """A batch with the sums of its jobs."""
    return jsonify(batch_out(batch(current_context(), batch_id)))


def batch_events(batch_id: str) -> Response:
    """Server-sent events of one batch until all of its jobs have ended."""
    context = current_context()
    sums = batch(context, batch_id)
    since = parse_event_id(request.headers.get("Last-Event-ID"))
    if since is not None and not sums.open and sums.updated_at <= since:
        return Response(status=204)  # tells an EventSource not to come again
    return sse_response(batch_stream(context, batch_id, since, Pace(stopping(), BATCH_POLL_SECONDS)))


def cancel(batch_id: str) -> tuple[Response, int]:
    """Cancels all jobs of a batch that have not ended."""
    return _changed(batch_id, job_control.cancel_batch(current_context(), batch_id, keep=read_keep()))


def _acting(action: BatchAction) -> Callable[[str], tuple[Response, int]]:
    def view(batch_id: str) -> tuple[Response, int]:
        return _changed(batch_id, action(current_context(), batch_id))

    return view


def _changed(batch_id: str, count: int) -> tuple[Response, int]:
    return jsonify({**batch_out(batch(current_context(), batch_id)), "changed": count}), 202
