"""The pages of jobs, and what their forms do where JavaScript is switched off."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.errors import ConflictError, InvalidInputError
from app.routes.api.queues import read_queue
from app.routes.auth import local_path
from app.routes.current import current_context
from app.services import job_control, library
from app.services.context import Context
from app.services.exports import request_export
from app.services.grouping import request_clustering
from app.storage.views.job_lists import JobFilter

Change = Callable[[Context, str], object]
JOB_ACTIONS: dict[str, tuple[Change, str]] = {
    "pause": (job_control.pause_job, "The job is paused."),
    "resume": (job_control.resume_job, "The job goes on."),
    "retry": (job_control.retry_job, "The job is tried again."),
}
BATCH_ACTIONS: dict[str, tuple[Change, str]] = {
    "pause": (job_control.pause_batch, "The batch is paused."),
    "resume": (job_control.resume_batch, "The batch goes on."),
    "retry": (job_control.retry_batch, "What failed or was cancelled is tried again."),
}
KEPT = "What it had found so far stays."
GONE = "What it had found so far is deleted."


def register(pages: Blueprint) -> None:
    """Adds the pages and their forms."""
    pages.add_url_rule("/jobs", view_func=jobs, methods=["GET"])
    pages.add_url_rule("/jobs/<job_id>", view_func=job, methods=["GET"])
    pages.add_url_rule("/jobs/<job_id>/cancel", view_func=cancel, methods=["POST"])
    pages.add_url_rule("/jobs/<job_id>/<any(pause, resume, retry):name>", view_func=change_job, methods=["POST"])
    pages.add_url_rule("/batches/<batch_id>/cancel", view_func=cancel_batch, methods=["POST"])
    pages.add_url_rule("/batches/<batch_id>/<any(pause, resume, retry):name>", view_func=change_batch, methods=["POST"])
    pages.add_url_rule("/queues/<name>", view_func=change_queue, methods=["POST"])
    pages.add_url_rule("/jobs/cluster", view_func=cluster, methods=["POST"])
    pages.add_url_rule("/jobs/export", view_func=export, methods=["POST"])


def jobs() -> str:
    """What runs, waits, rests, failed and ended; queues and batches."""
    only = request.args.get("show")
    only = only if only in {section.name for section in library.SECTIONS} else None
    text = request.args.get("text", "").strip()[:200]
    wanted = JobFilter(batch_id=request.args.get("batch") or None, text=text or None)
    cursor = request.args.get("cursor") if only else None
    view = library.jobs_page(current_context(), wanted, only=only, cursor=cursor)
    kept = {"text": text or None, "batch": wanted.batch_id}
    return render_template("jobs.html", view=view, only=only, cursor=cursor, text=text, kept=kept)


def job(job_id: str) -> str:
    """One job: its steps and its log."""
    context = current_context()
    detail = library.job_detail(context, job_id)
    return render_template("job.html", view=detail, log=library.job_log(context, job_id))


def cancel(job_id: str) -> Response:
    """Cancels a job."""
    keep = request.form.get("keep") != "false"

    def change(context: Context, found: str) -> None:
        job_control.cancel_job(context, found, keep=keep)

    return _done(change, job_id, f"The job is cancelled. {KEPT if keep else GONE}")


def change_job(job_id: str, name: str) -> Response:
    """Pauses a job, lets it go on, or tries it again."""
    return _done(*_named(JOB_ACTIONS, name, job_id))


def cancel_batch(batch_id: str) -> Response:
    """Cancels what is left of a batch."""
    keep = request.form.get("keep") != "false"

    def change(context: Context, found: str) -> None:
        job_control.cancel_batch(context, found, keep=keep)

    return _done(change, batch_id, f"The batch is cancelled. {KEPT if keep else GONE}")


def change_batch(batch_id: str, name: str) -> Response:
    """Pauses a batch, lets it go on, or tries again what failed."""
    return _done(*_named(BATCH_ACTIONS, name, batch_id))


def change_queue(name: str) -> Response:
    """Pauses a queue, lets it go on, or sets how many of its jobs run at once."""
    queue, context = read_queue(name), current_context()
    action = request.form.get("action")
    if action == "pause":
        job_control.pause_queue(context, queue)
    elif action == "resume":
        job_control.resume_queue(context, queue)
    else:
        job_control.set_concurrency(context, queue, _concurrency(request.form.get("concurrency", "")))
    return _back()


def cluster() -> Response:
    """Groups all faces again."""
    request_clustering(current_context())
    flash("All faces are being grouped again. Names stay.")
    return redirect(url_for("pages.jobs"), 303)


def export() -> Response:
    """Starts an export, and shows its job, which has the file when it is done."""
    job_id = request_export(current_context(), "json" if request.form.get("format") == "json" else "csv")
    return redirect(url_for("pages.job", job_id=job_id), 303)


def _named(actions: dict[str, tuple[Change, str]], name: str, target: str) -> tuple[Change, str, str]:
    change, words = actions[name]
    return change, target, words


def _done(change: Change, target: str, words: str) -> Response:
    try:
        change(current_context(), target)
    except ConflictError as error:  # somebody else was quicker: the page that follows shows how it stands
        words = error.message
    flash(words)
    return _back()


def _back() -> Response:
    target = request.form.get("next")
    return redirect(local_path(target) if target else url_for("pages.jobs"), 303)


def _concurrency(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit()) or not 1 <= int(text[:6]) <= 256:
        raise InvalidInputError("So many jobs at a time: a number from 1 to 256, or nothing.")
    return int(text)
