from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.errors import ConfigError, DiskFullError, InvalidInputError, NotFoundError
from app.storage.blobs import BlobPlaces, FolderStore, folders, open_store


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return open_folders(tmp_path, tmp_path / "temp")


def open_folders(root: Path, temp: Path) -> FolderStore:
    store = open_store(BlobPlaces(root / "uploads", root / "faces", root / "exports", temp))
    assert isinstance(store, FolderStore)
    return store


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("videos/12/original.mp4", "uploads/12/original.mp4"),
        ("videos/12/Ferien am Meer.mp4", "uploads/12/Ferien am Meer.mp4"),
        ("faces/12/00000003_0.jpg", "faces/12/00000003_0.jpg"),
        ("thumbnails/12.jpg", "faces/thumbnails/12.jpg"),
        ("exports/12.csv", "exports/12.csv"),
    ],
)
def test_the_first_part_of_a_key_picks_the_folder(store: FolderStore, tmp_path: Path, key: str, place: str) -> None:
    store.write(key, b"bytes")
    assert (tmp_path / place).read_bytes() == b"bytes"
    assert store.path(key) == tmp_path / place
    assert files(tmp_path) == {place}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "videos",
        "videos/",
        "videos//a",
        "/videos/a",
        "//videos/a",
        "videos/../faces/a",
        "videos/..",
        "videos/.",
        "videos/./a",
        "videos/a/../../../etc/passwd",
        "videos/a\x00.mp4",
        "videos\\..\\a",
        "videos/..\\..\\a",
        "videos/C:\\a",
        "videos/C:",
        "videos/a.",
        "videos/a ",
        "videos/ a",
        "videos/.hidden",
        "videos/.incoming/t-1",
        "videos/con",
        "videos/NUL.mp4",
        "videos/COM¹",
        "videos/aux.tar.gz",
        "videos/a\n",
        "videos/a\u202eb",
        "videos/a\u200b",
        "videos/e\u0301",
        "videos/\ud800",
        "videos/" + "a" * 256,
        "videos/" + "a/" * 200 + "a",
        "other/a",
        "VIDEOS/a",
        "\uff56ideos/a",
        "faces/thumbnails/1.jpg",
        "faces/Thumbnails/1.jpg",
        "file:///etc/passwd",
        "~/a",
    ],
)
def test_a_key_that_is_not_plain_is_refused_everywhere(store: FolderStore, tmp_path: Path, key: str) -> None:
    before = files(tmp_path)
    source = store.new_temp()
    for action in (
        lambda: store.path(key),
        lambda: store.write(key, b""),
        lambda: store.open(key),
        lambda: store.exists(key),
        lambda: store.adopt(source, key),
        lambda: store.copy(source, key),
        lambda: store.delete(key),
        lambda: store.delete_tree(key),
    ):
        with pytest.raises(InvalidInputError):
            action()
    source.unlink()
    assert files(tmp_path) == before


ODD = st.sampled_from(
    ["..", ".", "/", "\\", "\x00", "videos", "faces", "%2e", "\uff0e\uff0e", "~", "C:", " ", "a", "é", "\u202e"]
)


@given(st.one_of(st.text(max_size=50), st.lists(ODD, max_size=12).map("".join), st.lists(ODD).map("/".join)))
@example("videos/" + "../" * 5)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_key_leads_out_of_the_three_folders(store: FolderStore, tmp_path: Path, key: str) -> None:
    for candidate in (key, f"videos/{key}", f"faces/1/{key}", f"thumbnails/{key}"):
        try:
            path = store.path(candidate)
        except InvalidInputError:
            continue
        roots = [(tmp_path / "uploads").resolve(), (tmp_path / "faces").resolve()]
        assert any(root in path.resolve().parents for root in roots)
        assert ".." not in path.parts and os.path.normpath(path) == str(path)


def test_a_link_that_leads_out_is_not_followed(store: FolderStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.pem").write_bytes(b"secret")
    (tmp_path / "uploads" / "7").symlink_to(secret)
    (tmp_path / "faces" / "face.jpg").symlink_to(secret / "key.pem")
    for key in ("videos/7/key.pem", "videos/7", "faces/face.jpg"):
        with pytest.raises(InvalidInputError):
            store.open(key)
        with pytest.raises(InvalidInputError):
            store.delete_tree(key)
    assert (secret / "key.pem").read_bytes() == b"secret"


def test_the_folders_themselves_may_be_links(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "uploads").symlink_to(tmp_path / "disk")
    store = open_folders(tmp_path, tmp_path / "temp")
    store.write("videos/1/a.mp4", b"1")
    assert (tmp_path / "disk" / "1" / "a.mp4").exists()


def test_writing_replaces_and_leaves_nothing_else(store: FolderStore, tmp_path: Path) -> None:
    store.write("faces/1/a.jpg", b"old")
    store.write("faces/1/a.jpg", b"new", durable=False)
    assert store.read("faces/1/a.jpg") == b"new"
    assert store.size("faces/1/a.jpg") == 3
    assert files(tmp_path) == {"faces/1/a.jpg"}


def test_a_write_that_fails_leaves_the_old_bytes(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("faces/1/a.jpg", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="disk is full"):
        store.write("faces/1/a.jpg", b"new")
    assert store.read("faces/1/a.jpg") == b"old"
    assert files(tmp_path) == {"faces/1/a.jpg"}


def test_readers_never_see_a_part(store: FolderStore) -> None:
    contents = [bytes([value]) * 200_000 for value in range(4)]
    store.write("faces/1/a.jpg", contents[0])
    stop = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(store.read("faces/1/a.jpg"))

    reader = threading.Thread(target=read)
    reader.start()
    for round_number in range(100):
        store.write("faces/1/a.jpg", contents[round_number % 4], durable=False)
    stop.set()
    reader.join()
    assert seen and set(seen) <= set(contents)


def test_adopting_moves_the_file(store: FolderStore, tmp_path: Path) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    inode = source.stat().st_ino
    store.adopt(source, "videos/3/original.mp4")
    assert store.path("videos/3/original.mp4").stat().st_ino == inode
    assert files(tmp_path) == {"uploads/3/original.mp4"}


def test_adopting_across_file_systems_copies_whole_and_removes_the_source(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video" * 1_000_000)
    replace = os.replace

    def other_device(old: Path, new: Path) -> None:
        if Path(old) == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(old, new)

    monkeypatch.setattr(folders.os, "replace", other_device)
    store.adopt(source, "videos/3/original.mp4")
    assert store.read("videos/3/original.mp4") == b"video" * 1_000_000
    assert files(tmp_path) == {"uploads/3/original.mp4"}


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second file system here: /dev/shm is missing")
def test_adopting_from_a_real_second_file_system(tmp_path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        store = open_folders(tmp_path, Path(other))
        source = store.new_temp(".mp4")
        source.write_bytes(b"video")
        store.adopt(source, "videos/3/original.mp4")
        assert store.read("videos/3/original.mp4") == b"video"
        assert not source.exists()


def test_copying_leaves_the_original(store: FolderStore, tmp_path: Path) -> None:
    original = tmp_path / "mine.mp4"
    original.write_bytes(b"mine")
    store.copy(original, "videos/3/original.mp4")
    assert original.read_bytes() == store.read("videos/3/original.mp4") == b"mine"


def test_a_missing_source_is_said_so(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        store.adopt(tmp_path / "gone", "videos/1/a.mp4")
    with pytest.raises(NotFoundError):
        store.copy(tmp_path / "gone", "videos/1/a.mp4")
    assert files(tmp_path) == set()


@pytest.mark.parametrize("key", ["videos/1/gone.mp4", "videos/1", "videos/1/a.mp4/below"])
def test_a_missing_blob_is_said_so(store: FolderStore, key: str) -> None:
    store.write("videos/1/a.mp4", b"")
    assert not store.exists(key)
    with pytest.raises(NotFoundError):
        store.open(key)


def test_deleting_a_tree_takes_all_of_it_and_nothing_else(store: FolderStore, tmp_path: Path) -> None:
    for key in ("faces/12/a.jpg", "faces/12/b/c.jpg", "faces/1/a.jpg", "faces/123/a.jpg"):
        store.write(key, b"")
    store.delete_tree("faces/12")
    store.delete_tree("faces/12")
    assert files(tmp_path) == {"faces/1/a.jpg", "faces/123/a.jpg"}


def test_deleting_twice_is_fine(store: FolderStore) -> None:
    store.write("faces/1/a.jpg", b"")
    store.delete("faces/1/a.jpg")
    store.delete("faces/1/a.jpg")
    assert not store.exists("faces/1/a.jpg")


def test_temporary_files_have_names_of_their_own(store: FolderStore, tmp_path: Path) -> None:
    made = {store.new_temp(suffix) for suffix in ("", ".MP4", "/../../evil", ".mp4\n", ".x/y")}
    assert len(made) == 5
    assert all(path.parent == tmp_path / "temp" and path.stat().st_mode & 0o077 == 0 for path in made)
    assert sorted(path.suffix for path in made) == ["", "", "", "", ".mp4"]


def test_cleaning_removes_what_nobody_touched(store: FolderStore, tmp_path: Path) -> None:
    old, young = store.new_temp(), store.new_temp()
    old_folder, busy_folder = store.new_temp_folder(), store.new_temp_folder()
    for folder in (old_folder, busy_folder):
        (folder / "part").write_bytes(b"1")
    incoming = tmp_path / "faces" / ".incoming" / "t-left"
    incoming.parent.mkdir()
    incoming.write_bytes(b"half a crop")
    foreign = tmp_path / "temp" / "notes.txt"
    foreign.write_text("mine")
    for path in (old, old_folder / "part", old_folder, busy_folder, incoming, foreign):
        os.utime(path, (1_000_000, 1_000_000))
    assert store.clean_temp(3600) == 3
    assert young.exists() and (busy_folder / "part").exists() and foreign.exists()
    assert not old.exists() and not old_folder.exists() and not incoming.exists()


def test_cleaning_leaves_uploads_that_may_be_gone_on_with(store: FolderStore) -> None:
    upload = store.temp.resumable("0" * 32)
    upload.write_bytes(b"half")
    os.utime(upload, (1_000_000, 1_000_000))
    assert store.clean_temp(3600) == 0
    assert list(store.temp.resumables()) == [("0" * 32, upload)]
    with pytest.raises(InvalidInputError):
        store.temp.resumable("../" + "0" * 29)


def test_listing_an_area_gives_its_blobs_and_no_others(store: FolderStore, tmp_path: Path) -> None:
    keys = {"faces/1/a.jpg", "faces/2/b/c.jpg", "thumbnails/1.jpg", "videos/1/Ferien am Meer.mp4", "exports/1.csv"}
    for key in keys:
        store.write(key, b"bytes")
    (tmp_path / "faces" / ".incoming").mkdir(exist_ok=True)
    (tmp_path / "faces" / ".incoming" / "t-left").write_bytes(b"half a crop")
    found = {area: {blob.key for blob in store.list(area)} for area in ("videos", "faces", "thumbnails", "exports")}
    assert found["faces"] == {"faces/1/a.jpg", "faces/2/b/c.jpg"}
    assert set().union(*found.values()) == keys
    assert next(store.list("exports")) == store.info("exports/1.csv")
    with pytest.raises(InvalidInputError):
        next(store.list("temp"))


def test_a_local_copy_is_the_blob_itself(store: FolderStore) -> None:
    store.write("videos/1/a.mp4", b"bytes")
    with store.local_copy("videos/1/a.mp4") as path:
        assert path == store.path("videos/1/a.mp4")
    with pytest.raises(NotFoundError), store.local_copy("videos/2/a.mp4"):
        pass


@pytest.mark.parametrize("kept", [True, False])
def test_an_arrival_that_fails_goes_back(store: FolderStore, tmp_path: Path, kept: bool) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    with pytest.raises(RuntimeError), store.arriving(source, "film.mp4") as arrival:
        if kept:
            assert store.exists(arrival.keep(7))
        raise RuntimeError("the row could not be written")
    assert source.read_bytes() == b"video"
    assert files(tmp_path) == {f"temp/{source.name}"}


def test_an_arrival_lies_under_its_video(store: FolderStore, tmp_path: Path) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    with store.arriving(source, "film.mp4") as arrival:
        key = arrival.keep(7)
    assert (key, store.read(key)) == ("videos/7/film.mp4", b"video")
    assert files(tmp_path) == {"uploads/7/film.mp4"}


def test_an_address_of_a_folder_holds_all_areas(tmp_path: Path) -> None:
    places = BlobPlaces(tmp_path / "u", tmp_path / "f", tmp_path / "e", tmp_path / "t", f"file://{tmp_path}/my%20lib")
    store = open_store(places)
    for key in ("videos/1/a.mp4", "faces/1/a.jpg", "thumbnails/1.jpg", "exports/1.csv"):
        store.write(key, b"")
        assert (tmp_path / "my lib" / key).exists()


@pytest.mark.parametrize("address", ["file://elsewhere/folder", "file:///", "file:relative", "ftp://host/x", "folder"])
def test_an_address_of_no_store_is_said_so(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="BLOB_STORE"):
        open_store(BlobPlaces(tmp_path, tmp_path, tmp_path, tmp_path / "t", address))
