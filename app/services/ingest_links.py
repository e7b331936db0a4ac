"""Brings videos into the library by their addresses: one, thousands, or those of a playlist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.orm import Session

from app.domain import JobKind, QueueName, VideoOrigin
from app.errors import AppError, InvalidInputError
from app.services.context import Context
from app.services.filing import Submission, asked_for, checked_options
from app.services.ingest_options import IngestOptions
from app.services.webhook_messages import check_webhook_url
from app.storage import batches as batch_rows
from app.storage import jobs as job_rows
from app.storage import sources as source_rows
from app.storage import videos as video_rows
from app.storage.blobs import safe_file_name

MAX_URLS = 10_000
"""Most addresses in one request."""

MAX_URL_LENGTH = 4096
NO_OPTIONS = IngestOptions()


@dataclass(frozen=True, slots=True)
class Link:
    """An address that was checked.

    Attributes:
        address: http or https.
        item: Which of the videos there is meant, from 1; ``None`` for the only or the first one.
        title: What it is called, where that is known already.
        page_url: The playlist that named it.
    """

    address: str
    item: int | None = None
    title: str | None = None
    page_url: str | None = None


def submit_url(context: Context, url: str, options: IngestOptions = NO_OPTIONS) -> Submission:
    """Queues the download and processing of a video's address.

    Args:
        context: The context.
        url: An http or https address of a video or of a page that shows one.
        options: How it shall be looked at.

    Raises:
        InvalidInputError: The address is no http(s) address, or the interval is out of range.
    """
    address = check_url(url)
    checked = _checked_options(context, options)
    with context.database.write() as session:
        submission = file_links(session, [Link(address)], checked)[0]
    context.queue.send(JobKind.FETCH_VIDEO, submission.job_id)
    return submission


def submit_urls(
    context: Context, urls: Sequence[str], options: IngestOptions = NO_OPTIONS, *, title: str | None = None
) -> tuple[str, list[Submission | AppError]]:
    """Queues many addresses as one batch; a bad one does not spoil the others, and one named twice is filed once.

    Args:
        context: The context.
        urls: The addresses, at most :data:`MAX_URLS`.
        options: How all of them shall be looked at.
        title: What the batch is called; how many links it has where ``None``.

    Returns:
        The batch's id (empty where nothing could be filed), and for each address in order its submission or what is
        wrong with it.

    Raises:
        InvalidInputError: There is no address at all, there are too many, or the interval is out of range.
    """
    if not urls:
        raise InvalidInputError("Give at least one address.")
    if len(urls) > MAX_URLS:
        raise InvalidInputError(f"These are {len(urls)} addresses; at most {MAX_URLS} can be added at once.")
    checked = _checked_options(context, options)
    looked_at = [_checked(url) for url in urls]
    addresses = list(dict.fromkeys(address for address in looked_at if isinstance(address, str)))
    if not addresses:
        return "", [result for result in looked_at if isinstance(result, AppError)]
    with context.database.write() as session:
        batch_id = file_batch(session, title or count_links(len(addresses)), checked)
        filed = file_links(session, [Link(address) for address in addresses], replace(checked, batch_id=batch_id))
    context.queue.wake(QueueName.DOWNLOAD, min(len(filed), context.settings.download_concurrency))
    return batch_id, _in_order(looked_at, dict(zip(addresses, filed, strict=True)))


def file_batch(session: Session, title: str, options: IngestOptions) -> str:
    """Files a batch for links; returns its id."""
    params = asked_for(options)
    return batch_rows.add(session, title, params=params, webhook_url=options.webhook_url).id


def file_links(session: Session, links: Sequence[Link], options: IngestOptions) -> list[Submission]:
    """Adds a video, its source and its job for each link, by a few statements; wake the queue after the commit.

    Args:
        session: A writing session.
        links: The links, in the order in which they shall be served.
        options: From :func:`app.services.filing.checked_options`; with ``batch_id`` where they belong together.
    """
    titles = [(link.title or link.address)[:500] for link in links]
    video_ids = video_rows.add_links(
        session, [(_file_name(link.address), title, link.address) for link, title in zip(links, titles, strict=True)]
    )
    source_rows.add_many(
        session,
        VideoOrigin.URL,
        [
            {"video_id": video_id, "address": link.address, "title": link.title, "page_url": link.page_url}
            for video_id, link in zip(video_ids, links, strict=True)
        ],
    )
    job_ids = job_rows.add_many(
        session,
        JobKind.FETCH_VIDEO,
        [
            {"video_id": video_id, "params": _params(link, options)}
            for video_id, link in zip(video_ids, links, strict=True)
        ],
        batch_id=options.batch_id,
        priority=options.chosen_priority,
    )
    return [
        Submission(video_id, job_id, interval=options.interval, sampling=options.sampling, title=title)
        for video_id, job_id, title in zip(video_ids, job_ids, titles, strict=True)
    ]


def read_list(text: str) -> list[str]:
    """The addresses in a text with one per line; empty lines and those that begin with ``#`` are left out."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def count_links(count: int) -> str:
    """``1 link``, ``2 links``."""
    return "1 link" if count == 1 else f"{count} links"


def check_url(url: str) -> str:
    """The address without surrounding blanks.

    Raises:
        InvalidInputError: It is not an http(s) address of a host.
    """
    address = url.strip()
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(address) > MAX_URL_LENGTH or any(c.isspace() or not c.isprintable() for c in address):
        raise InvalidInputError("This is not a web address. It must begin with http:// or https://.")
    return address


def _checked_options(context: Context, options: IngestOptions) -> IngestOptions:
    return replace(checked_options(context, options), webhook_url=check_webhook_url(options.webhook_url))


def _checked(url: str) -> str | AppError:
    try:
        return check_url(url)
    except InvalidInputError as error:
        return error


def _in_order(looked_at: Sequence[str | AppError], filed: dict[str, Submission]) -> list[Submission | AppError]:
    seen: set[str] = set()
    results: list[Submission | AppError] = []
    for item in looked_at:
        if isinstance(item, AppError):
            results.append(item)
            continue
        results.append(replace(filed[item], duplicate=item in seen))
        seen.add(item)
    return results


def _params(link: Link, options: IngestOptions) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if link.item is not None:
        more["item"] = link.item
    if options.playlist:
        more["playlist"] = True
    if options.again:
        more["again"] = True
    return {**asked_for(options), **more}


def _file_name(address: str) -> str:
    return safe_file_name(unquote(Path(urlsplit(address).path).name) or "video")
