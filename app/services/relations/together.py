"""Who is seen with whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.errors import NotFoundError
from app.services.context import Context
from app.services.relations.overlap import Stretches, shared_seconds, stretches
from app.storage.views import people as people_views
from app.storage.views import relations as views
from app.storage.views.relations import Where
from app.storage.views.shapes import PersonRow

Weight = Literal["frames", "seconds", "videos"]

MAX_NODES = 200
EVERYWHERE = Where()


@dataclass(frozen=True, slots=True)
class Together:
    """How often two people are seen together.

    Attributes:
        videos: In how many videos both are seen, at whatever time.
        seconds: For how long both are on screen at the same time; pictures have no time.
        frames: In how many sampled frames or pictures both are seen.
    """

    videos: int
    seconds: float
    frames: int

    def key(self, weight: Weight) -> tuple[float, ...]:
        """Larger for those who are seen together more."""
        return (getattr(self, weight), self.frames, self.seconds, self.videos)


@dataclass(frozen=True, slots=True)
class Companion:
    """Somebody who is seen with the person asked about."""

    person: PersonRow
    together: Together


@dataclass(frozen=True, slots=True)
class Edge:
    """Two people who are seen together, the lower id first."""

    one: int
    other: int
    together: Together


@dataclass(frozen=True, slots=True)
class TogetherGraph:
    """Who is seen with whom in the library.

    Attributes:
        people: The people with the most faces.
        edges: Between them, strongest first.
    """

    people: list[PersonRow]
    edges: list[Edge]


def companions(
    context: Context, person_id: int, *, limit: int = 20, weight: Weight = "frames", where: Where = EVERYWHERE
) -> list[Companion]:
    """Who is seen with a person; hidden and ignored people are left out.

    Args:
        context: The context.
        person_id: The person.
        limit: At most how many.
        weight: By what they are ordered, the most first.
        where: Which part of the library counts.

    Raises:
        NotFoundError: There is no such person.
    """
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        if not views.exists(session, person_id):
            raise NotFoundError("There is no such person.")
        seen = stretches(views.spans_around(session, person_id, where, default_interval=default))
        frames = views.shared_frames(session, person_id, where)
        found = dict(_of_one(seen, person_id, frames))
        best = sorted(found, key=lambda key: (*(-part for part in found[key].key(weight)), key))[:limit]
        people = people_views.people_by_id(session, best, default_interval=default)
    return [Companion(people[key], found[key]) for key in best if key in people]


def together_graph(
    context: Context, *, nodes: int = 50, edges: int = 200, weight: Weight = "frames", where: Where = EVERYWHERE
) -> TogetherGraph:
    """Who is seen with whom, among the people with the most faces; hidden and ignored people are left out.

    Args:
        context: The context.
        nodes: How many people, at most 200.
        edges: How many pairs, the strongest.
        weight: By what pairs are ordered.
        where: Which part of the library counts.
    """
    default = context.settings.frame_extraction_interval
    with context.database.session() as session:
        ids = views.most_seen(session, min(nodes, MAX_NODES))
        seen = stretches(views.spans_of(session, ids, where, default_interval=default))
        frames = views.frames_among(session, ids, where)
        people = people_views.people_by_id(session, ids, default_interval=default)
    found = [
        Edge(one, other, together)
        for one in seen.people.tolist()
        for other, together in _of_one(seen, one, _frames_of(frames, one))
        if one < other
    ]
    found.sort(key=lambda edge: (*(-part for part in edge.together.key(weight)), edge.one, edge.other))
    return TogetherGraph([people[key] for key in ids if key in people], found[:edges])


def _of_one(seen: Stretches, person_id: int, frames: Mapping[int, int]) -> Iterator[tuple[int, Together]]:
    place = int(np.searchsorted(seen.people, person_id))
    if place == len(seen.people) or seen.people[place] != person_id:
        return
    videos = seen.videos.dot(seen.videos[place].T).toarray().ravel()
    seconds = shared_seconds(seen, place)
    for other in np.flatnonzero(videos).tolist():
        if other != place:
            key = int(seen.people[other])
            yield key, Together(int(videos[other]), float(seconds[other]), frames.get(key, 0))


def _frames_of(frames: Mapping[tuple[int, int], int], person: int) -> dict[int, int]:
    return {other: number for (one, other), number in frames.items() if one == person}
