"""People who look like somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from app.domain import FloatArray
from app.errors import NotFoundError
from app.services.context import Context
from app.services.person_means import PersonMeans, person_means
from app.storage import questions as question_rows
from app.storage import settled
from app.storage.questions import Candidate
from app.storage.rows import batches
from app.storage.side_by_side import share_a_frame
from app.storage.views import people as people_views
from app.storage.views import relations as views
from app.storage.views import review as review_views
from app.storage.views.shapes import PersonRow

PIECE = 100
Known = Literal["different", "same", "seen_together", "asked"]


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Somebody who looks like the person asked about.

    Attributes:
        person: Who.
        similarity: 0..100; 50 is where one person becomes more likely than two.
        known: What is known of the two: a rule says ``different`` or ``same``, they were ``seen_together`` in one frame,
            or somebody has been ``asked``; ``None`` for nothing.
    """

    person: PersonRow
    similarity: float
    known: Known | None


def lookalikes(context: Context, person_id: int, *, limit: int = 20, min_similarity: float = 0.0) -> list[Lookalike]:
    """The people who look most like a person, most alike first; hidden and ignored ones are left out.

    Args:
        context: The context.
        person_id: The person.
        limit: At most how many.
        min_similarity: 0..100.

    Raises:
        NotFoundError: There is no such person.
    """
    means = person_means(context)
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        if not views.exists(session, person_id):
            raise NotFoundError("There is no such person.")
        row = means.row(person_id) if means is not None else None
        if means is None or row is None:
            return []
        products = means.vectors @ means.vectors[row]
        others = _nearest_shown(session, means, products, row, limit)
        similarities = 100.0 * means.similarities(products[others])
        found = {int(means.ids[place]): float(s) for place, s in zip(others, similarities, strict=True)}
        found = {key: similarity for key, similarity in found.items() if similarity >= min_similarity}
        known = _known(session, person_id, list(found))
        people = people_views.people_by_id(session, list(found), default_interval=default)
    return [Lookalike(people[key], s, known.get(key)) for key, s in found.items() if key in people]


def _nearest_shown(session: Session, means: PersonMeans, products: FloatArray, row: int, limit: int) -> list[int]:
    """Places of the people most alike, nearest first; many of the nearest may be hidden, so it goes on until enough are found."""
    order = np.argsort(-products, kind="stable")
    order = order[order != row]
    found: list[int] = []
    for part in batches(order.tolist(), PIECE + limit):
        shown = review_views.shown_people(session, means.ids[part].tolist())
        found += [place for place in part if int(means.ids[place]) in shown]
        if len(found) >= limit:
            break
    return found[:limit]


def _known(session: Session, person_id: int, others: list[int]) -> dict[int, Known]:
    """What is known of pairs; the surest of several."""
    said = settled.settled(session)
    pairs = [Candidate(min(person_id, other), max(person_id, other), None, None, None, 0.0, 0.0) for other in others]
    together = share_a_frame(session, pairs)
    sources: tuple[tuple[Known, set[str]], ...] = (
        ("different", said.apart),
        ("same", said.same),
        ("seen_together", together),
        ("asked", said.asked),
    )
    found: dict[int, Known] = {}
    for other in others:
        pair = question_rows.pair_of_people(person_id, other)
        for word, place in sources:
            if pair in place:
                found.setdefault(other, word)
    return found
