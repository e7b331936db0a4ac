from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import ConfigError, InvalidInputError, NotFoundError, StorageError
from app.storage.blobs import BlobPlaces, BlobStore, open_store
from app.storage.blobs import s3 as s3_module
from app.storage.blobs.s3 import S3Store
from tests.buckets import KEY_ID, SECRET, Service


@pytest.fixture
def bucket(s3: Service) -> str:
    return s3.bucket()


@pytest.fixture
def store(s3: Service, bucket: str, tmp_path: Path) -> BlobStore:
    return s3.store(tmp_path, bucket)


def test_blobs_lie_under_the_prefix(store: BlobStore, s3: Service, bucket: str) -> None:
    store.write("faces/1/a.jpg", b"old")
    store.write("faces/1/a.jpg", b"new", durable=False)
    assert store.read("faces/1/a.jpg") == b"new"
    assert (store.size("faces/1/a.jpg"), store.exists("faces/1/b.jpg")) == (3, False)
    assert s3.keys(bucket) == ["library/faces/1/a.jpg"]


def test_many_at_once(store: BlobStore) -> None:
    store.write_many((f"faces/1/{number:08d}_0.jpg", bytes([number])) for number in range(100))
    assert store.read("faces/1/00000042_0.jpg") == bytes([42])
    assert len(list(store.list("faces"))) == 100
    store.write_many([])


def test_a_large_file_goes_up_and_down_in_parts(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "PART_BYTES", 5 << 20)  # the smallest that S3 takes
    source = store.new_temp(".mp4")
    data = os.urandom((11 << 20) + 7)
    source.write_bytes(data)
    store.adopt(source, "videos/1/Ferien [HD] 1.mp4")
    assert not source.exists()
    assert store.info("videos/1/Ferien [HD] 1.mp4").etag.endswith("-3")
    with store.local_copy("videos/1/Ferien [HD] 1.mp4") as path:
        assert path.read_bytes() == data
        assert path.suffix == ".mp4"


def test_a_stream_can_be_wound(store: BlobStore) -> None:
    data = os.urandom(2_500_000)
    store.write("videos/1/a.mp4", data)
    with store.open("videos/1/a.mp4") as stream:
        assert stream.read(10) == data[:10]
        stream.seek(-7, os.SEEK_END)
        assert stream.read() == data[-7:]
        stream.seek(1_000_000)
        assert stream.read(100) == data[1_000_000:1_000_100]
        assert stream.tell() == 1_000_100
        stream.seek(0)
        assert stream.read() == data


def test_an_empty_blob(store: BlobStore) -> None:
    store.write("videos/1/a.mp4", b"")
    assert store.read("videos/1/a.mp4") == b""
    with store.open("videos/1/a.mp4") as stream, store.local_copy("videos/1/a.mp4") as path:
        assert stream.read() == path.read_bytes() == b""


@pytest.mark.parametrize("key", ["videos/1/gone.mp4", "videos/1", "videos/1/a.mp4/below"])
def test_a_missing_blob_is_said_so(store: BlobStore, key: str) -> None:
    store.write("videos/1/a.mp4", b"")
    assert not store.exists(key)
    for action in (store.open, store.read, store.size):
        with pytest.raises(NotFoundError):
            action(key)
    with pytest.raises(NotFoundError), store.local_copy(key):
        pass


@pytest.mark.parametrize("key", ["", "videos", "videos/../a", "../videos/a", "/videos/a", "faces/thumbnails/1.jpg"])
def test_a_key_that_is_not_plain_is_refused_everywhere(store: BlobStore, key: str) -> None:
    source = store.new_temp()
    for action in (
        lambda: store.write(key, b""),
        lambda: store.open(key),
        lambda: store.read(key),
        lambda: store.exists(key),
        lambda: store.adopt(source, key),
        lambda: store.delete(key),
        lambda: store.delete_tree(key),
        lambda: store.url(key, 60, content_type="video/mp4"),
    ):
        with pytest.raises(InvalidInputError):
            action()
    assert source.exists()


def test_deleting_a_tree_takes_all_of_it_and_nothing_else(
    store: BlobStore, s3: Service, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_module, "PAGE_KEYS", 10)
    keys = [f"faces/12/{number:08d}_0.jpg" for number in range(25)]
    store.write_many((key, b"") for key in [*keys, "faces/1/a.jpg", "faces/123/a.jpg"])
    assert len(list(store.list("faces"))) == 27
    store.delete_tree("faces/12")
    store.delete_tree("faces/12")
    store.delete("faces/1/a.jpg")
    store.delete("faces/1/a.jpg")
    assert s3.keys(bucket) == ["library/faces/123/a.jpg"]


def test_what_others_wrote_is_seen_at_once(store: BlobStore, s3: Service, bucket: str, tmp_path: Path) -> None:
    assert list(store.list("videos")) == []
    other = s3.store(tmp_path / "other", bucket)
    other.write("videos/1/a.mp4", b"first")
    assert [blob.size for blob in store.list("videos")] == [5]
    assert store.exists("videos/1/a.mp4")
    other.delete("videos/1/a.mp4")
    assert not store.exists("videos/1/a.mp4")
    assert list(store.list("videos")) == []


def test_two_libraries_in_one_bucket(store: BlobStore, s3: Service, bucket: str, tmp_path: Path) -> None:
    store.write("faces/1/a.jpg", b"")
    for prefix in ("lib", "library/inner", ""):
        assert list(s3.store(tmp_path / "other", bucket, prefix=prefix).list("faces")) == []


@pytest.mark.parametrize("kept", [True, False])
def test_an_arrival_that_fails_leaves_nothing_in_the_bucket(
    store: BlobStore, s3: Service, bucket: str, kept: bool
) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    with pytest.raises(RuntimeError), store.arriving(source, "film.mp4") as arrival:
        if kept:
            assert store.exists(arrival.keep(7))
        raise RuntimeError("the row could not be written")
    assert source.read_bytes() == b"video"
    assert s3.keys(bucket) == []


def test_an_arrival(store: BlobStore) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    with store.arriving(source, "film.mp4") as arrival:
        key = arrival.keep(7)
    assert store.read(key) == b"video"
    assert key.startswith("videos/n-") and key.endswith("/film.mp4")
    assert not source.exists()


def test_an_arrival_that_nobody_keeps(store: BlobStore, s3: Service, bucket: str) -> None:
    source = store.new_temp(".mp4")
    source.write_bytes(b"video")
    with store.arriving(source, "film.mp4"):
        pass
    assert source.exists()
    assert s3.keys(bucket) == []


def test_uploads_in_parts_that_were_never_ended_are_ended(store: BlobStore, s3: Service, bucket: str) -> None:
    for key in ("library/videos/1/a.mp4", "elsewhere/a.mp4"):
        s3.client.create_multipart_upload(Bucket=bucket, Key=key)
    assert isinstance(store, S3Store)
    assert store.abort_uploads(before=0) == 0
    assert store.abort_uploads(before=4e9) == 1
    left = s3.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [one["Key"] for one in left] == ["elsewhere/a.mp4"]


def test_a_missing_bucket_is_said_so(s3: Service, tmp_path: Path) -> None:
    store = s3.store(tmp_path, "no-such-bucket")
    source = store.new_temp()
    for action in (
        store.check,
        lambda: store.write("faces/1/a.jpg", b""),
        lambda: store.copy(source, "videos/1/a.mp4"),
        lambda: store.read("faces/1/a.jpg"),
        lambda: list(store.list("faces")),
    ):
        with pytest.raises(StorageError, match="bucket that BLOB_STORE names does not exist") as caught:
            action()
        assert not caught.value.retryable


def test_a_service_that_is_away_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = Service(f"http://127.0.0.1:{port}").store(tmp_path, "bucket")
    with pytest.raises(StorageError, match="does not answer") as caught:
        store.check()
    assert caught.value.retryable


def test_a_wrong_key_is_said_so(locked_s3: Service, tmp_path: Path) -> None:
    store = locked_s3.store(tmp_path, "closed")
    for action in (store.check, lambda: store.write("faces/1/a.jpg", b""), lambda: store.read("faces/1/a.jpg")):
        with pytest.raises(StorageError, match=r"refuses access\. Check AWS_ACCESS_KEY_ID") as caught:
            action()
        assert not caught.value.retryable
        assert SECRET not in str(caught.value)


def test_threads_share_a_store(store: BlobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.write(f"faces/1/{number}.jpg", bytes([number])), range(40)))
        read = list(pool.map(lambda number: store.read(f"faces/1/{number}.jpg"), range(40)))
    assert read == [bytes([number]) for number in range(40)]


def test_a_forked_process_has_a_connection_of_its_own(store: BlobStore) -> None:
    store.write("faces/1/a.jpg", b"parent")  # the parent's loop runs before the fork
    child = multiprocessing.get_context("fork").Process(target=lambda: store.write("faces/1/b.jpg", b"child"))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert store.read("faces/1/b.jpg") == b"child"


def test_a_url_only_where_a_browser_can_use_it(s3: Service, bucket: str, tmp_path: Path) -> None:
    assert s3.store(tmp_path, bucket).url("videos/1/a.mp4", 60, content_type="video/mp4") is None
    public = open_store(
        BlobPlaces(
            *(tmp_path / name for name in ("u", "f", "e", "t")),
            address=f"s3://{bucket}",
            endpoint="https://s3.example.com",
            key_id=KEY_ID,
            secret=SECRET,
            region="eu-central-1",
        )
    )
    url = public.url("videos/1/Größe.mp4", 60, content_type="video/mp4", download_name="Größe.mp4") or ""
    assert url.startswith(f"https://s3.example.com/{bucket}/videos/1/Gr%C3%B6%C3%9Fe.mp4?")
    assert "X-Amz-Expires=60" in url and "response-content-type=video%2Fmp4" in url and SECRET not in url


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [("s3://", None), ("s3://A_B/x", None), ("s3://bucket/../x", None), ("s3://bucket", "minio:9000")],
)
def test_an_address_of_no_bucket_is_said_so(tmp_path: Path, address: str, endpoint: str | None) -> None:
    with pytest.raises(ConfigError, match="BLOB_STORE"):
        open_store(BlobPlaces(*(tmp_path / name for name in ("u", "f", "e", "t")), address=address, endpoint=endpoint))


def test_the_secret_is_in_no_description(tmp_path: Path) -> None:
    places = BlobPlaces(tmp_path, tmp_path, tmp_path, tmp_path, address="s3://b", secret=SECRET, token=SECRET)
    assert SECRET not in repr(places)


def test_copies_are_fetched_once(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("videos/1/a.mp4", b"one")
    assert isinstance(store, S3Store)
    fetched: list[str] = []
    files = store._files
    real = files.get_file

    def counted(source: str, target: str, **options: object) -> None:
        fetched.append(source)
        real(source, target, **options)

    monkeypatch.setattr(files, "get_file", counted)
    barrier = threading.Barrier(4)

    def use() -> bytes:
        barrier.wait(30)
        with store.local_copy("videos/1/a.mp4") as path:
            return path.read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert {future.result() for future in [pool.submit(use) for _ in range(4)]} == {b"one"}
    assert len(fetched) == 1
    store.write("videos/1/a.mp4", b"two")
    with store.local_copy("videos/1/a.mp4") as path:
        assert path.read_bytes() == b"two"
    assert len(fetched) == 2
