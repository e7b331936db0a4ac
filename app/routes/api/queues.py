"""The API's queues: how many jobs run at once, and whether any begin."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.domain import QueueName
from app.errors import NotFoundError
from app.routes.api.bodies import read_body
from app.routes.current import current_context
from app.routes.job_schemas import QueueBody, queue_out
from app.services import job_control
from app.services.library import queues as queue_rows


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/queues", view_func=queues, methods=["GET"])
    api.add_url_rule("/queues/<name>", "change_queue", view_func=change, methods=["PATCH"])
    api.add_url_rule("/queues/<name>/pause", "pause_queue", view_func=pause, methods=["POST"])
    api.add_url_rule("/queues/<name>/resume", "resume_queue", view_func=resume, methods=["POST"])


def queues() -> Response:
    """All queues with what runs and waits in them."""
    return jsonify(queues=[queue_out(row) for row in queue_rows(current_context())])


def change(name: str) -> Response:
    """Sets how many jobs run at once."""
    queue = read_queue(name)
    job_control.set_concurrency(current_context(), queue, read_body(request, QueueBody).concurrency)
    return _answer(queue)


def pause(name: str) -> Response:
    """Lets no further job begin; those that run go on."""
    queue = read_queue(name)
    job_control.pause_queue(current_context(), queue)
    return _answer(queue)


def resume(name: str) -> Response:
    """Lets jobs begin again."""
    queue = read_queue(name)
    job_control.resume_queue(current_context(), queue)
    return _answer(queue)


def read_queue(name: str) -> QueueName:
    """The queue of a name.

    Raises:
        NotFoundError: There is no such queue.
    """
    try:
        return QueueName(name)
    except ValueError as error:
        raise NotFoundError(f"There is no such queue. There are {', '.join(QueueName)}.") from error


def _answer(queue: QueueName) -> Response:
    return jsonify(next(queue_out(row) for row in queue_rows(current_context()) if row.name is queue))
