"""Messages about ended jobs: filed with the end, signed, sent again, never to where they must not go."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain import JobKind, JobState
from app.errors import InvalidInputError
from app.models import Job, WebhookDelivery, utc_now
from app.services import job_control, webhooks
from app.services.context import Context
from app.services.ingest_links import submit_url, submit_urls
from app.services.ingest_options import IngestOptions
from app.services.webhook_messages import check_webhook_url
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from tests.library import Library, ago, make_context
from tests.website import Website

SECRET = "whsec_7"
WAITS = (10.0, 60.0, 300.0, 1800.0, 7200.0)
MakeContext = Callable[..., Context]


class Receiver:
    """A program that is told, at ``/hook``.

    Attributes:
        messages: What it was told, with the headers.
        status: What it answers.
    """

    def __init__(self, site: Website) -> None:
        self.site = site
        self.url = site.url("/hook")
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.came = threading.Event()
        site.pages["/hook"] = self._take

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.messages.append((dict(request.headers), body))
        request.send_response(self.status)
        request.send_header("Content-Length", "0")
        request.end_headers()
        self.came.set()

    @property
    def told(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.messages]

    @property
    def events(self) -> list[str]:
        return [str(message["event"]) for message in self.told]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Website() as site:
        yield Receiver(site)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeContext]:
    made = []

    def begin(**settings: object) -> Context:
        made.append(make_context(tmp_path / str(len(made)), **settings))
        return made[-1]

    yield begin
    for context in made:
        context.database.dispose()


def end(context: Context, job_id: str, state: JobState = JobState.SUCCEEDED) -> None:
    """Ends a job as a worker does."""
    with context.database.write() as session:
        token = job_rows.claim(session, job_id, "here:1:1", 60.0) or ""
        if state is JobState.SUCCEEDED:
            job_rows.succeed(session, job_id, token)
        else:
            job_rows.fail(session, job_id, token, "fetch_failed", "There is nothing at this address (status 404).")


def waiting(context: Context) -> int:
    with context.database.session() as session:
        return session.scalar(select(func.count()).where(WebhookDelivery.next_try_at.is_not(None))) or 0


def make_due(context: Context) -> None:
    with context.database.write() as session:
        for row in session.scalars(select(WebhookDelivery).where(WebhookDelivery.next_try_at.is_not(None))):
            row.next_try_at = utc_now()


def test_the_end_of_a_job_is_told_and_signed(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url, webhook_secret=SECRET)
    job = Library(context).job(kind=JobKind.EXPORT, faces_found=3)
    end(context, job)
    assert receiver.messages == [], "only after the commit"
    assert webhooks.deliver_due(context) == 1
    [(headers, body)] = receiver.messages
    message = json.loads(body)
    assert message["event"] == "job.succeeded"
    assert message["id"] == headers["X-Faaaaaces-Id"]
    assert (message["job"]["job_id"], message["job"]["status"], message["job"]["kind"]) == (job, "succeeded", "export")
    assert message["job"]["error"] is None
    stamp = headers["X-Faaaaaces-Timestamp"]
    assert abs(int(stamp) - utc_now().timestamp()) < 300
    mine = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["X-Faaaaaces-Signature"], f"v1={mine}")
    other = hmac.new(b"wrong", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Faaaaaces-Signature"] != f"v1={other}"
    assert headers["X-Faaaaaces-Signature"] != webhooks.signature(SECRET, stamp, body + b" ")
    assert webhooks.deliver_due(context) == 0, "it has arrived"


def test_without_a_secret_there_is_no_signature(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    end(context, Library(context).job())
    webhooks.deliver_due(context)
    assert "X-Faaaaaces-Signature" not in receiver.messages[0][0]


def test_every_end_is_told(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    library = Library(context)
    failed, cancelled, given_up, whole = (library.job(library.video(state=None)) for _ in range(4))
    part = library.job(kind=JobKind.SEGMENT, parent_id=whole)
    end(context, failed, JobState.FAILED)
    job_control.cancel_job(context, cancelled)
    library.change_job(given_up, state=JobState.RUNNING, lease_token="gone", interruptions=9)
    with context.database.write() as session:
        job_rows.requeue_stale(session, utc_now(), lambda _: True)
    library.change_job(whole, state=JobState.RUNNING)
    end(context, part, JobState.FAILED)
    paused = library.job(library.video(state=None))
    job_control.pause_job(context, paused)
    webhooks.deliver_due(context)
    told = {(message["job"]["job_id"], message["event"]) for message in receiver.told}
    assert told == {
        (failed, "job.failed"),
        (cancelled, "job.cancelled"),
        (given_up, "job.failed"),
        (whole, "job.failed"),
    }
    error = next(message["job"]["error"] for message in receiver.told if message["job"]["job_id"] == failed)
    assert error == {"code": "fetch_failed", "message": "There is nothing at this address (status 404)."}


def test_an_end_that_is_taken_back_is_not_told(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    job = Library(context).job()

    def fail_at_last() -> None:
        with context.database.write() as session:
            job_rows.request_cancel(session, job)
            raise InvalidInputError("Something else is wrong.")

    with pytest.raises(InvalidInputError):
        fail_at_last()
    assert waiting(context) == 0


def test_a_request_may_name_its_own_receiver(make: MakeContext, receiver: Receiver) -> None:
    context = make(allowed_fetch_hosts="127.0.0.1")
    alone = submit_url(context, "https://example.org/a.mp4", IngestOptions(webhook_url=receiver.url))
    silent = submit_url(context, "https://example.org/b.mp4")
    end(context, alone.job_id)
    end(context, silent.job_id)
    webhooks.deliver_due(context)
    assert [message["job"]["job_id"] for message in receiver.told] == [alone.job_id]


def test_a_batch_is_told_after_its_last_job(make: MakeContext, receiver: Receiver) -> None:
    context = make(allowed_fetch_hosts="127.0.0.1", webhook_url=receiver.url)
    links = ["https://example.org/a.mp4", "https://example.org/b.mp4"]
    batch, submissions = submit_urls(context, links, IngestOptions(webhook_url=receiver.url))
    first, second = (item.job_id for item in submissions)
    end(context, first)
    webhooks.deliver_due(context)
    assert receiver.events == ["job.succeeded"], "one address, one message, though it was given twice"
    end(context, second, JobState.FAILED)
    webhooks.deliver_due(context)
    assert sorted(receiver.events[1:]) == ["batch.ended", "job.failed"]
    about = next(message["batch"] for message in receiver.told if message["event"] == "batch.ended")
    assert (about["batch_id"], about["jobs"]) == (batch, {"succeeded": 1, "failed": 1})


def test_a_large_batch_that_is_cancelled_is_one_message(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    with context.database.write() as session:
        batch = batch_rows.add(session, "150 links").id
        job_rows.add_many(session, JobKind.FETCH_VIDEO, [{}] * 150, batch_id=batch)
    assert job_control.cancel_batch(context, batch) == 150
    webhooks.deliver_due(context)
    assert receiver.events == ["batch.ended"]


def test_tried_again_with_growing_pauses_then_given_up(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    receiver.status = 500
    end(context, Library(context).job())
    pauses = []
    for tries in range(1, 7):
        before = utc_now()
        assert webhooks.deliver_due(context) == 0
        after = utc_now()
        assert len(receiver.messages) == tries
        assert webhooks.deliver_due(context) == 0
        assert len(receiver.messages) == tries, "not before its time"
        with context.database.session() as session:
            row = session.scalars(select(WebhookDelivery)).one()
        assert (row.attempts, row.error) == (tries, "The receiver answered with status 500.")
        if row.next_try_at is not None:
            between = (
                before + timedelta(seconds=wait) <= row.next_try_at <= after + timedelta(seconds=wait) for wait in WAITS
            )
            pauses += [wait for wait, fits in zip(WAITS, between, strict=True) if fits]
        make_due(context)
    assert pauses == list(WAITS)
    assert waiting(context) == 0
    assert len({headers["X-Faaaaaces-Id"] for headers, _ in receiver.messages}) == 1, "the id tells that it is the same"


def test_arrives_once_the_receiver_is_back(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    receiver.status = 503
    end(context, Library(context).job())
    assert webhooks.deliver_due(context) == 0
    receiver.status = 200
    make_due(context)
    assert webhooks.deliver_due(context) == 1
    assert waiting(context) == 0


def test_one_receiver_that_is_away_does_not_hold_up_others(make: MakeContext, receiver: Receiver) -> None:
    with Website() as away:
        gone = away.fail("/hook", 500)
        context = make(webhook_url=receiver.url, allowed_fetch_hosts="127.0.0.1")
        library = Library(context)
        for _ in range(5):
            end(context, library.job(params={"webhook_url": gone}))
        webhooks.deliver_due(context)
        assert away.requests == ["/hook"], "the others wait with it"
        assert len(receiver.messages) == 5


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
def test_a_request_cannot_send_us_into_a_private_network(make: MakeContext, receiver: Receiver, host: str) -> None:
    context = make()
    url = f"http://{host}:{receiver.site.port}/hook"
    submission = submit_url(context, "https://example.org/a.mp4", IngestOptions(webhook_url=url))
    end(context, submission.job_id)
    assert webhooks.deliver_due(context) == 0
    assert receiver.site.requests == []
    assert waiting(context) == 0, "trying again would not help"


def test_a_redirect_is_not_followed(make: MakeContext, receiver: Receiver) -> None:
    with Website() as inner:
        inner.serve("/secret", b"secret")
        context = make(webhook_url=receiver.site.redirect("/moved", inner.url("/secret"), 307))
        end(context, Library(context).job())
        assert webhooks.deliver_due(context) == 0
        assert inner.requests == []


def test_two_that_send_at_once_send_once(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    library = Library(context)
    for _ in range(10):
        end(context, library.job())
    threads = [threading.Thread(target=webhooks.deliver_due, args=(context,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(receiver.messages) == 10


def test_one_whose_sender_died_is_sent_later(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    end(context, Library(context).job())
    with context.database.write() as session:
        assert webhooks.rows.take_due(session, utc_now(), webhooks.TAKEN_SECONDS) is not None
    assert webhooks.deliver_due(context) == 0
    with context.database.write() as session:
        session.scalars(select(WebhookDelivery)).one().next_try_at = utc_now() - timedelta(seconds=1)
    assert webhooks.deliver_due(context) == 1


def test_a_worker_sends_right_after_the_end(make: MakeContext, receiver: Receiver) -> None:
    from app.services.jobs import Outcome, run_job

    context = make(webhook_url=receiver.url)
    with context.database.write() as session:
        job = job_rows.add(session, JobKind.EXPORT, params={"what": "faces", "format": "csv"}).id
    assert run_job(context, job) is Outcome.SUCCEEDED
    assert receiver.came.wait(30)
    assert receiver.events == ["job.succeeded"]


def test_old_messages_are_removed(make: MakeContext, receiver: Receiver) -> None:
    context = make(webhook_url=receiver.url)
    library = Library(context)
    for _ in range(3):
        end(context, library.job())
    with context.database.write() as session:
        done, young, _ = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)).all()
        done.next_try_at = young.next_try_at = None
        done.created_at = ago(days=8)
    assert webhooks.expire(context) == 1
    with context.database.session() as session:
        assert session.scalar(select(func.count()).select_from(WebhookDelivery)) == 2
        assert session.scalar(select(func.count()).select_from(Job)) == 3


@pytest.mark.parametrize("url", ["ftp://example.org", "http://", "javascript:alert(1)", "http://a:b@example.org/", "x"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInputError, match="webhook_url"):
        check_webhook_url(url)


@pytest.mark.parametrize(("url", "checked"), [(None, None), ("  ", None), (" https://a.org/x ", "https://a.org/x")])
def test_what_is_one(url: str | None, checked: str | None) -> None:
    assert check_webhook_url(url) == checked
