"""The process's engine, and weights that come as a step of a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.domain import JobState
from app.errors import ModelError, PackMismatchError
from app.services.context import Context
from app.services.ingest import submit_file
from app.services.jobs import Outcome, get_job, run_job
from app.services.models import fetching
from app.services.models.choose import model_files
from app.services.models.records import Records
from app.services.models.sources import Weight
from app.services.models.status import pack_status
from app.storage import spaces
from app.vision import FaceEngine, ModelFiles, Pack, get_pack
from app.vision.runtime import RuntimeOptions
from tests.library import make_context
from tests.website import Website
from tests.weights import offer, put, small_network

BODY = small_network()
NAMES = ("retinaface.onnx", "arcface_weights.onnx")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Website]:
    """A site with the reference weights, instead of those that the packages name."""
    with Website() as running:
        weights = tuple(offer(running, name, BODY)[0] for name in NAMES)
        _name(monkeypatch, weights)
        yield running


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets every pack pass its check, whose networks are no networks of faces here; tells which were checked."""
    packs: list[str] = []

    def check(_files: ModelFiles, pack: Pack, _runtime: RuntimeOptions) -> SimpleNamespace:
        packs.append(pack.name)
        return SimpleNamespace(require=lambda: None)

    monkeypatch.setattr(fetching, "check_and_record", check)
    return packs


def _name(monkeypatch: pytest.MonkeyPatch, weights: tuple[Weight, ...]) -> None:
    monkeypatch.setattr(fetching, "weights_of", lambda pack: weights)


@pytest.fixture
def auto(tmp_path: Path, models_cache: Path) -> Context:
    """A library with FACE_PACK=auto, whose bundled networks come from the tests' cache."""
    folder = tmp_path / "models"
    folder.mkdir()
    for path in models_cache.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path)
    return make_context(
        tmp_path,
        face_pack="auto",
        models_folder="models",
        deepface_home="home",
        allowed_fetch_hosts="127.0.0.1",
        max_video_size_mb=50,
    )


def pin(context: Context, name: str) -> None:
    pack = get_pack(name)
    with context.database.write() as session:
        spaces.get_or_create(session, pack.space, pack.name, pack.dimension)


def at_hand(context: Context) -> list[str]:
    folder = context.settings.faaaaaces_data / "home" / ".deepface" / "weights"
    return sorted(path.name for path in folder.glob("*.onnx"))


def test_the_engine_is_made_once(context: Context) -> None:
    made: list[FaceEngine] = []
    threads = [threading.Thread(target=lambda: made.append(context.engine())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pin(context, "bundled")
    assert len({id(engine) for engine in [*made, context.engine()]}) == 1


def test_the_engine_is_refused_for_a_library_of_another_pack(context: Context) -> None:
    assert context.engine().pack.name == "bundled"
    pin(context, "retinaface-arcface")
    with pytest.raises(PackMismatchError, match="migrate-pack bundled"):
        context.engine()


def test_auto_falls_back_and_then_follows_the_library(auto: Context) -> None:
    assert auto.engine().pack.name == "bundled"
    pin(auto, "retinaface-arcface")
    with pytest.raises(ModelError, match="models pull"):
        auto.engine()


def test_without_a_network_a_video_is_looked_at_by_the_other_pack(
    auto: Context, film: Path, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages.clear()
    job_id = submit_file(auto, film).job_id
    assert run_job(auto, job_id) == Outcome.SUCCEEDED
    job = get_job(auto, job_id)
    assert job.faces_found > 0 and (job.done, job.total) == (8, 8)
    with auto.database.session() as session:
        space = spaces.pinned(session)
        assert space is not None and space.pack == "bundled"
    assert len(site.requests) == 2
    failure = Records(auto.settings.models_folder).failure()
    assert failure is not None and "faaaaaces models pull" in failure.message
    status = pack_status(auto)
    assert status.ok and status.pack == "bundled" and "migrate-pack" in (status.remark or "")


class Run:
    """As much of an attempt at a job as fetching needs, with what it was told."""

    done = 5.0

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.progress: list[float] = []
        self.total: float | None = None

    def report(self, *, step: str | None = None, done: float | None = None) -> None:
        self.steps += [step] if step else []
        self.progress += [done] if done is not None else []

    def set_total(self, total: float) -> None:
        self.total = total

    def restart_progress(self) -> None:
        self.done = 0.0

    def check(self) -> None:
        pass


def test_weights_come_as_a_step_of_the_job(auto: Context, site: Website, checked: list[str]) -> None:
    run = Run()
    fetching.fetch_missing_weights(auto, run)  # type: ignore[arg-type]
    assert at_hand(auto) == sorted(NAMES)
    assert run.steps == ["fetching"] and run.progress[-1] == run.total == len(BODY)
    assert run.done == 5.0  # frames of an earlier attempt still count
    before = len(site.requests)
    fetching.fetch_missing_weights(auto, Run())  # type: ignore[arg-type]
    assert len(site.requests) == before
    assert pack_status(auto).pack == "retinaface-arcface"
    assert checked == ["retinaface-arcface"]


def test_weights_that_are_found_are_tried_out_once(auto: Context, checked: list[str]) -> None:
    for name in NAMES:
        put(model_files(auto.settings), name, BODY)
    assert pack_status(auto).pack == "retinaface-arcface"  # which records them
    for _ in range(2):
        run = Run()
        fetching.fetch_missing_weights(auto, run)  # type: ignore[arg-type]
        assert run.steps == []
    assert checked == ["retinaface-arcface"]


def test_weights_that_are_no_networks_of_faces_are_not_used(auto: Context, site: Website) -> None:
    fetching.fetch_missing_weights(auto, Run())  # type: ignore[arg-type]
    assert at_hand(auto) == sorted(NAMES)
    status = pack_status(auto)
    assert status.ok and status.pack == "bundled"
    assert "refused" in status.message and "models check retinaface-arcface" in status.message
    assert auto.engine().pack.name == "bundled"
    fetching.fetch_missing_weights(auto, Run())  # type: ignore[arg-type]
    named = replace(auto, settings=auto.settings.model_copy(update={"face_pack": "retinaface-arcface"}))
    assert not pack_status(named).ok


def test_a_failed_try_is_not_repeated_with_each_video_but_after_a_while(
    auto: Context, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.fail("/first/retinaface.onnx", 503)
    fetching.fetch_missing_weights(auto, Run())  # type: ignore[arg-type]
    asked = len(site.requests)
    assert asked == 2
    again = Run()
    fetching.fetch_missing_weights(auto, again)  # type: ignore[arg-type]
    assert len(site.requests) == asked and again.steps == []
    later = time.time() + fetching.RETRY_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    fetching.fetch_missing_weights(auto, Run())  # type: ignore[arg-type]
    assert len(site.requests) == 2 * asked


def test_a_pack_that_was_asked_for_by_name_is_tried_each_time(auto: Context, site: Website) -> None:
    named = replace(auto, settings=auto.settings.model_copy(update={"face_pack": "retinaface-arcface"}))
    site.pages.clear()
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot be fetched"):
            fetching.fetch_missing_weights(named, Run())  # type: ignore[arg-type]
    assert len(site.requests) == 4


def test_a_job_for_a_pack_that_cannot_be_had_fails_with_what_to_do(auto: Context, film: Path, site: Website) -> None:
    named = replace(auto, settings=auto.settings.model_copy(update={"face_pack": "retinaface-arcface"}))
    site.pages.clear()
    job_id = submit_file(named, film).job_id
    assert run_job(named, job_id) == Outcome.FAILED
    job = get_job(named, job_id)
    assert job.state == JobState.FAILED and job.error_code == "model_unavailable"
    assert "run `faaaaaces models pull`" in (job.error or "")


def test_a_job_for_another_pack_than_the_library_fails_with_the_way_out(context: Context, film: Path) -> None:
    pin(context, "retinaface-arcface")
    job_id = submit_file(context, film).job_id
    assert run_job(context, job_id) == Outcome.FAILED
    job = get_job(context, job_id)
    assert job.error_code == "pack_mismatch"
    assert "migrate-pack bundled" in (job.error or "") and "FACE_PACK=retinaface-arcface" in (job.error or "")


def test_a_cancelled_job_ends_while_it_fetches(auto: Context, site: Website) -> None:
    class CancelledError(Exception):
        pass

    class Cancelled(Run):
        def check(self) -> None:
            raise CancelledError

    with pytest.raises(CancelledError):
        fetching.fetch_missing_weights(auto, Cancelled())  # type: ignore[arg-type]
    assert Records(auto.settings.models_folder).failure() is None


def test_a_library_whose_pack_is_bundled_fetches_nothing(auto: Context, site: Website) -> None:
    pin(auto, "bundled")
    run = Run()
    fetching.fetch_missing_weights(auto, run)  # type: ignore[arg-type]
    assert site.requests == [] and run.steps == []


def test_another_process_that_pins_another_pack_meanwhile_is_followed(
    auto: Context, film: Path, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first faces were measured without mirror images; when they are stored the library is pinned otherwise."""
    first = FaceEngine(get_pack("bundled", flip=False), auto.settings.models_folder)
    given = iter([first])
    real = auto.engine
    used: list[str] = []

    def engine() -> FaceEngine:
        made = next(given, None)
        if made is None:
            made = real()
        else:
            pin(auto, "bundled")
        used.append(made.pack.space)
        return made

    site.pages.clear()
    job_id = submit_file(auto, film).job_id
    assert run_job(replace(auto, engine=engine), job_id) == Outcome.SUCCEEDED
    assert used[0] != used[1] == get_pack("bundled").space
    assert get_job(auto, job_id).faces_found > 0
