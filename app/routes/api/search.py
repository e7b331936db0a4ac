"""The API's search: with a picture, or with what is in the library already."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.errors import InvalidInputError
from app.routes.api.bodies import read_body, read_query
from app.routes.api.search_schemas import ASKED, DuplicatesQuery, SearchBody, matches_out, shared_out
from app.routes.current import current_context
from app.services.context import Context
from app.services.duplicates import find_duplicates
from app.services.search import (
    Matches,
    decode_base64,
    fetch_picture,
    read_picture,
    search_embedding,
    search_face,
    search_person,
    search_picture,
)


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/search", view_func=search, methods=["POST"])
    api.add_url_rule("/duplicates", view_func=duplicates, methods=["GET"])


def search() -> Response:
    """The nearest people and moments, for each face that is asked about."""
    body = read_body(request, SearchBody)
    files = [file for file in request.files.values() if file.filename]
    if len(files) + len(body.asked) != 1:
        raise InvalidInputError(f"Send one picture as a file, or one of {', '.join(ASKED)}.")
    data = files[0].read() if files else None
    context = current_context()
    return jsonify(faces=[matches_out(found) for found in _found(context, body, data)])


def duplicates() -> Response:
    """Pairs of videos that show the same footage."""
    query = read_query(request, DuplicatesQuery)
    found = find_duplicates(current_context(), video_id=query.video_id, limit=query.limit)
    return jsonify(duplicates=[shared_out(pair) for pair in found])


def _found(context: Context, body: SearchBody, data: bytes | None) -> list[Matches]:
    options = body.options
    if body.face_id is not None:
        return [search_face(context, body.face_id, options)]
    if body.person_id is not None:
        return [search_person(context, body.person_id, options)]
    if body.embedding is not None:
        return [search_embedding(context, body.embedding, options)]
    options.check()
    if body.image is not None:
        data = decode_base64(body.image)
    elif body.url is not None:
        data = fetch_picture(context, body.url)
    image = read_picture(context, data or b"")
    return list(search_picture(context, image, options, face=body.face, point=body.point))
