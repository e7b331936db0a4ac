"""What the notice of a grouping that waits for a look does, where JavaScript is switched off too."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from app.errors import ConflictError
from app.routes.current import current_context
from app.services.grouping.runs import apply_run, discard_run


def register(pages: Blueprint) -> None:
    """Adds the forms."""
    rule = "/people/groupings/<id:run_id>/<any(apply, discard):action>"
    pages.add_url_rule(rule, view_func=decide_grouping, methods=["POST"])


def decide_grouping(run_id: int, action: str) -> Response:
    """Applies or discards a grouping that waits."""
    try:
        if action == "apply":
            run = apply_run(current_context(), run_id)
            left = " What you changed meanwhile stays." if run.left_out else ""
            flash(f"The new order is applied.{left}")
        else:
            discard_run(current_context(), run_id)
            flash("Everything stays as it is.")
    except ConflictError as error:  # somebody else was quicker
        flash(error.message)
    return redirect(url_for("pages.people"), 303)
