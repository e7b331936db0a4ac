"""The whole application over a bucket: added, looked at, played, exported, deleted; the server restarted in between."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.domain import Image
from tests.buckets import Service
from tests.e2e.test_run import Running
from tests.films import make_film
from tests.website import Website

DEADLINE_SECONDS = 180.0
READY = r"FAAAAACES is ready: (http://127\.0\.0\.1:\d+)"

pytestmark = pytest.mark.xdist_group("run")


def environment(folder: Path, models: Path, service: Service, bucket: str, **more: str) -> dict[str, str]:
    own = {"FAAAAACES_DATA": str(folder), "MODELS_FOLDER": str(models), "PORT": "0", "BLOB_CACHE_MB": "0"}
    settings = {name.upper(): str(value) for name, value in service.settings(bucket).items()}
    return {**os.environ, **own, **settings, **more}


@pytest.fixture
def started() -> Iterator[list[Running]]:
    running: list[Running] = []
    yield running
    for one in running:
        one.clear()


def wait_for_job(url: str, job_id: str) -> dict[str, Any]:
    pause, job = threading.Event(), {}
    for _ in range(int(DEADLINE_SECONDS / 0.2)):
        job = requests.get(f"{url}/api/job_status/{job_id}", timeout=30).json()
        if job["status"] in ("succeeded", "failed", "cancelled"):
            break
        pause.wait(0.2)  # what a client of this API does
    assert job["status"] == "succeeded", job
    return job


def files(folder: Path) -> list[str]:
    return [str(path) for name in ("uploads", "faces", "temp") for path in (folder / name).rglob("*") if path.is_file()]


def _short_film(folder: Path, person: Image, seconds: int) -> bytes:
    return make_film(folder / f"{seconds}.mp4", [person], seconds_each=seconds).read_bytes()


def test_the_whole_way(
    tmp_path: Path, models_cache: Path, s3: Service, film: Path, astronaut: Image, started: list[Running]
) -> None:
    bucket = s3.bucket()
    settings = environment(tmp_path, models_cache, s3, bucket, ALLOWED_FETCH_HOSTS="127.0.0.1")
    started.append(Running(settings))
    url = started[0].wait_for(READY)[1]
    with film.open("rb") as file:
        added = requests.post(f"{url}/api/upload_video", files={"file": ("two women.mp4", file)}, timeout=60).json()
    wait_for_job(url, added["job_id"])
    with Website() as site:  # the downloader, which works in threads
        links = [site.serve(f"/{seconds}.mp4", _short_film(tmp_path, astronaut, seconds)) for seconds in (1, 2, 3)]
        asked = requests.post(f"{url}/api/process_urls", json={"urls": links}, timeout=60).json()
        for submission in asked["submissions"]:
            wait_for_job(url, submission["job_id"])
    assert requests.get(f"{url}/ready", timeout=30).json()["checks"]["storage"]["ok"]
    keys = s3.keys(bucket)
    assert sum("/videos/" in key for key in keys) == 4
    assert sum("/faces/" in key for key in keys) >= 8
    assert "library/thumbnails/1.jpg" in keys
    # uploads and copies are gone from this machine; locks of copies may stay
    assert [path for path in files(tmp_path) if not Path(path).name.startswith("l-")] == []

    started[0].send(signal.SIGINT)
    assert started[0].exit_code() == 0
    started.append(Running(settings))
    url = started[1].wait_for(READY)[1]
    _check_player(f"{url}/media/videos/1", film.read_bytes())
    crop = next(key for key in keys if "/faces/" in key).removeprefix("library/")
    for key in (crop, "thumbnails/1.jpg"):
        picture = requests.get(f"{url}/media/{key}", timeout=30)
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/jpeg")
        assert picture.content == s3.client.get_object(Bucket=bucket, Key=f"library/{key}")["Body"].read()
        again = requests.get(f"{url}/media/{key}", headers={"If-None-Match": picture.headers["ETag"]}, timeout=30)
        assert (again.status_code, again.content) == (304, b"")

    export = requests.post(f"{url}/api/exports", json={"format": "csv"}, timeout=30).json()
    wait_for_job(url, export["job_id"])
    assert requests.get(f"{url}{export['file_url']}", timeout=30).text.count("\n") >= 9

    for video in requests.get(f"{url}/api/videos", timeout=30).json()["videos"]:
        assert requests.delete(f"{url}/api/videos/{video['video_id']}", timeout=30).ok
    assert [key for key in s3.keys(bucket) if "/exports/" not in key] == []


def _check_player(address: str, data: bytes) -> None:
    size = len(data)
    whole = requests.get(address, timeout=30)
    assert (whole.status_code, whole.content, whole.headers["Accept-Ranges"]) == (200, data, "bytes")
    for asked, start, end in (("0-99", 0, 100), (f"{size - 9}-", size - 9, size), ("-5", size - 5, size)):
        part = requests.get(address, headers={"Range": f"bytes={asked}"}, timeout=30)
        assert (part.status_code, part.content) == (206, data[start:end])
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    beyond = requests.get(address, headers={"Range": f"bytes={size}-"}, timeout=30)
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    head = requests.head(address, timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(size), b"")
    changed = requests.get(address, headers={"Range": "bytes=0-9", "If-Range": '"another"'}, timeout=30)
    assert (changed.status_code, len(changed.content)) == (200, size)


def test_a_missing_bucket_stops_the_start(
    tmp_path: Path, models_cache: Path, s3: Service, started: list[Running]
) -> None:
    started.append(Running(environment(tmp_path, models_cache, s3, "no-such-bucket")))
    started[0].wait_for("The bucket that BLOB_STORE names does not exist. Make it, or correct BLOB_STORE.")
    assert started[0].exit_code() == 2


def test_a_wrong_key_stops_the_start(
    tmp_path: Path, models_cache: Path, locked_s3: Service, started: list[Running]
) -> None:
    started.append(Running(environment(tmp_path, models_cache, locked_s3, "closed")))
    started[0].wait_for("The store of BLOB_STORE refuses access. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY")
    assert started[0].exit_code() == 2
