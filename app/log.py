"""One form for all log lines: time, level, process, fixed text, then ids as ``key=value``."""

from __future__ import annotations

import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "data"}


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Appends what was passed as ``extra`` to the line."""
        line = super().format(record)
        extra = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        return f"{line} {extra}" if extra else line


def configure_logging(level: str) -> None:
    """Sends the log of this process to the standard error stream.

    Args:
        level: Name of the lowest level that is written, such as ``INFO``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("celery.beat", "celery.worker.strategy", "celery.app.trace", "alembic", "kombu"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
