"""Recording what the models get, and giving it to them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.domain import Image
from app.vision import FaceEngine, get_pack
from benchmarks.replay import Recording, recorded, replay_models, replay_networks


class _Counting:
    """Stands for a network."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def run(self, inputs: dict[str, int]) -> None:
        self.seen.append(inputs["n"])


def test_runs_of_one_network_in_a_row_are_one_phase() -> None:
    first, second = _Counting(), _Counting()
    recording = Recording()
    for net, number in ((first, 1), (first, 2), (second, 3), (first, 4)):
        recording.add_run(net, {"n": number})
    assert [[item["n"] for item in phase.inputs] for phase in recording.phases] == [[1, 2], [3], [4]]
    replay_networks(recording.phases)
    assert (sorted(first.seen), second.seen) == ([1, 2, 4], [3])


def test_a_real_engine_is_recorded_and_replayed(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine(get_pack("bundled"), models_cache)
    with recorded() as recording:
        faces = engine.analyse([astronaut])[0]
    assert len(faces) >= 1
    assert (len(recording.detect), len(recording.embed)) == (1, 1)
    again = recording.detect[0]()[0]
    assert sorted(detection.confidence for detection in again) == sorted(face.detection.confidence for face in faces)
    assert np.allclose(recording.embed[0](), [face.embedding for face in faces], atol=1e-5)
    runs = len([inputs for phase in recording.phases for inputs in phase.inputs])
    assert replay_models(recording.detect).cpu > 0
    assert replay_networks(recording.phases).cpu > 0
    assert runs == len([inputs for phase in recording.phases for inputs in phase.inputs])
