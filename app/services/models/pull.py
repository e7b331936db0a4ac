"""Fetches weights into DeepFace's own folder: resumed, checked, one fetcher at a time."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import FetchError, ModelError, TooLargeError
from app.media.fetch import SafeFetcher
from app.media.resume import fetch_resumable, forget_part
from app.services.models.onnx_file import is_whole_onnx
from app.services.models.records import Record, Records
from app.services.models.sources import Weight
from app.services.models.store import PULL, accept, checksum, shown_folder, verify
from app.vision import ModelFiles

logger = logging.getLogger(__name__)

LOCK_NAME = ".faaaaaces.lock"
MAX_BYTES = 2_000_000_000
MAX_SECONDS = 6 * 3600.0
WAIT_SECONDS = 0.2

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes there are and the bytes there will be (``None`` where unknown)."""


@dataclass(frozen=True)
class Network:
    """How to reach the outside.

    Attributes:
        allowed_hosts: Hosts that may be private.
        connect_timeout: Seconds to wait for a connection.
        timeout: Seconds to wait for every piece.
    """

    allowed_hosts: tuple[str, ...] = ()
    connect_timeout: float = 15.0
    timeout: float = 30.0

    def fetcher(self) -> SafeFetcher:
        """The guarded client."""
        return SafeFetcher(
            max_bytes=MAX_BYTES,
            allowed_hosts=self.allowed_hosts,
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
            max_seconds=MAX_SECONDS,
        )


def pull(
    files: ModelFiles,
    weights: Sequence[Weight],
    network: Network,
    *,
    progress: Progress = lambda name, done, total: None,
    waiting: Callable[[], None] = lambda: None,
    accept_changed: bool = False,
) -> list[str]:
    """Fetches what is missing or damaged.

    What comes is written beside its place, compared with what was recorded earlier, and moved there in one step. An
    interrupted download goes on at the next call, also after the program was killed.

    Args:
        files: Where weights lie.
        weights: Which are needed.
        network: How to reach the outside.
        progress: Told about every piece; what it raises ends the download.
        waiting: Called while another process fetches; what it raises ends the waiting.
        accept_changed: Take files that differ from what was recorded earlier, those there and those that come.

    Returns:
        Names of the files that were fetched.

    Raises:
        ModelError: They cannot be fetched or written; one sentence that says what to do.
    """
    records = Records(files.cache)
    if not (wanted := _unfit(files, weights, records, accept_changed)):
        return []
    folder = files.deepface
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / LOCK_NAME, waiting):
            wanted = _unfit(files, weights, records, accept_changed)  # another process may have fetched them meanwhile
            for weight in wanted:
                _fetch(weight, folder, network, records, progress, accept_changed)
    except (FetchError, TooLargeError) as error:
        raise ModelError(_by_hand(files, _unfit(files, weights, records, accept_changed), error.message)) from error
    except OSError as error:
        raise ModelError(
            f"The weights cannot be written to {shown_folder(files)} ({error.strerror}); let there be room and permission, "
            "or set DEEPFACE_HOME to another folder."
        ) from error
    records.forget_failure()
    return [weight.name for weight in wanted]


def _unfit(files: ModelFiles, weights: Iterable[Weight], records: Records, accept_changed: bool) -> list[Weight]:
    return [weight for weight in weights if not _is_fit(weight, files.deepface / weight.name, records, accept_changed)]


def _is_fit(weight: Weight, path: Path, records: Records, accept_changed: bool) -> bool:
    if not path.is_file():
        return False
    try:
        verify(weight, path, records)
    except ModelError:
        if not accept_changed:
            return False
        try:
            accept(weight, path, records)
        except ModelError:
            return False
    return True


def _fetch(
    weight: Weight, folder: Path, network: Network, records: Records, progress: Progress, accept_changed: bool
) -> None:
    """Tries one address after the other.

    Raises:
        FetchError: None of them gave the file.
        OSError: It cannot be written.
    """
    part = folder / f"{weight.name}.part"
    reasons = []
    for url in weight.urls:
        try:
            fetch_resumable(network.fetcher(), url, part, lambda done, total: progress(weight.name, done, total))
            record = _judge(weight, part, url, records, accept_changed)
        except (FetchError, TooLargeError) as error:
            logger.info("weights not fetched: %s", error.message, extra={"weights": weight.name, "url": url})
            reasons.append(error.message.rstrip("."))
            continue
        part.replace(folder / weight.name)
        forget_part(part)
        records.put(weight.name, record)
        logger.info("weights fetched", extra={"weights": weight.name, "sha256": record.sha256})
        return
    raise FetchError("; ".join(dict.fromkeys(reasons)))


def _judge(weight: Weight, part: Path, url: str, records: Records, accept_changed: bool) -> Record:
    """Raises a :class:`FetchError`, and removes the file, where it is not what is wanted."""
    if not is_whole_onnx(part):
        forget_part(part)
        raise FetchError(f"What came as {weight.name} is cut off or no network at all.")
    state, sha256, known = part.stat(), checksum(part), records.get(weight.name)
    if known is not None and known.sha256 != sha256 and not accept_changed:
        forget_part(part)
        raise FetchError(
            f"What came as {weight.name} differs from what was recorded earlier; "
            "`faaaaaces models pull --accept` takes it nevertheless."
        )
    return Record(state.st_size, sha256, state.st_mtime_ns, url)


def _by_hand(files: ModelFiles, missing: Sequence[Weight], reason: str) -> str:
    folders = list(dict.fromkeys(url.rsplit("/", 1)[0] for weight in missing for url in weight.urls))
    names = " and ".join(weight.name for weight in missing)
    return (
        f"The weights cannot be fetched ({reason.rstrip('.')}): run {PULL} when there is a network, or fetch {names} from "
        f"{' or '.join(folders)} on another machine and put {'it' if len(missing) == 1 else 'them'} into {shown_folder(files)}."
    )


@contextmanager
def _alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds a lock that ends with its process, so a killed fetcher never blocks the next one."""
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(WAIT_SECONDS)
        yield
