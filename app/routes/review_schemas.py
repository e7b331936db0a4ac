"""What the API reads and writes about the review."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import url_for
from pydantic import BaseModel, Field

from app.domain import Answer
from app.routes.schemas import RequestBody, media_url
from app.services.review import MAX_QUESTIONS, Effect, Question, Queue, ReviewCounts, Side
from app.storage.views.review import Sample, Subject


class ReviewQuery(BaseModel):
    """``GET /api/review``."""

    limit: int = Field(default=10, ge=1, le=MAX_QUESTIONS)
    person_id: int | None = Field(default=None, ge=1, lt=2**31)


class AnswerBody(RequestBody):
    """``POST /api/review/<id>``."""

    answer: Answer


def queue_out(queue: Queue) -> dict[str, Any]:
    """The next questions."""
    questions = [question_out(question) for question in queue.questions]
    return {"questions": questions, "open": queue.open, "expected_faces": round(queue.faces, 1)}


def question_out(question: Question) -> dict[str, Any]:
    """A question with both faces."""
    return {
        "question_id": question.id,
        "kind": "people" if question.other.person is not None else "track",
        "similarity": round(question.similarity, 1),
        "value": round(question.value, 2),
        "one": side_out(question.one),
        "other": side_out(question.other),
    }


def side_out(side: Side) -> dict[str, Any]:
    """One of the two: a person, or with ``null`` a track that is nobody's."""
    return {
        "person": subject_out(side.person) if side.person is not None else None,
        "track_id": side.face.track_id,
        "face": sample_out(side.face),
    }


def subject_out(person: Subject) -> dict[str, Any]:
    """A person of a question."""
    return {
        "person_id": person.id,
        "name": person.name,
        "label": person.label,
        "favourite": person.favourite,
        "face_count": person.face_count,
        "video_count": person.video_count,
        "page_url": url_for("pages.person", person_id=person.id),
    }


def sample_out(face: Sample) -> dict[str, Any]:
    """A face to look at; ``timestamp`` is the number of its picture, from 0, in a set of stills."""
    return {
        "face_id": face.face_id,
        "image_url": media_url(face.crop_key),
        "timestamp": round(face.timestamp, 3),
        "quality": round(face.quality, 3),
        "video_id": face.video_id,
        "video_title": face.video_title,
        "media_kind": face.media_kind,
        "page_url": url_for("pages.video", video_id=face.video_id),
    }


def effect_out(effect: Effect) -> dict[str, Any]:
    """What an answer did."""
    return asdict(effect)


def counts_out(counts: ReviewCounts) -> dict[str, Any]:
    """How far the review has come."""
    answered = {str(answer): number for answer, number in counts.answered.items()}
    return {"open": counts.open, "expected_faces": round(counts.faces, 1), "answered": answered}
