"""Watching real folders with real events."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain import MediaKind, VideoOrigin
from app.errors import NotFoundError
from app.models import Video
from app.services import watching as watching_module
from app.services.context import Context
from app.services.ingest import submit_file
from app.services.watching import FolderWatch, Found, WatchOptions
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from tests.library import make_context
from tests.stills import still
from tests.videos import tiny_video

PATIENCE = 30.0  # seconds until a test gives up
SETTLE = 0.2


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path / "library", max_video_size_mb=50)
    yield made
    made.database.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


class Watched:
    """A watch that runs in a thread."""

    def __init__(self, found: queue.SimpleQueue[Found]) -> None:
        self._found = found

    def next(self) -> Found:
        return self._found.get(timeout=PATIENCE)

    def names(self, count: int) -> list[str]:
        return sorted(self.next().path.name for _ in range(count))

    def nothing_more(self) -> bool:
        return self._found.empty()


@contextmanager
def watching(context: Context, folder: Path, **options: object) -> Iterator[Watched]:
    found: queue.SimpleQueue[Found] = queue.SimpleQueue()
    stop = threading.Event()
    chosen = WatchOptions(**{"settle_seconds": SETTLE, **options})  # type: ignore[arg-type]
    watch = FolderWatch(context, [folder], chosen, found.put)
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        assert watch.ready.wait(PATIENCE)
        yield Watched(found)
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def _video(context: Context, found: Found) -> Video:
    assert found.submission is not None, found.error
    with context.database.session() as session:
        video = video_rows.get(session, found.submission.video_id)
    assert video is not None
    return video


@pytest.mark.parametrize("polling", [False, True], ids=["events", "polling"])
def test_what_is_there_and_what_comes(context: Context, folder: Path, polling: bool) -> None:
    (folder / "there.mp4").write_bytes(tiny_video(b"1"))
    (folder / ".hidden.mp4").write_bytes(tiny_video(b"2"))
    (folder / "notes.txt").write_bytes(b"3")
    with watching(context, folder, polling=polling) as watched:
        first = watched.next()
        assert (first.path.name, _video(context, first).origin) == ("there.mp4", VideoOrigin.FILE)
        (folder / "half.mp4.part").write_bytes(tiny_video(b"4"))
        (folder / "comes.mp4").write_bytes(tiny_video(b"5"))
        assert watched.next().path.name == "comes.mp4"
        (folder / "half.mp4.part").rename(folder / "half.mp4")
        assert watched.next().path.name == "half.mp4"
        (folder / ".deep").mkdir()
        (folder / ".deep" / "a.mp4").write_bytes(tiny_video(b"6"))
        (folder / "last.mp4").write_bytes(tiny_video(b"7"))
        assert watched.next().path.name == "last.mp4"
        assert watched.nothing_more()


def test_a_changed_file_is_added_as_it_is_now(context: Context, folder: Path) -> None:
    path = folder / "a.mp4"
    path.write_bytes(tiny_video())
    with watching(context, folder) as watched:
        first = _video(context, watched.next())
        path.write_bytes(tiny_video(b"more"))
        second = _video(context, watched.next())
        assert (second.id != first.id, second.file_name) == (True, "a.mp4")
        copy = folder / "copy.mp4"
        copy.write_bytes(tiny_video())
        third = watched.next()
        assert third.submission is not None
        assert (third.submission.duplicate, third.submission.video_id) == (True, first.id)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_a_file_is_not_taken_while_it_is_written(context: Context, folder: Path) -> None:
    data = tiny_video(bytes(100_000))
    with watching(context, folder) as watched, (folder / "slow.mp4").open("wb") as file:
        for start in range(0, len(data), 30_000):
            file.write(data[start : start + 30_000])
            file.flush()
            (folder / f"mark {start}.mp4").write_bytes(tiny_video(str(start).encode()))
            assert watched.next().path.name == f"mark {start}.mp4"  # so long it has settled, and is open still
        file.close()
        found = watched.next()
        assert (found.path.name, _video(context, found).size_bytes) == ("slow.mp4", len(data))


def test_a_start_adds_nothing_twice_and_opens_nothing_known(
    context: Context, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        (folder / f"{number}.mp4").write_bytes(b"x")
        (folder / f"{number}.jpg").write_bytes(b"x")
    with context.database.write() as session:
        video = Video(file_name="a", title="a", origin=VideoOrigin.FILE, sha256="0" * 64)
        session.add(video)
        session.flush()
        rows = [
            {"video_id": video.id, "address": str(path), "size_bytes": 1, "modified_ns": path.stat().st_mtime_ns}
            for path in folder.iterdir()
        ]
        source_rows.add_many(session, VideoOrigin.FILE, rows)
    asked: list[Path] = []

    def submit(context: Context, path: Path, *arguments: object, **options: object):
        asked.append(path)
        return submit_file(context, path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watching_module, "submit_file", submit)
    (folder / "new.mp4").write_bytes(tiny_video())
    for _ in range(2):
        with watching(context, folder) as watched:
            if not asked:
                assert watched.next().path.name == "new.mp4"
            (folder / "alive.mp4").write_bytes(tiny_video(b"!" * len(asked)))
            assert watched.next().path.name == "alive.mp4"
            assert watched.nothing_more()
    assert [path.name for path in asked] == ["new.mp4", "alive.mp4", "alive.mp4"]


def test_pictures_that_come_together_are_one_set(context: Context, folder: Path) -> None:
    with watching(context, folder, settle_seconds=1.5) as watched:
        for number, data in enumerate(still(colour=f"rgb({number * 9},0,0)") for number in range(6)):
            (folder / f"{number}.jpg").write_bytes(data)
        first = watched.next()
        video = _video(context, first)
        assert (first.path, video.media_kind, video.title) == (folder, MediaKind.PICTURES, "incoming")
        (folder / "7.jpg").write_bytes(still(colour="lime"))
        second = _video(context, watched.next())
        assert (second.id != video.id, second.title) == (True, "7")
    with watching(context, folder) as watched:
        (folder / "z.mp4").write_bytes(tiny_video())
        assert watched.next().path.name == "z.mp4"
        assert watched.nothing_more()


@pytest.mark.parametrize("recursive", [True, False])
def test_a_folder_that_is_moved_in(context: Context, folder: Path, tmp_path: Path, recursive: bool) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("a.mp4", "deep/b.mp4"):
        (outside / name).write_bytes(tiny_video(name.encode()))
    with watching(context, folder, recursive=recursive) as watched:
        outside.rename(folder / "inside")
        if recursive:
            assert watched.names(2) == ["a.mp4", "b.mp4"]
        (folder / "last.mp4").write_bytes(tiny_video())
        assert watched.next().path.name == "last.mp4"
        assert watched.nothing_more()


def test_in_place_and_refusals(context: Context, folder: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"no video at all " * 99)
    (folder / "good.mp4").write_bytes(tiny_video())
    with watching(context, folder, in_place=True) as watched:
        found = {one.path.name: one for one in (watched.next(), watched.next())}
        assert found["broken.mp4"].error is not None
        assert "not a video" in found["broken.mp4"].error.message
        assert _video(context, found["good.mp4"]).local_path == str(folder / "good.mp4")
        (folder / "broken.mp4").write_bytes(tiny_video(b"mended"))
        assert _video(context, watched.next()).file_name == "broken.mp4"
    assert not [path for path in context.settings.upload_folder.rglob("*") if path.is_file()]


def test_a_folder_that_is_not_there(context: Context, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder nowhere"):
        FolderWatch(context, [tmp_path / "nowhere"], WatchOptions(), lambda _: None).run(threading.Event())
