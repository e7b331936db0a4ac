"""Means that are mended are those that would be made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.clustering.means import plain_means
from app.models import Track
from app.services.context import Context
from app.services.people import Chosen, delete_person, merge_people, move_faces
from app.services.person_means import PersonMeans, person_means
from app.storage import tracks as track_rows
from app.storage import vectors
from tests.alike import Crowd, stranger
from tests.library import Library, make_context


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return make_context(tmp_path)


def expected(context: Context, means: PersonMeans) -> dict[int, np.ndarray]:
    """Person by person: the mean of all faces, those of poor tracks only where there are no others."""
    with context.database.session() as session:
        rows = session.query(Track).where(Track.person_id.is_not(None)).all()
        found = {}
        for person in {row.person_id for row in rows}:
            mine = [row for row in rows if row.person_id == person]
            mine = [row for row in mine if row.usable] or mine
            counts = np.array([row.face_count for row in mine])
            faces = np.stack([vectors.decode(row.embedding) for row in mine])
            plain = plain_means(faces, counts, noise=means.pack.track_noise)
            found[person] = np.average(plain, axis=0, weights=counts)
        return found


def check(context: Context) -> PersonMeans:
    means = person_means(context)
    assert means is not None
    truth = expected(context, means)
    assert means.ids.tolist() == sorted(truth)
    for person, vector in zip(means.ids.tolist(), means.vectors, strict=True):
        assert vector == pytest.approx(truth[person], abs=1e-6)
    return means


def test_means_follow_every_change(context: Context) -> None:
    crowd = Crowd(Library(context))
    videos = [crowd.library.video() for _ in range(2)]
    people = [crowd.library.person() for _ in range(6)]
    tracks = [
        crowd.track(stranger(seed), people[seed % 6], videos[seed % 2], *range(100 * seed, 100 * seed + 1 + seed % 3))
        for seed in range(18)
    ]
    with context.database.write() as session:
        for poor in (tracks[0], tracks[1], tracks[7], tracks[13]):
            session.get_one(Track, poor).usable = False
    first = check(context)
    assert check(context) is first, "nothing changed, nothing is read"
    merge_people(context, people[0], [people[3]])
    check(context)
    move_faces(context, Chosen(tracks=[tracks[1], tracks[2]]), people[4])
    check(context)
    delete_person(context, people[5])
    check(context)
    with context.database.write() as session:
        track_rows.assign_people(session, [tracks[5]], [people[1]])  # a new track joins: no event
    check(context)
    crowd.track(stranger(99), people[2], videos[0])
    check(context)


def test_an_empty_library(context: Context) -> None:
    assert person_means(context) is None
    Library(context)
    assert check(context).row(1) is None
