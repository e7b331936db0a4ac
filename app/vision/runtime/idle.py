"""Unloads networks that nobody runs: one thread of a process watches over all of them."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable
from typing import Protocol

from app.vision.runtime.memory import give_back_memory


class Unloadable(Protocol):
    """Something that holds memory while it is loaded, and loads itself again when it is needed."""

    def unload_if_idle(self) -> tuple[bool, float | None]:
        """Unloads where it was idle for long enough.

        Returns:
            Whether it was unloaded just now; and in how many seconds to ask again, ``None`` where nothing is loaded.
        """


class IdleWatch:
    """Asks what is loaded, whenever it may be due, to unload itself, and hands the memory back to the system.

    Its thread lives only while there is something loaded. What it watches it knows by weak reference.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: weakref.WeakSet[Unloadable] = weakref.WeakSet()
        self._news = False
        self._thread: threading.Thread | None = None

    def add(self, loaded: Unloadable) -> None:
        """Watches over something that was just loaded."""
        with self._changed:
            self._watched.add(loaded)
            self._news = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="idle-networks", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._news = False
                watched = list(self._watched)
            # Not under our lock: who is loading holds its own, and takes ours to be added.
            due = _ask(watched)
            del watched
            with self._changed:
                if self._news:
                    continue
                if due is None:
                    self._thread = None
                    return
                self._changed.wait(due)


def _ask(watched: Iterable[Unloadable]) -> float | None:
    """Asks each; gives the seconds until the next is due, ``None`` where nothing is loaded any more."""
    answers = [each.unload_if_idle() for each in watched]
    if any(unloaded for unloaded, _ in answers):
        give_back_memory()
    return min((seconds for _, seconds in answers if seconds is not None), default=None)


_watches: dict[int, IdleWatch] = {}


def idle_watch() -> IdleWatch:
    """The watch of this process; one that was forked needs a thread of its own."""
    return _watches.setdefault(os.getpid(), IdleWatch())
