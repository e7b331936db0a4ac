"""Finds the pairs worth asking about: near the threshold, settled by nobody, most valuable first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.means import plain_means
from app.clustering.neighbours import build_graph
from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace
from app.services.person_means import PersonMeans
from app.services.review.value import Facts, value_of_people, value_of_track
from app.storage import person_vectors, settled
from app.storage.person_vectors import TrackBlock
from app.storage.questions import Candidate
from app.storage.side_by_side import share_a_frame
from app.storage.views import review as review_views

MIN_SIMILARITY = 0.1  # below, the curve is extrapolated from too few pairs to be multiplied by thousands of faces
MAX_WAITING = 20_000  # tracks that are nobody's, those with the most faces: the others are worth little
NEIGHBOURS = 32
KEPT = 300
LOOKED_AT = 20 * KEPT
PIECE = 500


@dataclass(frozen=True)
class _Nodes:
    """People first, then tracks that are nobody's; ``facts`` is of the people."""

    people: IntArray
    facts: list[Facts]
    waiting: TrackBlock
    vectors: FloatArray


def find_candidates(session: Session, means: PersonMeans) -> list[Candidate]:
    """The questions to ask, most valuable first.

    Args:
        session: A session.
        means: Of the same state of the library.
    """
    space = session.get_one(EmbeddingSpace, means.space_id)
    nodes = _nodes(session, space, means)
    found = sorted(_near(means, nodes), key=lambda one: (-one.value, one.pair))[:LOOKED_AT]
    kept: list[Candidate] = []
    known = settled.settled(session)
    for start in range(0, len(found), PIECE):
        part = [one for one in found[start : start + PIECE] if one.pair not in known]
        together = share_a_frame(session, part)
        kept += [one for one in part if one.pair not in together]
        if len(kept) >= KEPT:
            break
    return _with_faces(session, kept[:KEPT])


def _nodes(session: Session, space: EmbeddingSpace, means: PersonMeans) -> _Nodes:
    facts = review_views.askable(session)
    rows = np.array([place for place, person in enumerate(means.ids.tolist()) if person in facts], np.int64)
    waiting = person_vectors.waiting(session, space, limit=MAX_WAITING)
    tracks = plain_means(waiting.embeddings, waiting.face_counts, noise=means.pack.track_noise)
    people = means.ids[rows]
    return _Nodes(
        people=people,
        facts=[Facts(*facts[person]) for person in people.tolist()],
        waiting=waiting,
        vectors=np.concatenate([means.vectors[rows], tracks]),
    )


def _near(means: PersonMeans, nodes: _Nodes) -> Iterator[Candidate]:
    """Pairs that could be one person, with what an answer is worth."""
    graph = build_graph(nodes.vectors, radius=means.radius(MIN_SIMILARITY), k=NEIGHBOURS)
    low, high, distances = graph.edges()
    about_people = low < len(nodes.people)  # people come first, so an edge of two tracks has both ends behind them
    low, high = low[about_people], high[about_people]
    similarities = means.similarities(1.0 - distances[about_people])
    for one, other, similarity in zip(low.tolist(), high.tolist(), similarities.tolist(), strict=True):
        yield _candidate(nodes, one, other, similarity)


def _candidate(nodes: _Nodes, one: int, other: int, similarity: float) -> Candidate:
    person, count = int(nodes.people[one]), len(nodes.people)
    if other < count:
        value = value_of_people(similarity, nodes.facts[one], nodes.facts[other])
        return Candidate(person, int(nodes.people[other]), None, None, None, 100.0 * similarity, value)
    place = other - count
    value = value_of_track(similarity, int(nodes.waiting.face_counts[place]))
    return Candidate(person, None, int(nodes.waiting.ids[place]), None, None, 100.0 * similarity, value)


def _with_faces(session: Session, candidates: list[Candidate]) -> list[Candidate]:
    """Says which faces to show; a pair of which one has none is left out."""
    people = {who for one in candidates for who in (one.person_id, one.other_person_id) if who is not None}
    faces = review_views.best_faces(session, sorted(people))
    tracks = review_views.best_faces_of_tracks(session, [one.track_id for one in candidates if one.track_id])
    complete = []
    for one in candidates:
        other = faces.get(one.other_person_id or 0) if one.track_id is None else tracks.get(one.track_id)
        if one.person_id in faces and other is not None:
            complete.append(replace(one, face_id=faces[one.person_id], other_face_id=other))
    return complete
