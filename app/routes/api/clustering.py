"""The API's groupings of the library: start one, see what it would do, apply, discard or undo it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request, url_for

from app.routes.api.bodies import read_body, read_query
from app.routes.api.clustering_schemas import RunBody, RunOut, changes_out
from app.routes.current import current_context
from app.routes.schemas import PageQuery
from app.services.context import Context
from app.services.grouping import request_clustering
from app.services.grouping.runs import RunView, apply_run, discard_run, get_run, list_runs, undo_run

ACTIONS: dict[str, Callable[[Context, int], RunView]] = {
    "apply": apply_run,
    "discard": discard_run,
    "undo": undo_run,
}


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/clustering/runs", view_func=clustering_runs, methods=["GET"])
    api.add_url_rule("/clustering/runs", view_func=start_clustering, methods=["POST"])
    api.add_url_rule("/clustering/runs/<id:run_id>", view_func=clustering_run, methods=["GET"])
    rule = "/clustering/runs/<id:run_id>/<any(apply, discard, undo):action>"
    api.add_url_rule(rule, view_func=change_clustering_run, methods=["POST"])


def clustering_runs() -> Response:
    """One page of groupings, newest first."""
    query = read_query(request, PageQuery)
    found = list_runs(current_context(), query.page, query.per_page)
    runs = [RunOut.of(run).model_dump(mode="json") for run in found.runs]
    return jsonify(runs=runs, total=found.total, page=found.page, pages=found.pages)


def start_clustering() -> tuple[Response, int]:
    """Groups the whole library again."""
    body = read_body(request, RunBody) if request.content_length else RunBody()
    job_id = request_clustering(current_context(), preview=body.preview)
    return jsonify(job_id=job_id, status_url=url_for("api.job_status", job_id=job_id)), 202


def clustering_run(run_id: int) -> Response:
    """One grouping: who merges, splits, gains, loses and appears."""
    return _answer(get_run(current_context(), run_id))


def change_clustering_run(run_id: int, action: str) -> Response:
    """Applies, discards or undoes a grouping."""
    return _answer(ACTIONS[action](current_context(), run_id))


def _answer(run: RunView) -> Response:
    return jsonify(run=RunOut.of(run).model_dump(mode="json"), **changes_out(run))
