"""The pages, and what their forms do where JavaScript is switched off."""

from __future__ import annotations

import time
from typing import TypeVar, cast, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.domain import Sampling
from app.errors import AppError, ConflictError, InvalidInputError
from app.routes import clustering_pages, job_pages
from app.routes.api.bodies import read_lists, read_options
from app.routes.current import current_context
from app.routes.errors import status_of
from app.routes.events import mark_of
from app.routes.formats import duration
from app.routes.uploads import receive_uploads
from app.services import library
from app.services.again import look_again
from app.services.erase import delete_video
from app.services.grouping.runs import waiting_run
from app.services.ingest import Submission
from app.services.ingest_links import read_list, submit_urls
from app.services.limits import disk_state
from app.services.models.status import pack_status
from app.services.people import rename_person
from app.storage.views.people import PeopleFilter, PeopleOrder
from app.storage.views.shapes import Page

PEOPLE_PER_PAGE = 60
VIDEOS_PER_PAGE = 24
PICTURES_PER_PAGE = 24
APPEARANCES_PER_PAGE = 20
MAX_PAGE = 1_000_000
Text = TypeVar("Text", bound=str)


def make_pages() -> Blueprint:
    """The blueprint with all pages."""
    pages = Blueprint("pages", __name__)
    for rule, view in (
        ("/", dashboard),
        ("/add", add),
        ("/videos", videos),
        ("/videos/<id:video_id>", video),
        ("/people", people),
        ("/people/<id:person_id>", person),
    ):
        pages.add_url_rule(rule, view_func=view, methods=["GET"])
    for rule, action in (
        ("/add/file", add_file),
        ("/add/urls", add_urls),
        ("/videos/<id:video_id>/delete", remove_video),
        ("/videos/<id:video_id>/again", look_at_again),
        ("/people/<id:person_id>/name", name_person),
    ):
        pages.add_url_rule(rule, view_func=action, methods=["POST"])
    job_pages.register(pages)
    clustering_pages.register(pages)
    pages.context_processor(_live_mark)
    return pages


def dashboard() -> str:
    """Totals, newest videos, people, failures, and which networks are used where that needs a word."""
    context = current_context()
    return render_template(
        "dashboard.html", view=library.dashboard(context), networks=pack_status(context), disk=disk_state(context)
    )


def add() -> str:
    """Hand in files and addresses."""
    return render_template("add.html", values={}, problems=[])


def videos() -> str:
    """All videos."""
    return render_template("videos.html", view=library.list_videos(current_context(), _page(VIDEOS_PER_PAGE)))


def video(video_id: int) -> str:
    """One video: player, people, faces; or a set of pictures with their faces."""
    view = library.video_detail(current_context(), video_id)
    if view.video.is_stills:
        stills = library.list_pictures(current_context(), video_id, _page(PICTURES_PER_PAGE))
        return render_template("pictures.html", view=view, stills=stills)
    return render_template("video.html", view=view, moment=_moment())


def people() -> str:
    """All people."""
    order = _choice("order", cast("tuple[PeopleOrder, ...]", get_args(PeopleOrder)))
    only = _choice("only", cast("tuple[PeopleFilter, ...]", get_args(PeopleFilter)))
    view = library.list_people(current_context(), _page(PEOPLE_PER_PAGE), order=order, only=only)
    waiting = waiting_run(current_context())
    return render_template("people.html", view=view, order=order, only=only, waiting=waiting)


def person(person_id: int) -> str:
    """One person: name, every appearance."""
    view = library.person_detail(current_context(), person_id, _page(APPEARANCES_PER_PAGE))
    return render_template("person.html", view=view)


def add_file() -> Response | tuple[str, int]:
    """Takes files from the form."""
    results = receive_uploads(read_options)
    problems = [f"{result.file_name}: {result.error.message}" for result in results if result.error is not None]
    accepted = [result.submission for result in results if result.submission is not None]
    return _after_adding(accepted, problems, {}, [result.error for result in results if result.error])


def add_urls() -> Response | tuple[str, int]:
    """Takes addresses from the form and from text files, one per line."""
    lines: list[str] = []
    try:
        lines = read_list(read_lists(request, "urls"))
        _, results = submit_urls(current_context(), lines, read_options(request.form))
    except AppError as error:
        return _after_adding([], [error.message], request.form.to_dict(), [error])
    pairs = list(zip(lines, results, strict=True))
    problems = [f"{line}: {result.message}" for line, result in pairs if isinstance(result, AppError)]
    values = {"urls": "\n".join(line for line, result in pairs if isinstance(result, AppError))}
    accepted = [result for result in results if isinstance(result, Submission)]
    return _after_adding(accepted, problems, values, [result for result in results if isinstance(result, AppError)])


def remove_video(video_id: int) -> Response:
    """Deletes a video."""
    delete_video(current_context(), video_id)
    flash("The video and everything that came of it is deleted.")
    return redirect(url_for("pages.videos"), 303)


def look_at_again(video_id: int) -> Response:
    """Looks through a video anew, with the settings of the form."""
    try:
        look_again(current_context(), video_id, read_options(request.form))
    except (ConflictError, InvalidInputError) as error:
        flash(error.message)
    else:
        flash("It is looked at again. What was found before is replaced; names stay.")
    return redirect(url_for("pages.video", video_id=video_id), 303)


def name_person(person_id: int) -> Response:
    """Names a person."""
    rename_person(current_context(), person_id, request.form.get("name"))
    return redirect(url_for("pages.person", person_id=person_id), 303)


def _after_adding(
    accepted: list[Submission], problems: list[str], values: dict[str, str], errors: list[AppError]
) -> Response | tuple[str, int]:
    if problems:
        status = 200 if accepted else status_of(errors[0])
        return render_template("add.html", values=values, problems=problems, accepted=len(accepted)), status
    if len(accepted) == 1:
        if accepted[0].duplicate:
            flash(_known_words(accepted[0]))
        return redirect(url_for("pages.video", video_id=accepted[0].video_id), 303)
    return redirect(url_for("pages.jobs"), 303)


def _known_words(submission: Submission) -> str:
    """What is said of something that was there before."""
    if submission.again:
        return "This was in the library already; it is looked at again."
    if submission.interval is None:
        return "These pictures were in the library already."
    how = f"looked at every {duration(submission.interval)}"
    if submission.sampling not in (None, Sampling.INTERVAL):
        how += f" ({submission.sampling})"
    return f"This video was in the library already, {how}. “Look again” takes other settings."


def _live_mark() -> dict[str, object]:
    """What the page's script compares with the stream of events; and the number of active jobs for the menu."""
    context = current_context()
    state = library.page_state(context)
    return {"mark": mark_of(state.mark), "active_jobs": state.active_jobs, "rendered": round(time.time() * 1000)}


def _page(size: int) -> Page:
    text = request.args.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    return Page(min(max(number, 1), MAX_PAGE), size)


def _moment() -> float | None:
    """The query ``t``: where a player starts, in seconds."""
    try:
        moment = float(request.args["t"])
    except (KeyError, ValueError):
        return None
    return moment if 0 <= moment < 1e7 else None


def _choice(name: str, allowed: tuple[Text, ...]) -> Text:
    given = request.args.get(name)
    return next((item for item in allowed if item == given), allowed[0])
