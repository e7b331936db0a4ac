"""The API's exports: asked for, written by a job, fetched when they are ready."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.routes.api.bodies import read_body
from app.routes.current import current_context
from app.routes.job_schemas import ExportBody
from app.services.exports import finished_export, request_export

TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
LINK_SECONDS = 300.0


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/exports", view_func=start_export, methods=["POST"])
    api.add_url_rule("/exports/<job_id>", view_func=export_file, methods=["GET"])


def start_export() -> tuple[Response, int]:
    """Queues an export."""
    body = read_body(request, ExportBody)
    job_id = request_export(current_context(), body.format, webhook_url=body.webhook_url)
    urls = {
        "status_url": url_for("api.job_status", job_id=job_id),
        "file_url": url_for("api.export_file", job_id=job_id),
    }
    return jsonify(job_id=job_id, **urls), 202


def export_file(job_id: str) -> AnyResponse:
    """The file of a finished export."""
    blobs = current_context().blobs
    key = finished_export(current_context(), job_id)
    name = key.rpartition("/")[2]
    kind = TYPES[name.rpartition(".")[2]]
    if (url := blobs.url(key, LINK_SECONDS, content_type=kind, download_name=name)) is not None:
        return redirect(url, 302)
    response = send_file(blobs.open(key), mimetype=kind, as_attachment=True, download_name=name, conditional=False)
    response.content_length = blobs.size(key)
    response.headers["Cache-Control"] = "private, no-cache"
    return response
