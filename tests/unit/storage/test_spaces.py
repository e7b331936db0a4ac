from __future__ import annotations

import threading

import pytest

from app.errors import PackMismatchError
from app.storage import spaces
from app.storage.database import Database


def test_the_first_face_pins_the_pack(database: Database) -> None:
    with database.write() as session:
        assert spaces.pinned(session) is None
        made = spaces.get_or_create(session, "dlib-resnet-v1", "bundled", 128)
    with database.write() as session:
        again = spaces.get_or_create(session, "dlib-resnet-v1", "bundled", 128)
        pinned = spaces.pinned(session)
    assert pinned is not None and made.id == again.id == pinned.id


@pytest.mark.parametrize(
    ("name", "pack", "dimension", "words"),
    [
        ("arcface", "retinaface-arcface", 512, ("migrate-pack retinaface-arcface", "FACE_PACK=bundled")),
        ("dlib-resnet-v1", "bundled", 129, ("migrate-pack bundled",)),
        ("dlib-resnet-v1/plain", "bundled", 128, ("migrate-pack bundled", "FACE_FLIP", "DEEPFACE_COMPATIBLE")),
    ],
    ids=["another pack", "another length", "another form"],
)
def test_another_space_is_refused_with_the_way_out(
    database: Database, name: str, pack: str, dimension: int, words: tuple[str, ...]
) -> None:
    with database.write() as session:
        spaces.get_or_create(session, "dlib-resnet-v1", "bundled", 128)
    with pytest.raises(PackMismatchError) as caught, database.write() as session:
        spaces.get_or_create(session, name, pack, dimension)
    for word in words:
        assert word in caught.value.message


def test_another_detector_before_the_same_embedder_is_not_another_space(database: Database) -> None:
    with database.write() as session:
        made = spaces.get_or_create(session, "dlib-resnet-v1", "bundled", 128)
    with database.write() as session:
        again = spaces.get_or_create(session, "dlib-resnet-v1", "bundled-exact", 128)
    assert (again.id, again.pack) == (made.id, "bundled")


def test_of_two_first_faces_at_once_one_pins_and_the_other_is_refused(database: Database) -> None:
    barrier = threading.Barrier(6)
    outcomes: list[str] = []

    def pin(pack: str) -> None:
        barrier.wait()
        try:
            with database.write() as session:
                spaces.get_or_create(session, f"space of {pack}", pack, 128)
            outcomes.append(pack)
        except PackMismatchError:
            outcomes.append("refused")

    threads = [threading.Thread(target=pin, args=(pack,)) for pack in ("one", "two") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["one"] * 3 + ["refused"] * 3, ["refused"] * 3 + ["two"] * 3)
