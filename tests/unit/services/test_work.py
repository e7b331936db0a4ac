"""Working on queues: turns, wakes, hand-overs, tries, pauses and stops, with small handlers in place of networks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.domain import JobKind, JobState, QueueName
from app.errors import DiskFullError, FetchError
from app.models import Job
from app.services import jobs as jobs_module
from app.services.context import Context
from app.services.job_control import cancel_job, pause_job, resume_job
from app.services.job_run import JobRun
from app.services.jobs import Outcome, get_job, recover_jobs, run_job, work, work_for_a_while
from app.storage import job_log
from app.storage import jobs as job_rows
from tests.library import RecordingQueue

Handler = Callable[[Context, JobRun], None]
SOON_SECONDS = 2.0


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], None]:
    """Puts a handler in place of looking at videos."""

    def put(handler: Handler) -> None:
        for kind in (JobKind.PROCESS_VIDEO, JobKind.SEGMENT):
            monkeypatch.setitem(jobs_module.HANDLERS, kind, handler)

    return put


def nothing(_context: Context, _run: JobRun) -> None:
    """Work that is done at once."""


def add(context: Context, number: int = 1, **values: object) -> list[str]:
    with context.database.write() as session:
        return job_rows.add_many(session, JobKind.PROCESS_VIDEO, [{}] * number, **values)


def woken(context: Context) -> list[QueueName]:
    assert isinstance(context.queue, RecordingQueue)
    found = list(context.queue.woken)
    context.queue.woken.clear()
    return found


def log_of(context: Context, job_id: str) -> list[str]:
    with context.database.session() as session:
        return [line.message for line in job_log.lines(session, job_id)]


def test_a_worker_wakes_the_next_one_while_more_waits(context: Context, handle) -> None:
    handle(nothing)
    ids = add(context, 3)
    assert work(context, QueueName.VISION) is Outcome.SUCCEEDED
    assert woken(context) == [QueueName.VISION] * 2  # when it took the job, and when it had a hand free again
    assert [work(context, QueueName.VISION) for _ in range(3)] == [
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        Outcome.NOT_CLAIMED,
    ]
    assert woken(context) == [QueueName.VISION] * 2  # the last job woke nobody
    assert {get_job(context, job_id).state for job_id in ids} == {JobState.SUCCEEDED}
    lines = log_of(context, ids[0])
    assert lines[0].startswith("Taken by worker ")
    assert lines[-1] == "Done."


def test_limits_come_from_the_settings(context: Context, handle) -> None:
    with context.database.write() as session:
        for _ in range(2):
            job_rows.add(session, JobKind.EXPORT)
        assert job_rows.claim_next(session, QueueName.EXPORT, "elsewhere:1:1", 60)
    assert context.settings.export_concurrency == 1
    assert work(context, QueueName.EXPORT) is Outcome.NOT_CLAIMED


def test_a_job_moves_on_and_the_other_queue_is_woken(context: Context, handle, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def moves(context: Context, run: JobRun) -> None:
        steps.append(run.queue)
        if run.queue is QueueName.DOWNLOAD:
            with context.database.write() as session:
                run.hand_over(session, QueueName.VISION)

    monkeypatch.setitem(jobs_module.HANDLERS, JobKind.FETCH_VIDEO, moves)
    with context.database.write() as session:
        first, second = (job_rows.add(session, JobKind.FETCH_VIDEO).id for _ in range(2))
    assert work(context, QueueName.DOWNLOAD) is Outcome.HANDED_OVER
    assert QueueName.VISION in woken(context)
    assert work(context, QueueName.VISION) is Outcome.SUCCEEDED
    assert get_job(context, first).attempts == 1
    assert run_job(context, second) is Outcome.SUCCEEDED  # a program that runs its jobs itself goes on to the end
    assert steps == [QueueName.DOWNLOAD, QueueName.VISION] * 2


def test_a_job_that_is_cut_waits_for_its_segments(context: Context, handle) -> None:
    parts = []

    def cuts(context: Context, run: JobRun) -> None:
        if run.parent_id is not None:
            parts.append(run.params["first_sample"])
            run.report(done=8, force=True)
        elif not parts:
            with context.database.write() as session:
                run.split(session, [{"first_sample": 0}, {"first_sample": 8}], [8.0, 8.0])

    handle(cuts)
    (job_id,) = add(context)
    outcomes = [work(context, QueueName.VISION) for _ in range(5)]
    done = Outcome.SUCCEEDED
    assert outcomes == [Outcome.SPLIT, done, done, done, Outcome.NOT_CLAIMED]
    assert parts == [0, 8]
    job = get_job(context, job_id)
    assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 16.0, 16.0)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(FetchError("The site does not answer.", retryable=True), id="site away"),
        pytest.param(DiskFullError(), id="disk full"),
        pytest.param(OSError(28, "No space left on device"), id="no space"),
        pytest.param(OperationalError("SELECT 1", {}, Exception("database is locked")), id="database locked"),
    ],
)
def test_what_may_pass_is_tried_again_and_in_the_end_given_up(context: Context, handle, failure: Exception) -> None:
    def fails(_context: Context, _run: JobRun) -> None:
        raise failure

    handle(fails)
    (job_id,) = add(context)
    outcomes = []
    for _ in range(4):
        outcomes.append(work(context, QueueName.VISION))
        assert work(context, QueueName.VISION) is Outcome.NOT_CLAIMED  # not before its time
        with context.database.write() as session:
            session.get_one(Job, job_id).not_before = None
    assert outcomes == [Outcome.RETRY_LATER] * 3 + [Outcome.FAILED]
    job = get_job(context, job_id)
    assert (job.state, job.attempts) == (JobState.FAILED, 4)
    assert job.error
    assert job.error.endswith(".")
    lines = log_of(context, job_id)
    assert sum("The next try is in" in line for line in lines) == 3


def test_what_will_not_pass_fails_at_once(context: Context, handle) -> None:
    def fails(_context: Context, _run: JobRun) -> None:
        raise FetchError("This video is private.")

    handle(fails)
    (job_id,) = add(context)
    assert work(context, QueueName.VISION) is Outcome.FAILED
    assert get_job(context, job_id).error == "This video is private."


class Stretch:
    """Work that goes on without a checkpoint until it is stopped."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def __call__(self, _context: Context, run: JobRun) -> None:
        self.begun.set()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            run.check()
            time.sleep(0.01)
        raise AssertionError("nobody stopped it")


@pytest.fixture
def stretch(handle) -> Stretch:
    made = Stretch()
    handle(made)
    return made


def _stop_while_running(context: Context, stretch: Stretch, stop: Callable[[], None]) -> tuple[Outcome, float]:
    outcomes: list[Outcome] = []
    worker = threading.Thread(target=lambda: outcomes.append(work(context, QueueName.VISION)))
    worker.start()
    assert stretch.begun.wait(30)
    stop()
    since = time.monotonic()
    worker.join(30)
    return outcomes[0], time.monotonic() - since


def test_cancelling_takes_effect_within_two_seconds(context: Context, stretch: Stretch) -> None:
    (job_id,) = add(context)
    outcome, seconds = _stop_while_running(context, stretch, lambda: cancel_job(context, job_id))
    assert outcome is Outcome.CANCELLED
    assert seconds < SOON_SECONDS
    assert get_job(context, job_id).state is JobState.CANCELLED


def test_pausing_takes_effect_within_two_seconds_and_it_goes_on_later(
    context: Context, stretch: Stretch, handle
) -> None:
    (job_id,) = add(context)
    outcome, seconds = _stop_while_running(context, stretch, lambda: pause_job(context, job_id))
    assert outcome is Outcome.PAUSED
    assert seconds < SOON_SECONDS
    assert get_job(context, job_id).state is JobState.PAUSED
    assert work(context, QueueName.VISION) is Outcome.NOT_CLAIMED
    handle(nothing)
    woken(context)
    resume_job(context, job_id)
    assert woken(context) == [QueueName.VISION]
    assert work(context, QueueName.VISION) is Outcome.SUCCEEDED


def test_a_worker_that_stops_gives_its_job_back(context: Context, stretch: Stretch) -> None:
    (job_id,) = add(context)
    outcome, seconds = _stop_while_running(context, stretch, context.stopping.set)
    assert outcome is Outcome.RELEASED
    assert seconds < SOON_SECONDS
    job = get_job(context, job_id)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)


def test_an_end_is_written_when_the_database_is_free_again(context: Context, handle) -> None:
    """Another process holds the database while a job ends: the job's end comes late, not never."""
    (job_id,) = add(context)
    free = threading.Event()
    holders: list[threading.Thread] = []

    def hold(held: threading.Event) -> None:
        with context.database.write() as session:
            session.execute(text("SELECT 1"))
            held.set()
            free.wait(30)

    def ends_while_locked(_context: Context, _run: JobRun) -> None:
        held = threading.Event()
        holders.append(threading.Thread(target=hold, args=(held,)))
        holders[0].start()
        assert held.wait(30)
        threading.Timer(1.5, free.set).start()

    handle(ends_while_locked)
    assert work(context, QueueName.VISION) is Outcome.SUCCEEDED
    holders[0].join(30)
    assert get_job(context, job_id).state is JobState.SUCCEEDED


def test_recovery_wakes_every_queue_in_which_something_could_begin(context: Context) -> None:
    with context.database.write() as session:
        job_rows.add(session, JobKind.FETCH_VIDEO)
        job_rows.add(session, JobKind.EXPORT)
        job_rows.add(session, JobKind.CLUSTER)
        job_rows.set_paused(session, QueueName.EXPORT, True)
    assert recover_jobs(context) == []
    assert woken(context) == [QueueName.DOWNLOAD, QueueName.CLUSTER]


def test_one_message_is_enough_for_several_small_jobs(context: Context, handle: Callable[[Handler], None]) -> None:
    handle(nothing)
    ids = add(context, 4)
    outcomes = work_for_a_while(context, QueueName.VISION, seconds=60)
    assert outcomes == [Outcome.SUCCEEDED] * 4 + [Outcome.NOT_CLAIMED]
    assert {get_job(context, job_id).state for job_id in ids} == {JobState.SUCCEEDED}


def test_no_job_is_begun_after_a_while_or_after_a_stop(context: Context, handle: Callable[[Handler], None]) -> None:
    handle(nothing)
    add(context, 3)
    assert work_for_a_while(context, QueueName.VISION, seconds=0) == [Outcome.SUCCEEDED]
    handle(lambda inner, _run: inner.stopping.set())
    assert len(work_for_a_while(context, QueueName.VISION, seconds=60)) == 1
