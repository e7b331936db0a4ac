"""Linking faces into tracks, with made-up people whose distances are those of the bundled pack on real clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain import BoundingBox, FloatArray, Quality, QualityReason
from app.vision.track import Observation, Tracker, TrackResult, TrackSettings

SAME = 0.088  # distance at which two faces are as likely one person as two
SETTINGS = TrackSettings.for_distance(SAME)
GOOD = Quality(0.8)
BLURRED = Quality(0.2, (QualityReason.BLURRED,))
UNLIKE = Quality(0.6, (QualityReason.UNLIKE_FACE,))
DIMENSION = 128


def unit(vector: np.ndarray) -> FloatArray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class Person:
    """Somebody whose faces differ by about ``spread`` and who differs from others by about ``apart``."""

    def __init__(self, number: int, *, apart: float = 0.15, spread: float = 0.03) -> None:
        own = np.random.default_rng(number).normal(size=DIMENSION)
        self._centre = np.eye(DIMENSION)[0] + np.sqrt(apart) * own / np.linalg.norm(own)
        self._random = np.random.default_rng(1000 + number)
        self._spread = spread

    def face(self, spread: float | None = None) -> FloatArray:
        noise = self._random.normal(size=DIMENSION)
        wanted = self._spread if spread is None else spread
        return unit(unit(self._centre) + np.sqrt(wanted) * noise / np.linalg.norm(noise))


def box(x: float, y: float = 50.0, size: float = 40.0) -> BoundingBox:
    return BoundingBox(x, y, x + size, y + size)


def seen(
    sample: int, interval: float, x: float, face: FloatArray, quality: Quality = GOOD, key: int = 0
) -> Observation:
    return Observation(sample * interval, sample, box(x), face, quality, key)


def follow(*samples: list[Observation], settings: TrackSettings = SETTINGS) -> list[TrackResult]:
    tracker = Tracker(settings)
    done = [track for faces in samples for track in tracker.add(faces)]
    return sorted(done + tracker.finish(), key=lambda track: track.keys)


def keys(tracks: list[TrackResult]) -> list[tuple[int, ...]]:
    return [track.keys for track in tracks]


@pytest.mark.parametrize("interval", [0.04, 0.2, 1.0, 5.0, 30.0])
def test_two_people_side_by_side_are_two_tracks_at_any_rate(interval: float) -> None:
    a, b = Person(1), Person(2)
    found = follow(
        *([seen(i, interval, 100, a.face(), key=i), seen(i, interval, 300, b.face(), key=100 + i)] for i in range(8))
    )
    assert keys(found) == [tuple(range(8)), tuple(range(100, 108))]


@pytest.mark.parametrize("interval", [0.04, 0.2])
def test_people_who_cross_keep_their_tracks(interval: float) -> None:
    a, b = Person(1), Person(2)
    found = follow(
        *(
            [seen(i, interval, 100 + 10 * i, a.face(), key=i), seen(i, interval, 300 - 10 * i, b.face(), key=100 + i)]
            for i in range(21)
        )
    )
    assert keys(found) == [tuple(range(21)), tuple(range(100, 121))]


def test_a_cut_to_another_person_at_the_same_place_starts_a_track() -> None:
    a, b = Person(1), Person(2)
    found = follow(*([seen(i, 0.04, 100, (a if i < 5 else b).face(), key=i)] for i in range(10)))
    assert keys(found) == [tuple(range(5)), tuple(range(5, 10))]


def test_a_steady_mean_does_not_draw_in_a_look_alike() -> None:
    """The mean of many faces is nearer to a stranger than any face behind it; that must not count as likeness."""
    a = Person(1, spread=0.058)
    faces = [a.face() for _ in range(8)]
    mean = unit(np.mean(faces, axis=0))
    aside = Person(2).face()
    aside = unit(aside - (aside @ mean) * mean)
    stranger = unit(0.935 * mean + np.sqrt(1 - 0.935**2) * aside)
    assert 1 - mean @ stranger < SETTINGS.appearance_limit < min(1 - face @ stranger for face in faces)
    found = follow(
        *([seen(i, 1.0, 100, face, key=i)] for i, face in enumerate(faces)), [seen(8, 1.0, 400, stranger, key=8)]
    )
    assert keys(found) == [tuple(range(8)), (8,)]


def test_a_person_who_jumps_across_the_picture_is_known_by_appearance() -> None:
    a = Person(1)
    found = follow(*([seen(i, 1.0, 100 + 300 * (i % 2), a.face(), key=i)] for i in range(6)))
    assert keys(found) == [tuple(range(6))]


def test_place_lets_a_face_in_that_appearance_alone_would_not() -> None:
    # 0.09 from each other: between the strict and the wide limit
    first, second = unit(np.eye(2)[0]), unit(np.array([0.91, np.sqrt(1 - 0.91**2)]))
    assert keys(follow([seen(0, 0.04, 100, first, key=0)], [seen(1, 0.04, 101, second, key=1)])) == [(0, 1)]
    assert keys(follow([seen(0, 0.04, 100, first, key=0)], [seen(1, 0.04, 300, second, key=1)])) == [(0,), (1,)]
    assert keys(follow([seen(0, 5.0, 100, first, key=0)], [seen(1, 5.0, 101, second, key=1)])) == [(0,), (1,)]


def test_two_faces_of_one_sample_are_never_one_track_even_if_equal() -> None:
    face = Person(1).face()
    found = follow(*([seen(i, 0.5, 100, face, key=i), seen(i, 0.5, 104, face, key=10 + i)] for i in range(3)))
    assert sorted(len(track.keys) for track in found) == [3, 3]
    assert all(len({key % 10 for key in track.keys}) == 3 for track in found)


RETURNS = {
    "within the waiting time": (0.1, 25, 1),
    "after it": (0.1, 45, 2),
    "two samples missed, however long": (30.0, 3, 1),
    "three samples missed": (30.0, 4, 2),
}


@pytest.mark.parametrize(("interval", "sample", "tracks"), RETURNS.values(), ids=RETURNS.keys())
def test_a_track_waits_for_its_face(interval: float, sample: int, tracks: int) -> None:
    a = Person(1)
    assert len(follow([seen(0, interval, 100, a.face())], [seen(sample, interval, 100, a.face(), key=1)])) == tracks


def test_finished_tracks_are_handed_out_while_the_video_runs() -> None:
    a, b = Person(1), Person(2)
    tracker = Tracker(SETTINGS)
    assert tracker.add([seen(0, 1.0, 100, a.face(), key=7)]) == []
    assert keys(tracker.add([seen(9, 1.0, 100, b.face(), key=8)])) == [(7,)]
    assert keys(tracker.finish()) == [(8,)]
    assert tracker.finish() == []
    assert keys(tracker.add([seen(0, 1.0, 100, a.face(), key=9)]) + tracker.finish()) == [(9,)]


def test_poor_faces_join_by_place_and_do_not_move_the_mean() -> None:
    a = Person(1)
    good = [a.face() for _ in range(3)]
    samples = [[seen(i, 0.04, 100, face, key=i)] for i, face in enumerate(good)]
    clean = follow(*samples)[0]
    blurred = follow(*samples, [seen(3, 0.04, 101, a.face(spread=0.12), BLURRED, key=3)])
    assert keys(blurred) == [(0, 1, 2, 3)]
    np.testing.assert_array_equal(blurred[0].embedding, clean.embedding)
    assert blurred[0].best_key == clean.best_key


def test_a_poor_face_elsewhere_does_not_join() -> None:
    a = Person(1)
    found = follow([seen(0, 1.0, 100, a.face(), key=0)], [seen(1, 1.0, 300, a.face(spread=0.06), BLURRED, key=1)])
    assert keys(found) == [(0,), (1,)]


def test_the_mean_is_weighted_by_quality_and_of_unit_length() -> None:
    first, second = unit(np.array([1.0, 0.2])), unit(np.array([1.0, -0.2]))
    found = follow([seen(0, 0.04, 100, first, Quality(0.9), 0)], [seen(1, 0.04, 100, second, Quality(0.3), 1)])[0]
    np.testing.assert_allclose(found.embedding, unit(0.9 * first + 0.3 * second), atol=1e-6)
    assert found.embedding.dtype == np.float32
    assert (found.best_key, found.quality) == (0, 0.9)


def test_a_track_of_poor_faces_has_the_mean_of_all_and_does_not_count() -> None:
    face = Person(1).face()
    found = follow(*([seen(i, 0.04, 100, face, BLURRED, key=i)] for i in range(5)))[0]
    np.testing.assert_allclose(found.embedding, face, atol=1e-6)
    assert found.face_count == 5
    assert not found.usable


def test_the_best_face_is_a_usable_one_where_there_is_one() -> None:
    face = Person(1).face()
    sharp_but_turned = Quality(0.95, (QualityReason.PROFILE,))
    found = follow([seen(0, 0.04, 100, face, sharp_but_turned, 0)], [seen(1, 0.04, 100, face, Quality(0.4), 1)])[0]
    assert (found.best_key, found.quality) == (1, 0.4)
    assert (found.start, found.end) == (0.0, 0.04)


EVIDENCE = {
    "one good still": ([GOOD], True),
    "one face, neither good nor bad": ([Quality(0.2)], False),
    "two faces, neither good nor bad": ([Quality(0.2), Quality(0.2)], True),
    "poor faces only": ([BLURRED] * 6, False),
    "one good among poor": ([BLURRED, GOOD, BLURRED], True),
    "print that once passed for a face": ([UNLIKE, GOOD, UNLIKE, UNLIKE], False),
    "face that once looked like none": ([GOOD, UNLIKE, GOOD, GOOD], True),
}


@pytest.mark.parametrize(("qualities", "usable"), EVIDENCE.values(), ids=EVIDENCE.keys())
def test_rule_of_evidence(qualities: list[Quality], usable: bool) -> None:
    face = Person(1).face()
    found = follow(*([seen(i, 0.04, 100, face, quality, key=i)] for i, quality in enumerate(qualities)))
    assert [track.usable for track in found] == [usable]


def test_samples_must_grow_and_faces_be_of_one_sample() -> None:
    face = Person(1).face()
    tracker = Tracker(SETTINGS)
    assert tracker.add([]) == []
    tracker.add([seen(3, 1.0, 100, face)])
    with pytest.raises(ValueError, match="growing"):
        tracker.add([seen(3, 1.0, 100, face)])
    with pytest.raises(ValueError, match="different samples"):
        tracker.add([seen(4, 1.0, 100, face), seen(5, 1.0, 100, face)])


def test_memory_is_bounded_by_live_tracks() -> None:
    """A thousand people pass one by one; the tracker never holds more than those it still waits for."""
    tracker = Tracker(SETTINGS)
    finished, most = 0, 0
    for i in range(1000):
        finished += len(tracker.add([seen(i, 1.0, 100, Person(i, apart=0.4).face(), key=i)]))
        most = max(most, i + 1 - finished)
    assert most <= 5


def test_a_face_that_stays_unchanged_is_there_for_as_long() -> None:
    ada = Person(1)
    still = replace(seen(0, 1.0, 100, ada.face(), key=1), until=9.0)
    (track,) = follow([still], [seen(10, 1.0, 102, ada.face(), key=2)])
    assert (track.keys, track.start, track.end) == ((1, 2), 0.0, 10.0)
    (track,) = follow([still])
    assert (track.start, track.end) == (0.0, 9.0)


def in_shot(face: Observation, shot: int) -> Observation:
    return replace(face, shot=shot)


def test_after_a_cut_the_place_says_nothing() -> None:
    """Somebody rather alike, at the very same place a moment later: in one shot that is the same person turning."""
    first, second = unit(np.eye(2)[0]), unit(np.array([0.91, np.sqrt(1 - 0.91**2)]))
    pair = seen(0, 0.04, 100, first, key=0), seen(1, 0.04, 101, second, key=1)
    assert keys(follow([in_shot(pair[0], 3)], [in_shot(pair[1], 3)])) == [(0, 1)]
    assert keys(follow([in_shot(pair[0], 3)], [in_shot(pair[1], 4)])) == [(0,), (1,)]


def test_somebody_rather_alike_after_a_cut_is_somebody_else() -> None:
    """0.06 apart is enough for one person after a second in one shot, but the next shot shows most often another one."""
    first, second = unit(np.eye(2)[0]), unit(np.array([0.94, np.sqrt(1 - 0.94**2)]))
    pair = seen(0, 1.0, 100, first, key=0), seen(1, 1.0, 101, second, key=1)
    assert keys(follow([in_shot(pair[0], 3)], [in_shot(pair[1], 3)])) == [(0, 1)]
    assert keys(follow([in_shot(pair[0], 3)], [in_shot(pair[1], 4)])) == [(0,), (1,)]


def test_poor_faces_do_not_go_across_a_cut_by_their_place() -> None:
    a = Person(1)
    good, blurred = seen(0, 0.04, 100, a.face(), key=0), seen(1, 0.04, 101, a.face(spread=0.09), BLURRED, key=1)
    assert keys(follow([in_shot(good, 0)], [in_shot(blurred, 0)])) == [(0, 1)]
    assert keys(follow([in_shot(good, 0)], [in_shot(blurred, 1)])) == [(0,), (1,)]


def test_a_person_is_known_again_in_the_next_shot() -> None:
    a, b = Person(1), Person(2)
    shots = [(a, 100), (b, 100), (a, 300), (b, 250)]
    faces = [in_shot(seen(i, 0.5, shots[i // 3][1], shots[i // 3][0].face(), key=i), i // 3) for i in range(12)]
    assert keys(follow(*([face] for face in faces))) == [(0, 1, 2, 6, 7, 8), (3, 4, 5, 9, 10, 11)]


def test_who_sits_still_in_one_shot_is_followed_by_place_over_a_second() -> None:
    a = Person(1)
    good, blurred = seen(0, 1.0, 100, a.face(), key=0), seen(1, 1.0, 101, a.face(spread=0.1), BLURRED, key=1)
    assert keys(follow([good], [blurred])) == [(0,), (1,)]
    assert keys(follow([in_shot(good, 0)], [in_shot(blurred, 0)])) == [(0, 1)]


def test_who_takes_a_seat_must_look_like_who_sat_there() -> None:
    """Somebody rather alike, a second later at the same place in the same shot: a clear face is not helped by its place."""
    first, second = unit(np.eye(2)[0]), unit(np.array([0.92, np.sqrt(1 - 0.92**2)]))
    pair = seen(0, 1.0, 100, first, key=0), seen(1, 1.0, 101, second, key=1)
    assert keys(follow([in_shot(pair[0], 0)], [in_shot(pair[1], 0)])) == [(0,), (1,)]


def test_somebody_alike_who_is_too_far_off_is_somebody_else() -> None:
    """0.06 apart is near enough for a face after a second, and too far for one across the room a moment later."""
    first, second = unit(np.eye(2)[0]), unit(np.array([0.94, np.sqrt(1 - 0.94**2)]))
    assert keys(follow([seen(0, 0.04, 100, first, key=0)], [seen(1, 0.04, 500, second, key=1)])) == [(0,), (1,)]
    assert keys(follow([seen(0, 2.0, 100, first, key=0)], [seen(1, 2.0, 200, second, key=1)])) == [(0, 1)]


def test_two_look_alikes_who_pass_each_other_are_told_apart_by_where_they_go() -> None:
    """Their faces say nothing; each goes on as they went."""
    face = Person(1)
    found = follow(
        *(
            [
                seen(i, 0.04, 100 + 8 * i, face.face(spread=0.004), key=i),
                replace(seen(i, 0.04, 260 - 8 * i, face.face(spread=0.004), key=100 + i), box=box(260 - 8 * i, 62.0)),
            ]
            for i in range(21)
        )
    )
    assert keys(found) == [tuple(range(21)), tuple(range(100, 121))]


def test_n_init_says_how_many_faces_a_track_needs() -> None:
    face, dim = Person(1).face(), Quality(0.2)
    samples = [[seen(i, 0.04, 100, face, dim, key=i)] for i in range(3)]
    for needed, counts in ((1, True), (3, True), (4, False)):
        assert [track.usable for track in follow(*samples, settings=replace(SETTINGS, n_init=needed))] == [counts]


def test_max_age_and_nn_budget_are_settings() -> None:
    face = Person(1).face()
    ends = [[seen(0, 0.1, 100, face, key=0)], [seen(45, 0.1, 100, face, key=1)]]
    assert keys(follow(*ends, settings=replace(SETTINGS, max_age=5.0, nn_budget=1))) == [(0, 1)]
