"""New tracks and what is near them, as a small grouping needs it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clustering.incremental import Neighbourhood, nearest_distances, neighbourhood
from app.clustering.known import NOBODY
from app.clustering.means import plain_means
from app.domain import FloatArray, IntArray
from app.models import EmbeddingSpace, Person
from app.services.context import Context
from app.services.grouping.decide import POOR_SHARE, threshold_of
from app.services.grouping.sums import People, Waiting, people_and_waiting
from app.services.models.choose import pack_of_space
from app.storage import rules as rule_rows
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage.rules import HouseRules
from app.storage.tracks import TrackNodes
from app.vision import Pack

# Blocks take part as tracks with numbers that no track has
BLOCK = 2**40
# Tracks that waited and are looked at again when somebody like them comes
WAITING = 300


@dataclass(frozen=True)
class Scene:
    """New tracks and what is near them.

    Attributes:
        pack: The pack.
        nodes: The new tracks, those of people who are taken apart, and some that wait; then blocks.
        vectors: ``float32`` (n, dimension) of the nodes.
        new: ``int64`` ids of the new tracks.
        blocks: ``int64`` people who take part as they are.
        house: What users said, with blocks in the place of their tracks.
        faces: Faces of everybody near.
        newest: The newest person, to see whether somebody was founded meanwhile.
        population: Tracks that are somebody's or new, in the whole library.
    """

    pack: Pack
    nodes: TrackNodes
    vectors: FloatArray
    new: IntArray
    blocks: IntArray
    house: HouseRules
    faces: dict[int, int]
    newest: int
    population: int


def look_around(context: Context, session: Session, video_id: int, *, fixed: bool = False) -> Scene | None:
    """Reads what is near the new tracks; ``fixed``: nobody is taken apart."""
    space = space_rows.pinned(session)
    ids = track_rows.without_person(session, video_id, space) if space is not None else []
    if space is None or not ids:
        return None
    pack = pack_of_space(context.settings, space)
    newest = session.scalar(select(func.max(Person.id))) or 0
    people, waiting = people_and_waiting(context.database, session, space, pack)
    new = track_rows.some_nodes(session, space, ids=ids)
    threshold = threshold_of(context.settings, pack)
    kept = rule_rows.kept_among(session, people.ids)
    vectors = plain_means(new.embeddings, new.face_counts, noise=pack.track_noise)
    near = neighbourhood(vectors, people.means, people.tracks, kept | fixed, threshold=threshold)
    patient = _patient(waiting, new.ids, np.concatenate([vectors, people.means[_all(near)]]), POOR_SHARE * threshold)
    return _scene(session, space, pack, people, near, ids, patient, newest)


def _all(near: Neighbourhood) -> IntArray:
    return np.concatenate([near.apart, near.blocks])


def _patient(waiting: Waiting, new: IntArray, targets: FloatArray, reach: float) -> IntArray:
    """Tracks that waited for somebody like those who are near now, nearest first."""
    distance = nearest_distances(targets, waiting.vectors)
    close = np.flatnonzero((distance <= reach) & ~np.isin(waiting.ids, new))
    nearest: IntArray = waiting.ids[close[np.argsort(distance[close], kind="stable")][:WAITING]]
    return nearest


def _scene(
    session: Session,
    space: EmbeddingSpace,
    pack: Pack,
    people: People,
    near: Neighbourhood,
    new: list[int],
    patient: IntArray,
    newest: int,
) -> Scene:
    apart, blocks = people.ids[near.apart].tolist(), np.sort(near.blocks)
    tracks = track_rows.some_nodes(session, space, ids=[*new, *patient.tolist()], people=apart)
    together = track_rows.seen_together(session, among=tracks.ids.tolist())
    house = rule_rows.load(session, together, people=people.ids[_all(near)].tolist())
    house = _with_blocks(session, house, tracks, people.ids[blocks])
    plain = plain_means(tracks.embeddings, tracks.face_counts, noise=pack.track_noise)
    return Scene(
        pack=pack,
        nodes=_add_blocks(tracks, people, blocks),
        vectors=np.concatenate([plain, people.means[blocks]]),
        new=np.array(new, np.int64),
        blocks=people.ids[blocks],
        house=house,
        faces=dict(zip(people.ids[_all(near)].tolist(), people.faces[_all(near)].tolist(), strict=True)),
        newest=newest,
        population=int(people.tracks.sum()) + len(new),
    )


def _add_blocks(tracks: TrackNodes, people: People, blocks: IntArray) -> TrackNodes:
    count = len(blocks)
    return TrackNodes(
        ids=np.concatenate([tracks.ids, BLOCK + people.ids[blocks]]),
        video_ids=np.concatenate([tracks.video_ids, np.full(count, NOBODY)]),
        person_ids=np.concatenate([tracks.person_ids, people.ids[blocks]]),
        starts=np.concatenate([tracks.starts, np.zeros(count)]),
        ends=np.concatenate([tracks.ends, np.zeros(count)]),
        face_counts=np.concatenate([tracks.face_counts, people.faces[blocks]]),
        qualities=np.concatenate([tracks.qualities, np.ones(count, np.float32)]),
        usable=np.concatenate([tracks.usable, np.ones(count, np.bool_)]),
        embeddings=np.concatenate([tracks.embeddings, people.means[blocks]]),
    )


def _with_blocks(session: Session, house: HouseRules, tracks: TrackNodes, blocks: IntArray) -> HouseRules:
    """Rules about the tracks of a block are about the block; a block keeps its person, and no two become one."""
    named = np.concatenate([house.together, house.same, house.apart, house.not_person[:, :1].repeat(2, axis=1)])
    outside = np.setdiff1d(named, tracks.ids)
    owners = track_rows.owners(session, outside.tolist())
    inside = {track: BLOCK + who for track, who in owners.items() if who in set(blocks.tolist())}

    def moved(pairs: IntArray, columns: int = 2) -> IntArray:
        result = pairs.copy()
        for column in range(columns):
            result[:, column] = [inside.get(track, track) for track in pairs[:, column].tolist()]
        return result

    same = moved(house.same)
    useful = same[:, 0] != same[:, 1]
    not_person = moved(house.not_person, 1)
    kept = np.union1d(house.kept, blocks)
    return replace(
        house,
        together=_distinct(moved(house.together)),
        same=same[useful],
        same_rules=house.same_rules[useful],
        apart=_distinct(moved(house.apart)),
        not_person=not_person[not_person[:, 0] - BLOCK != not_person[:, 1]],
        kept=kept,
        named=np.isin(kept, blocks) | np.isin(kept, house.kept[house.named]),
    )


def _distinct(pairs: IntArray) -> IntArray:
    distinct: IntArray = pairs[pairs[:, 0] != pairs[:, 1]]
    return distinct
