"""Recording what the models get, and giving it to them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.domain import Image
from app.vision import FaceEngine, get_pack
from benchmarks.replay import recorded, replay_models, replay_networks


def test_a_real_engine_is_recorded_and_replayed(models_cache: Path, astronaut: Image) -> None:
    engine = FaceEngine(get_pack("bundled"), models_cache)
    engine.warm_up()
    with recorded() as recording:
        faces = engine.analyse([astronaut])[0]
    assert len(faces) >= 1
    assert (len(recording.detect), len(recording.embed)) == (1, 1)
    again = recording.detect[0]()[0]
    assert sorted(detection.confidence for detection in again) == sorted(face.detection.confidence for face in faces)
    assert np.allclose(recording.embed[0](), [face.embedding for face in faces], atol=1e-5)
    runs = len(recording.tape.calls)
    assert runs >= 4  # three networks of the detector, one of the embedder
    assert replay_models(recording.detect).cpu > 0
    assert replay_networks(recording.tape).cpu > 0
    assert len(recording.tape.calls) == runs
