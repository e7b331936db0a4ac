"""The API's review: are these two one person?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.routes.api.bodies import read_body, read_query
from app.routes.current import current_context
from app.routes.review_schemas import AnswerBody, ReviewQuery, counts_out, effect_out, queue_out
from app.services.review import answer_question, next_questions, review_counts, undo_answer


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/review", "review", view_func=questions, methods=["GET"])
    api.add_url_rule("/review/stats", "review_stats", view_func=stats, methods=["GET"])
    api.add_url_rule("/review/<id:question_id>", "review_answer", view_func=answer, methods=["POST"])
    api.add_url_rule("/review/<id:question_id>/undo", "review_undo", view_func=undo, methods=["POST"])


def questions() -> Response:
    """The next questions, most valuable first."""
    query = read_query(request, ReviewQuery)
    return jsonify(queue_out(next_questions(current_context(), limit=query.limit, person_id=query.person_id)))


def stats() -> Response:
    """How far the review has come."""
    return jsonify(counts_out(review_counts(current_context())))


def answer(question_id: int) -> Response:
    """Answers a question; says what that did."""
    body = read_body(request, AnswerBody)
    return jsonify(effect_out(answer_question(current_context(), question_id, body.answer)))


def undo(question_id: int) -> Response:
    """Takes an answer back."""
    return jsonify(effect_out(undo_answer(current_context(), question_id)))
