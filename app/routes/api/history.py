"""The API's history: what was done to people, and taking it back.

``/api/events`` is another thing: the stream of what changes at this moment.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.routes.api.bodies import read_query
from app.routes.current import current_context
from app.routes.people_schemas import HistoryQuery, event_out, undone_out
from app.services import people as edits


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/history", view_func=history, methods=["GET"])
    api.add_url_rule("/history/<id:event_id>", view_func=event, methods=["GET"])
    api.add_url_rule("/history/<id:event_id>/undo", view_func=undo_event, methods=["POST"])
    api.add_url_rule("/people/<id:person_id>/history", view_func=person_history, methods=["GET"])


def history() -> Response:
    """One piece of everything that was done."""
    return _pieces(None)


def person_history(person_id: int) -> Response:
    """One piece of what was done to a person, who may be gone."""
    return _pieces(person_id)


def event(event_id: int) -> Response:
    """One thing that was done."""
    return jsonify(event_out(edits.event_of(current_context(), event_id)))


def undo_event(event_id: int) -> Response:
    """Takes something back; what was changed since stays."""
    return jsonify(undone_out(edits.undo_event(current_context(), event_id)))


def _pieces(person_id: int | None) -> Response:
    query = read_query(request, HistoryQuery)
    found = edits.list_events(current_context(), person_id=person_id, size=query.limit, before=query.cursor)
    return jsonify(events=[event_out(row) for row in found.events], next_cursor=found.next)
