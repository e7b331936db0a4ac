"""Recording what the models get, and giving it to them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.domain import Image
from app.vision import FaceEngine, get_pack
from app.vision.runtime import RuntimeOptions
from benchmarks.replay import recorded, replay_models, replay_networks


def test_a_real_engine_is_recorded_and_replayed(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine(get_pack("bundled"), models_cache)
    engine.warm_up()
    with recorded() as recording:
        faces = engine.analyse([astronaut])[0]
    assert len(faces) >= 1
    assert (len(recording.detect), len(recording.embed)) == (1, 1)
    again = recording.detect[0][0]()[0]
    assert sorted(detection.confidence for detection in again) == sorted(face.detection.confidence for face in faces)
    assert np.allclose(recording.embed[0][0](), [face.embedding for face in faces], atol=1e-5)
    runs = len(recording.tape.calls)
    assert runs >= 4  # three networks of the detector, one of the embedder
    assert replay_models(recording.detect).cpu > 0
    assert replay_networks(recording.tape).cpu > 0
    assert len(recording.tape.calls) == runs


def test_what_was_done_side_by_side_is_replayed_so(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine(get_pack("bundled"), models_cache, runtime=RuntimeOptions(threads=2))
    engine.warm_up()
    with recorded() as recording:
        engine.analyse([astronaut] * 2)
        engine.analyse([astronaut] * 3)
    # of three pictures the last one is left for both cores together
    assert [len(group) for group in recording.detect] == [2, 2, 1]
    assert [len(group) for group in recording.embed] == [1, 1]
    assert replay_models(recording.detect).wall > 0
