"""``faaaaaces review``: which of these are one person?"""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.domain import Answer, MediaKind
from app.services.context import Context
from app.services.people.editing import counted
from app.services.review import (
    MAX_QUESTIONS,
    Effect,
    Question,
    Side,
    answer_question,
    next_questions,
    review_counts,
    undo_answer,
)

Answers = tuple[tuple[int, str], ...]


@click.command("review")
@click.option(
    "--answer",
    "answers",
    type=(int, click.Choice([answer.value for answer in Answer])),
    multiple=True,
    metavar="QUESTION ANSWER",
    help="Answer a question: same, different or skip. May be repeated.",
)
@click.option("--undo", "undone", type=int, multiple=True, metavar="QUESTION", help="Take an answer back.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, MAX_QUESTIONS), help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def review_command(answers: Answers, undone: tuple[int, ...], limit: int, as_json: bool) -> None:
    """Lists pairs that may be one person, the most valuable question first, or answers them."""
    context = open_context()
    if not answers and not undone:
        _list(context, limit, as_json)
        return
    effects = [answer_question(context, question, Answer(answer)) for question, answer in answers]
    effects += [undo_answer(context, question) for question in undone]
    if as_json:
        print_json([_effect_as_dict(effect) for effect in effects])
        return
    for effect in effects:
        click.echo(effect.summary)


def _list(context: Context, limit: int, as_json: bool) -> None:
    queue = next_questions(context, limit=limit)
    if as_json:
        print_json([_question_as_dict(question) for question in queue.questions])
        return
    if not queue.questions:
        answered = sum(review_counts(context).answered.values())
        click.echo(f"Nothing to ask. {counted(answered, 'answer')} so far.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("question", "similarity", "worth"):
        table.add_column(heading, justify="right")
    table.add_column("is this")
    table.add_column("the same as this?")
    for question in queue.questions:
        worth = f"{question.value:.1f} faces"
        sides = (_side(question.one), _side(question.other))
        table.add_row(str(question.id), f"{question.similarity:.0f} %", worth, *sides)
    Console().print(table)
    click.echo(f"{queue.open} open. Answer one: faaaaaces review --answer {queue.questions[0].id} same|different|skip")


def _side(side: Side) -> str:
    face = side.face
    if face.media_kind == MediaKind.PICTURES:
        moment = f"picture {face.timestamp + 1:.0f}"
    else:
        minutes, seconds = divmod(face.timestamp, 60)
        moment = f"{minutes:.0f}:{seconds:04.1f}"
    who = f"{side.person.label}, {counted(side.person.face_count, 'face')}" if side.person is not None else "nobody yet"
    return f"{who} ({face.video_title}, {moment})"


def _question_as_dict(question: Question) -> dict[str, Any]:
    return {
        "question_id": question.id,
        "similarity": round(question.similarity, 1),
        "value": round(question.value, 2),
        "one": _side_as_dict(question.one),
        "other": _side_as_dict(question.other),
    }


def _side_as_dict(side: Side) -> dict[str, Any]:
    return {
        "person_id": side.person.id if side.person is not None else None,
        "name": side.person.name if side.person is not None else None,
        "track_id": side.face.track_id,
        "face_id": side.face.face_id,
        "video_id": side.face.video_id,
        "video": side.face.video_title,
        "timestamp": round(side.face.timestamp, 3),
    }


def _effect_as_dict(effect: Effect) -> dict[str, Any]:
    return {
        name: getattr(effect, name) for name in ("question_id", "answer", "summary", "faces", "person_id", "event_id")
    }
