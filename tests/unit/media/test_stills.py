"""Sets of pictures: what is in them, their order, and ZIP files that mean harm."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from app.domain import Image
from app.errors import EmptyMediaError, EncryptedMediaError, MediaError, TooLargeError
from app.media import archives
from app.media.archives import check_archive
from app.media.stills import FileStills, Listing, list_stills, open_stills, read_still
from tests.stills import KINDS, archive, lock, quarter, still


def listing(path: Path) -> Listing:
    with open_stills(path, path.name) as source:
        return list_stills(source)


def broken(path: Path) -> dict[str, str | None]:
    return {one.name: one.error for one in listing(path).stills}


def test_every_kind_is_read_out_of_a_zip_file(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"{kind}.{kind}": still(kind, colour="blue") for kind in KINDS})
    with open_stills(path, "a.zip") as source:
        found = list_stills(source)
        assert [one.name for one in found.stills] == sorted(f"{kind}.{kind}" for kind in KINDS)
        for one in found.stills:
            assert (one.width, one.height, one.error) == (48, 32, None)
            image = read_still(source, one)
            assert image.shape == (32, 48, 3)
            assert np.abs(image.astype(int) - (0, 0, 255)).max() < 12


@pytest.mark.parametrize("kind", ["jpg", "heic"])
def test_pictures_are_in_the_order_in_which_they_were_taken(tmp_path: Path, kind: str) -> None:
    day = "2026:11:22 "
    members = {
        "z first.x": still(kind, taken=day + "08:00:00", zone="+00:00"),
        "c.x": still(kind, taken=day + "11:30:00", zone="+02:00"),  # 9:30 in Greenwich
        "b.x": still(kind, taken=day + "10:00:00", zone="+00:00"),
        "a without zone.x": still(kind, taken=day + "10:15:00"),  # as most others: Greenwich
        "IMG_10.x": still(kind),
        "IMG_9.x": still(kind),
        "deeper/IMG_1.x": still(kind),
    }
    found = listing(archive(tmp_path / "a.zip", members)).stills
    assert [one.name.partition(".")[0] for one in found] == [
        "z first", "c", "b", "a without zone", "deeper/IMG_1", "IMG_9", "IMG_10",
    ]  # fmt: skip
    taken = found[1].taken_at
    assert taken is not None
    assert taken.isoformat() == "2026-11-22T11:30:00+02:00"


@pytest.mark.parametrize("kind", ["jpg", "png", "tiff", "webp", "heic"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_pictures_are_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    image: Image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32] = (250, 0, 0)  # at the top left as it is stored
    path = tmp_path / "a"
    path.write_bytes(still(kind, image, orientation=orientation))
    with open_stills(path, "a") as source:
        (one,) = list_stills(source).stills
        shown = read_still(source, one)
    assert (one.width, one.height) == ((64, 32) if orientation == 3 else (32, 64))
    assert shown.shape[:2] == (one.height, one.width)
    red = {(row, column): quarter(shown, row, column)[0] > 150 for row in (0, 1) for column in (0, 1)}
    assert [place for place, is_red in red.items() if is_red] == [{3: (1, 1), 6: (0, 1), 8: (1, 0)}[orientation]]


def test_broken_pictures_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = still("jpg", size=(300, 200))
    members = {
        "good.jpg": good,
        "empty.jpg": b"",
        "text.jpg": b"no picture at all",
        "link.jpg": b"/etc/passwd",
        "inner.zip": archive(tmp_path / "inner.zip", {"a.jpg": good}).read_bytes(),
        "notes.txt": b"hello",
        "film.mp4": b"\0\0\0\x18ftypmp42" + bytes(50),
        "__MACOSX/._good.jpg": b"\0\5\x16\7",
        ".DS_Store": b"x",
        "Thumbs.db": b"x",
    }
    found = listing(archive(tmp_path / "a.zip", members, links=("link.jpg",)))
    errors = {one.name: one.error for one in found.stills}
    assert errors.pop("good.jpg") is None
    assert errors == {
        "empty.jpg": "It is empty.",
        "text.jpg": "It is no picture of a kind that can be read.",
        "link.jpg": "It is a link to another file, not a picture.",
        "inner.zip": "It is a ZIP file inside a ZIP file, which is not opened.",
    }
    assert found.left_out == 2


def test_a_picture_that_is_cut_off_is_found_out_when_it_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    data = still("jpg", noise)
    with open_stills(archive(tmp_path / "a.zip", {"a.jpg": data[: len(data) // 2]}), "a.zip") as source:
        (one,) = list_stills(source).stills
        assert one.error is None
        with pytest.raises(MediaError, match="damaged"):
            read_still(source, one)


def test_names_reach_no_file(tmp_path: Path) -> None:
    names = (
        "../../outside.jpg",
        "/etc/passwd.jpg",
        "C:\\windows\\a.jpg",
        "a/../../b.jpg",
        "nul\0.jpg",
        "x" * 400 + ".jpg",
    )
    folder = tmp_path / "inner"
    folder.mkdir()
    path = archive(folder / "a.zip", dict.fromkeys(names, still()))
    assert all(error is None for error in broken(path).values())
    assert sorted(tmp_path.rglob("*")) == [folder, path]


def _damaged_member(path: Path) -> Path:
    archive(path, {"a.jpg": still(colour="blue", size=(200, 200)), "b.jpg": still()})
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(20)  # in the head of the first picture; its checksum no longer fits
    path.write_bytes(data)
    return path


def _unknown_packing(path: Path) -> Path:
    data = bytearray(archive(path, {"a.jpg": still(), "b.jpg": still()}).read_bytes())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = data.find(mark)
        data[at + offset : at + offset + 2] = struct.pack("<H", 97)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("make", [_damaged_member, _unknown_packing])
def test_a_member_that_cannot_be_unpacked_spoils_only_itself(tmp_path: Path, make) -> None:
    found = listing(make(tmp_path / "a.zip")).stills
    assert [bool(one.error) for one in found] == [True, False]


def _bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(5):
            file.writestr(f"{number}.bmp", bytes(60_000_000))
    return path


def _says_more_than_it_is(path: Path) -> Path:
    archive(path, {"a.jpg": still()}, compress=True)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 4_000_000_000)
    path.write_bytes(data)
    return path


REFUSED = {
    "bomb": (_bomb, TooLargeError, "unpacks"),
    "claims gigabytes": (_says_more_than_it_is, TooLargeError, "unpacks"),
    "nothing in it": (lambda path: archive(path, {}), EmptyMediaError, "no picture"),
    "no picture in it": (
        lambda path: archive(path, {"a.txt": b"x", "b.mp4": b"\0" * 99}),
        EmptyMediaError,
        "one by one",
    ),
    "only a ZIP file": (
        lambda path: archive(path, {"a.zip": archive(path, {"a.jpg": still()}).read_bytes()}),
        EmptyMediaError,
        "no picture",
    ),
    "locked": (lambda path: lock(archive(path, {"a.jpg": still()})), EncryptedMediaError, "password"),
    "cut off": (
        lambda path: path.write_bytes(archive(path, {"a.jpg": still()}).read_bytes()[:200]) and path,
        MediaError,
        "damaged",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    make, error, words = REFUSED[name]
    path = make(tmp_path / "a.zip")
    with pytest.raises(error, match=words) as caught:
        check_archive(path)
    assert type(caught.value) is error


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    data = still()
    check_archive(archive(tmp_path / "a.zip", {f"{number}.jpg": data for number in range(10)}))
    with pytest.raises(TooLargeError, match="files"):
        check_archive(archive(tmp_path / "a.zip", {f"{number}.jpg": data for number in range(11)}))


def test_members_that_overlap_are_not_read(tmp_path: Path) -> None:
    """The trick of the densest bombs: all entries of the list point to one and the same member."""
    path = archive(tmp_path / "a.zip", {"a.jpg": still(), "b.jpg": still()})
    data = bytearray(path.read_bytes())
    second = data.find(b"PK\1\2", data.find(b"PK\1\2") + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(data)
    assert [bool(one.error) for one in listing(path).stills].count(True) >= 1


def test_noise_never_breaks_out(tmp_path: Path) -> None:
    good = archive(tmp_path / "a.zip", {f"{n}.jpg": still(size=(40, 40)) for n in range(4)}, compress=True).read_bytes()
    chance = random.Random(5)
    path = tmp_path / "b.zip"
    for _ in range(200):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            with open_stills(path, "b.zip") as source:
                for one in list_stills(source).stills:
                    if one.error is None:
                        read_still(source, one, 1_000_000)
        except (MediaError, TooLargeError):
            continue


def test_loose_files_and_what_became_of_them(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(still())
    (tmp_path / "a.png").write_bytes(still("png"))
    source = FileStills([(name, tmp_path / name) for name in ("b.jpg", "a.png", "gone.jpg")])
    found = list_stills(source)
    assert [(one.name, one.place, bool(one.error)) for one in found.stills] == [
        ("a.png", 1, False), ("b.jpg", 0, False), ("gone.jpg", 2, True),
    ]  # fmt: skip
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(MediaError, match="no longer"):
        read_still(source, found.stills[1])


def test_too_many_pixels(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.png": still("png", size=(400, 300)), "b.png": still("png")})
    with open_stills(path, "a.zip") as source:
        found = list_stills(source, max_pixels=100_000)
    assert [(one.name, bool(one.error)) for one in found.stills] == [("a.png", True), ("b.png", False)]
    assert "400 x 300" in (found.stills[0].error or "")


def test_an_open_file_is_all_that_a_head_needs() -> None:
    from app.pixels import read_facts

    facts = read_facts(io.BytesIO(still(taken="2020:02:30 10:00:00")))
    assert (facts.width, facts.height, facts.taken_at) == (48, 32, None)  # a day that there is not
