"""A mixed group: the faces of one person are regrouped more strictly, and the user says which of them go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.algorithms import group
from app.clustering.attach import attach
from app.clustering.constraints import ContradictionError
from app.clustering.means import plain_means
from app.config import Settings
from app.domain import IntArray
from app.errors import InvalidInputError, NotFoundError
from app.models import Track
from app.services.context import Context
from app.services.models.choose import pack_of_space
from app.services.people.editing import GONE, Edited, editing, label, labels
from app.services.people.ruling import give_way, keep_people_apart
from app.storage import people as people_rows
from app.storage import spaces as space_rows
from app.storage.person_tracks import PersonTracks, tracks_of_person
from app.storage.views import faces as face_views
from app.storage.views.shapes import FaceRow
from app.vision import Pack

# Of the distance at which the library is grouped; the first that takes the person apart is proposed
SHARES = (0.85, 0.7, 0.55, 0.4, 0.3)
# A poor track joins a part only when it is clearly theirs
POOR_SHARE = 0.8
MOST_PARTS = 200
# Tracks that are regrouped, those of most faces; the others join a part. All tracks of one person are each other's
# neighbours, so the time grows with the square of their number: 3,000 take 2 s.
MOST_REGROUPED = 3_000


@dataclass(frozen=True)
class SplitPart:
    """Faces of one person that seem to belong together.

    Attributes:
        tracks: Ids of its tracks, most faces first.
        face_count: Faces.
        video_count: Videos.
        confirmed: How many of its tracks a user has confirmed.
        samples: Its best faces.
    """

    tracks: list[int]
    face_count: int
    video_count: int
    confirmed: int
    samples: list[FaceRow]


@dataclass(frozen=True)
class SplitProposal:
    """How a person may be taken apart.

    Attributes:
        person_id: The person.
        revision: The person's number of changes that it goes by.
        strictness: 1 .. :data:`len(SHARES)`: how strictly the faces were regrouped.
        parts: Most faces first; only one where all faces belong together however strictly they are looked at.
        rest: Faces too poor to tell, or of parts beyond the first 200; they stay unless they are chosen.
    """

    person_id: int
    revision: int
    strictness: int
    parts: list[SplitPart]
    rest: SplitPart | None


@dataclass(frozen=True)
class Leaving:
    """A part that goes.

    Attributes:
        tracks: Ids of its tracks.
        name: Name of the new person.
        person_id: Goes to this person instead of a new one.
    """

    tracks: Sequence[int]
    name: str | None = None
    person_id: int | None = None


def propose_split(
    context: Context, person_id: int, *, strictness: int | None = None, samples: int = 6
) -> SplitProposal:
    """Regroups the faces of a person more strictly than the library was. Changes nothing.

    Args:
        context: The context.
        person_id: The person.
        strictness: 1 .. 5; ``None``: the mildest that takes the person apart.
        samples: Faces to show of each part.

    Raises:
        NotFoundError: There is no such person.
        InvalidInputError: There is no such strictness.
    """
    if strictness is not None and not 1 <= strictness <= len(SHARES):
        raise InvalidInputError(f"The strictness is a number from 1 to {len(SHARES)}.")
    with context.database.session() as session:
        person = people_rows.get(session, person_id)
        if person is None:
            raise NotFoundError(GONE)
        revision, space = person.revision, space_rows.pinned(session)
        tracks = tracks_of_person(session, person_id, space)
        pack = pack_of_space(context.settings, space) if space is not None else None
    labels_, level = _regroup(context.settings, pack, tracks, strictness)
    with context.database.session() as session:
        parts, rest = _parts(session, tracks, labels_, samples)
    return SplitProposal(person_id, revision, level, parts, rest)


def split_person(
    context: Context, person_id: int, leaving: Sequence[Leaving], *, revision: int | None = None
) -> Edited:
    """Takes a person apart. A later grouping keeps the parts apart: all are confirmed, and different people.

    Args:
        context: The context.
        person_id: The person; who is not named stays theirs.
        leaving: Parts that go, each to somebody new or to another person.
        revision: The person's number of changes that the user has seen; ``None`` where they did not say.

    Raises:
        NotFoundError: A person or a track is gone.
        OutdatedError: Somebody else changed the person since.
        InvalidInputError: A track is not theirs or goes twice, or nothing would stay.
    """
    wanted = [track for part in leaving for track in part.tracks]
    if not leaving or not all(part.tracks for part in leaving):
        raise InvalidInputError("Choose at least one group, each with at least one track.")
    if len(leaving) > MOST_PARTS or len(set(wanted)) < len(wanted):
        raise InvalidInputError(f"Choose at most {MOST_PARTS} groups, and each track once.")
    with editing(context, "split") as edit:
        person = edit.person(person_id, revision)
        if any(track.person_id != person_id for track in edit.tracks(wanted)):
            raise InvalidInputError(f"Not all of these are faces of {label(person)} any more.")
        staying = people_rows.track_ids(edit.session, person_id, but=wanted)
        if not staying:
            raise InvalidInputError(f"Something has to stay with {label(person)}. To undo a group, delete the person.")
        targets = []
        for part in leaving:
            if part.person_id == person_id:
                raise InvalidInputError(f"A group cannot leave {label(person)} for {label(person)}.")
            target = edit.new_person(part.name) if part.person_id is None else edit.person(part.person_id)
            edit.journal.set_many(Track, "person_id", dict.fromkeys(part.tracks, target.id))
            edit.journal.set_many(Track, "confirmed", dict.fromkeys(part.tracks, True))
            give_way(edit.journal, part.tracks, target.id)
            targets.append(target)
        edit.journal.set_many(Track, "confirmed", {track: True for track, usable in staying if usable})
        keep_people_apart(edit.journal, [person_id, *(target.id for target in targets)])
        edit.result.person_id = person_id
        edit.result.summary = f"Split {labels(list(dict.fromkeys(targets)))} from {label(person)}"
    return edit.result


def _regroup(settings: Settings, pack: Pack | None, tracks: PersonTracks, asked: int | None) -> tuple[IntArray, int]:
    """Part of each track, -1 for none, and how strictly it was done."""
    levels = range(1, len(SHARES) + 1) if asked is None else [asked]
    found, level = np.full(len(tracks.ids), -1, np.int64), levels[0]
    if pack is None or not tracks.usable.any():
        return found, level
    for level in levels:
        found = _grouped(tracks, pack, _distance(settings, pack) * SHARES[level - 1])
        if found.max(initial=-1) > 0:
            break
    return found, level


def _grouped(tracks: PersonTracks, pack: Pack, threshold: float) -> IntArray:
    vectors = plain_means(tracks.embeddings, tracks.face_counts, noise=pack.track_noise)
    weights = tracks.face_counts.astype(np.float32)
    usable = np.flatnonzero(tracks.usable)
    chosen = np.sort(usable[np.argsort(-weights[usable], kind="stable")][:MOST_REGROUPED])
    place = np.full(len(tracks.ids), -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    apart, same = (rules[(rules >= 0).all(axis=1)] for rules in (place[tracks.apart], place[tracks.same]))
    own = vectors[chosen], weights[chosen]
    try:
        parts = group(own[0], threshold=threshold, cannot_link=apart, must_link=same, weights=own[1])
    except ContradictionError:  # what is apart counts more than what is the same
        parts = group(own[0], threshold=threshold, cannot_link=apart, weights=own[1])
    labels_ = np.full(len(tracks.ids), -1, np.int64)
    labels_[chosen] = parts
    if len(chosen) < len(usable):
        labels_ = attach(
            vectors, labels_, threshold=threshold, cannot_link=tracks.apart, weights=weights, candidates=usable
        )
    return attach(vectors, labels_, threshold=threshold * POOR_SHARE, cannot_link=tracks.apart, weights=weights)


def _distance(settings: Settings, pack: Pack) -> float:
    """Where a grouping of the library stops."""
    wanted = settings.clustering_similarity_threshold
    share = pack.grouping_distance_at(wanted) / pack.grouping_distance if wanted is not None else 1.0
    return pack.face_grouping_distance * share


def _parts(
    session: Session, tracks: PersonTracks, labels_: IntArray, samples: int
) -> tuple[list[SplitPart], SplitPart | None]:
    groups = [np.flatnonzero(labels_ == label_) for label_ in range(labels_.max(initial=-1) + 1)]
    groups.sort(key=lambda members: (-int(tracks.face_counts[members].sum()), int(tracks.ids[members].min())))
    shown, beyond = groups[:MOST_PARTS], groups[MOST_PARTS:]
    rest = np.concatenate([np.flatnonzero(labels_ < 0), *beyond]).astype(np.int64)
    parts = [_part(session, tracks, members, samples) for members in shown]
    return parts, _part(session, tracks, rest, samples) if len(rest) else None


def _part(session: Session, tracks: PersonTracks, members: IntArray, samples: int) -> SplitPart:
    heaviest = members[np.argsort(-tracks.face_counts[members], kind="stable")]
    best = members[np.argsort(-tracks.qualities[members], kind="stable")][:samples]
    return SplitPart(
        tracks=tracks.ids[heaviest].tolist(),
        face_count=int(tracks.face_counts[members].sum()),
        video_count=len(np.unique(tracks.video_ids[members])),
        confirmed=int(tracks.confirmed[members].sum()),
        samples=face_views.faces_by_id(session, tracks.best_faces[best].tolist()),
    )
