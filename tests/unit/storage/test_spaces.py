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
    ("name", "pack", "dimension"),
    [("arcface", "retinaface-arcface", 512), ("dlib-resnet-v1", "bundled", 129), ("dlib-resnet-v2", "bundled", 128)],
    ids=["another pack", "another length", "another space"],
)
def test_another_pack_is_refused_with_the_way_out(database: Database, name: str, pack: str, dimension: int) -> None:
    with database.write() as session:
        spaces.get_or_create(session, "dlib-resnet-v1", "bundled", 128)
    with pytest.raises(PackMismatchError) as caught, database.write() as session:
        spaces.get_or_create(session, name, pack, dimension)
    for word in ("bundled", pack, "FACE_PACK=bundled", "FAAAAACES_DATA"):
        assert word in caught.value.message


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
