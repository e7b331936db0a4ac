"""The API's edits of people and faces. Each answers with its event, by which it can be undone."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.errors import NotFoundError
from app.routes.api.bodies import read_body, read_query
from app.routes.current import current_context
from app.routes.etags import expected_revision, tagged
from app.routes.people_schemas import (
    ChosenBody,
    DifferentBody,
    MergeBody,
    MoveBody,
    NewPersonBody,
    PersonBody,
    SplitBody,
    SplitQuery,
    edited_out,
    proposal_out,
)
from app.services import people as edits
from app.services.library import person_row
from app.services.people import Edited


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/people", view_func=new_person, methods=["POST"])
    api.add_url_rule("/people/<id:person_id>", view_func=edit_person, methods=["PATCH"])
    api.add_url_rule("/people/<id:person_id>", view_func=delete_person, methods=["DELETE"])
    api.add_url_rule("/people/<id:person_id>/merge", view_func=merge, methods=["POST"])
    api.add_url_rule("/people/<id:person_id>/different", view_func=different, methods=["POST"])
    api.add_url_rule("/people/<id:person_id>/confirm", view_func=confirm, methods=["POST"])
    api.add_url_rule("/people/<id:person_id>/split", view_func=propose_split, methods=["GET"])
    api.add_url_rule("/people/<id:person_id>/split", view_func=split, methods=["POST"])
    api.add_url_rule("/faces/move", view_func=move_faces, methods=["POST"])
    api.add_url_rule("/faces/remove", view_func=remove_faces, methods=["POST"])
    api.add_url_rule("/faces/dismiss", view_func=dismiss_faces, methods=["POST"])


def new_person() -> tuple[Response, int]:
    """A new person of faces that were somebody else's or nobody's."""
    body = read_body(request, NewPersonBody)
    return _answer(edits.move_faces(current_context(), body.chosen, None, name=body.name)), 201


def edit_person(person_id: int) -> Response:
    """Changes facts about a person."""
    body = read_body(request, PersonBody)
    return _answer(edits.edit_person(current_context(), person_id, body.facts, revision=expected_revision()))


def delete_person(person_id: int) -> Response:
    """Dissolves a person; their faces stay and are nobody's."""
    return _answer(edits.delete_person(current_context(), person_id, revision=expected_revision()))


def merge(person_id: int) -> Response:
    """Makes other people and this one the same."""
    body = read_body(request, MergeBody)
    done = edits.merge_people(
        current_context(),
        person_id,
        body.person_ids,
        name=body.name,
        cover_face_id=body.cover_face_id,
        revision=expected_revision(),
    )
    return _answer(done)


def different(person_id: int) -> Response:
    """Says that people are different."""
    people = [person_id, *read_body(request, DifferentBody).person_ids]
    return _answer(edits.say_different(current_context(), people, revision=expected_revision()))


def confirm(person_id: int) -> Response:
    """Says that faces are of this person."""
    chosen = read_body(request, ChosenBody).chosen
    return _answer(edits.confirm_faces(current_context(), person_id, chosen, revision=expected_revision()))


def propose_split(person_id: int) -> Response:
    """How a person may be taken apart; changes nothing."""
    query = read_query(request, SplitQuery)
    found = edits.propose_split(current_context(), person_id, strictness=query.strictness, samples=query.samples)
    return tagged(jsonify(proposal_out(found)), found.revision)


def split(person_id: int) -> Response:
    """Takes a person apart."""
    leaving = read_body(request, SplitBody).leaving
    return _answer(edits.split_person(current_context(), person_id, leaving, revision=expected_revision()))


def move_faces() -> Response:
    """Gives faces to another person."""
    body = read_body(request, MoveBody)
    return _answer(edits.move_faces(current_context(), body.chosen, body.person_id, revision=expected_revision()))


def remove_faces() -> Response:
    """Takes faces away from whose they are: “not this person”."""
    return _answer(edits.remove_faces(current_context(), read_body(request, ChosenBody).chosen))


def dismiss_faces() -> Response:
    """Says that something is no face."""
    return _answer(edits.dismiss_faces(current_context(), read_body(request, ChosenBody).chosen))


def _answer(edited: Edited) -> Response:
    person = None
    if edited.person_id is not None:
        try:
            person = person_row(current_context(), edited.person_id)
        except NotFoundError:  # gone between the edit and this look
            person = None
    return tagged(jsonify(edited_out(edited, person)), person.revision if person is not None else None)
