"""From stored faces to tracks: what is stored about their frames, and the settings, reach the tracker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.models import Job, Track
from app.services.process_video import link_tracks
from app.storage import vectors
from app.vision import BUNDLED
from tests.library import Library, make_context

ONE_ROOM, OTHER_ROOM = b"\x20" * 144, b"\xa0" * 144
# between the strict limit by appearance and the wide one of a face at the same place
ALIKE = BUNDLED.same_person_distance * 1.0


class Owner:
    """A job that nobody stops or takes away."""

    def __init__(self, job_id: str) -> None:
        self.job_id, self.params = job_id, {}

    def check(self) -> None:
        """Goes on."""

    def fence(self, session: object) -> None:
        """Is ours."""


def _tracks(folder: Path, scenes: tuple[bytes | None, bytes | None], **settings: object) -> int:
    context = make_context(folder, **settings)
    library = Library(context)
    video = library.video()
    owner = Owner(library.job(video))
    axis = np.eye(BUNDLED.dimension, dtype=np.float32)
    looks = axis[0], (1 - ALIKE) * axis[0] + np.sqrt(1 - (1 - ALIKE) ** 2) * axis[1]
    with context.database.write() as session:
        for sample, (look, scene) in enumerate(zip(looks, scenes, strict=True)):
            face = library._face(None, video, None, sample * 0.1, 0.8, True)
            face.sample, face.ordinal, face.scene = sample, 0, scene
            face.x1, face.y1, face.x2, face.y2 = 100.0, 20.0, 180.0, 120.0
            face.embedding = vectors.encode(look)
            session.add(face)
        session.get_one(Job, owner.job_id).params = {}
    link_tracks(context, owner, video)
    with context.database.session() as session:
        found = len(session.scalars(select(Track).where(Track.video_id == video)).all())
    context.database.dispose()
    return found


SCENES = {
    "one shot": ((ONE_ROOM, ONE_ROOM), 1),
    "a cut": ((ONE_ROOM, OTHER_ROOM), 2),
    "seen before frames were remembered": ((None, None), 1),
}


@pytest.mark.parametrize(("scenes", "tracks"), SCENES.values(), ids=SCENES.keys())
def test_tracks_are_cut_where_the_picture_changes(
    tmp_path: Path, scenes: tuple[bytes | None, bytes | None], tracks: int
) -> None:
    assert _tracks(tmp_path, scenes) == tracks


def test_a_file_of_settings_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("max_cosine_distance: 2.0\n")
    assert _tracks(tmp_path, (ONE_ROOM, OTHER_ROOM), deep_sort_config=str(tmp_path / "mine.yaml")) == 1
