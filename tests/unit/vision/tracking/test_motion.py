"""The Kalman filter in seconds: what it expects, and how surely."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain import BoundingBox
from app.vision.tracking.motion import GATE, Motion


def box(x: float, y: float = 100.0, size: float = 40.0) -> BoundingBox:
    return BoundingBox(x - size * 0.4, y - size / 2, x + size * 0.4, y + size / 2)


def walk(times: list[float], speed: float) -> Motion:
    motion = Motion.at(box(100 + speed * times[0]), times[0])
    for time in times[1:]:
        motion = motion.with_box(box(100 + speed * time), time)
    return motion


def centre(motion: Motion) -> float:
    there = motion.box(box(0))
    return (there.x1 + there.x2) / 2


@pytest.mark.parametrize("speed", [-60.0, 0.0, 60.0])
def test_who_walks_is_expected_farther_on(speed: float) -> None:
    motion = walk([i * 0.04 for i in range(50)], speed)
    assert centre(motion.after(1.96 + 0.2)) == pytest.approx(100 + speed * (1.96 + 0.2), abs=4.0)


def test_uneven_times_tell_the_same_speed() -> None:
    uneven = walk([0.0, 0.1, 0.15, 0.5, 0.55, 0.9, 1.0], 50.0)
    assert centre(uneven.after(1.1)) == pytest.approx(155, abs=2.0)


def test_a_speed_is_forgotten() -> None:
    motion = walk([i * 0.1 for i in range(20)], 60.0)
    there = centre(motion.after(1.9))
    assert centre(motion.after(60.0)) - there == pytest.approx(60.0, rel=0.2)  # a second's worth, and no more


def test_a_step_may_be_cut_in_parts() -> None:
    """Two predictions in a row are the one of both times together: no rate of sampling is special."""
    motion = walk([0.0, 0.2, 0.4], 30.0)
    target = box(130)
    once, twice = motion.after(1.4), motion.after(0.7).after(1.1).after(1.4)
    assert once.distance(target) == pytest.approx(twice.distance(target))
    assert centre(once) == pytest.approx(centre(twice))


def test_the_gate_widens_with_time() -> None:
    motion = walk([i * 0.04 for i in range(10)], 0.0)
    assert motion.after(0.4).distance(box(180)) > GATE
    assert motion.after(3.0).distance(box(180)) < GATE
    far = [motion.after(0.36 + seconds).distance(box(180)) for seconds in (0.04, 0.2, 1.0, 5.0)]
    assert far == sorted(far, reverse=True)


def test_distances_hang_on_the_size_of_the_face() -> None:
    """A step is long for a small face and short for a large one."""
    small, large = Motion.at(box(100), 0.0), Motion.at(box(100, size=400.0), 0.0)
    assert small.after(0.2).distance(box(200)) > GATE > large.after(0.2).distance(box(200, size=400.0))


def test_a_sudden_change_of_size_is_no_motion() -> None:
    motion = walk([i * 0.04 for i in range(10)], 0.0)
    assert motion.after(0.4).distance(box(100, size=90.0)) > GATE


def test_true_boxes_pass_the_gate_as_often_as_it_says() -> None:
    """Faces that move as the filter thinks they do: 99 of 100 are within."""
    noise = np.random.default_rng(4)
    inside = total = 0
    for _ in range(60):
        speed, x, motion = 0.0, 100.0, None
        for step in range(40):
            keep = np.exp(-0.2)
            speed = keep * speed + np.sqrt(1 - keep**2) * noise.normal() * 1.5 * 40
            x += 0.2 * speed
            seen = box(x + noise.normal() * 0.02 * 40)
            if motion is None:
                motion = Motion.at(seen, 0.0)
                continue
            if step > 5:
                inside += motion.after(0.2 * step).distance(seen) <= GATE
                total += 1
            motion = motion.with_box(seen, 0.2 * step)
    assert inside / total > 0.985


def test_a_box_is_as_wide_as_the_last_one() -> None:
    there = Motion.at(box(100), 0.0).box(BoundingBox(0, 0, 30, 40))
    assert (there.width, there.height) == (pytest.approx(30), pytest.approx(40))
