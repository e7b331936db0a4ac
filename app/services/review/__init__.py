"""The review: questions near the threshold, the most valuable first, and what their answers do."""

from app.services.review.answers import Effect, answer_question, undo_answer
from app.services.review.asking import (
    MAX_QUESTIONS,
    Question,
    Queue,
    ReviewCounts,
    Side,
    make_questions,
    next_questions,
    review_counts,
)

__all__ = [
    "MAX_QUESTIONS",
    "Effect",
    "Question",
    "Queue",
    "ReviewCounts",
    "Side",
    "answer_question",
    "make_questions",
    "next_questions",
    "review_counts",
    "undo_answer",
]
