"""The API's relations: where somebody is seen, with whom, and who looks like them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.routes.api.bodies import read_query
from app.routes.current import current_context
from app.routes.relation_schemas import (
    AppearancesQuery,
    CompanionsQuery,
    GraphQuery,
    LookalikesQuery,
    PersonFacesQuery,
    appearances_out,
    companions_out,
    faces_out,
    graph_out,
    lookalikes_out,
)
from app.services import relations


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/people/together", "together_graph", view_func=graph, methods=["GET"])
    for name, view in (
        ("appearances", appearances),
        ("faces", faces),
        ("together", together),
        ("similar", similar),
    ):
        api.add_url_rule(f"/people/<id:person_id>/{name}", f"person_{name}", view_func=view, methods=["GET"])


def appearances(person_id: int) -> Response:
    """The videos that show a person, newest first."""
    query = read_query(request, AppearancesQuery)
    found = relations.appearances(
        current_context(), person_id, size=query.limit, cursor=query.cursor, where=query.where
    )
    return jsonify(appearances_out(found, tracks=query.tracks))


def faces(person_id: int) -> Response:
    """A person's faces."""
    query = read_query(request, PersonFacesQuery)
    found = relations.faces(
        current_context(), person_id, size=query.limit, cursor=query.cursor, order=query.order, wanted=query.wanted
    )
    return jsonify(faces_out(found))


def together(person_id: int) -> Response:
    """Who is seen with a person."""
    query = read_query(request, CompanionsQuery)
    found = relations.companions(current_context(), person_id, limit=query.limit, weight=query.by, where=query.where)
    return jsonify(companions_out(found))


def graph() -> Response:
    """Who is seen with whom."""
    query = read_query(request, GraphQuery)
    found = relations.together_graph(
        current_context(), nodes=query.people, edges=query.edges, weight=query.by, where=query.where
    )
    return jsonify(graph_out(found))


def similar(person_id: int) -> Response:
    """Who looks like a person."""
    query = read_query(request, LookalikesQuery)
    found = relations.lookalikes(current_context(), person_id, limit=query.limit, min_similarity=query.min_similarity)
    return jsonify(lookalikes_out(found))
