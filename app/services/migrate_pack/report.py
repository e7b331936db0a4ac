"""What a change of pack comes to, before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from app.storage.migration import GoneFace


@dataclass(frozen=True)
class State:
    """The library under one pack.

    Attributes:
        pack: Name of the pack.
        people: People, those without a face included.
        named: People who have a name.
        named_seen: Those of them who own at least one track.
        usable_tracks: Tracks that may found a person.
        owned_tracks: Tracks that belong to somebody.
    """

    pack: str
    people: int
    named: int
    named_seen: int
    usable_tracks: int
    owned_tracks: int


@dataclass(frozen=True)
class MigrationReport:
    """What a change of pack comes to.

    Attributes:
        before: The library now, or as it was.
        after: The library as it would be, or is.
        faces: Faces of the library.
        tracks: Tracks of the library.
        sources: How many new vectors come from where: ``crop``, ``frame``, ``kept`` (measured by that pack before) and
            ``gone`` (no vector: crop and video are missing).
        gone: The faces of ``gone``. They keep their old vector, track and person, and take no part in grouping.
        changed_tracks: Tracks that change hands.
        new_people: People who come new.
        measured: Faces that this run measured itself.
        seconds: What measuring them took.
        applied: Whether it was done.
    """

    before: State
    after: State
    faces: int
    tracks: int
    sources: dict[str, int]
    gone: tuple[GoneFace, ...]
    changed_tracks: int
    new_people: int
    measured: int = 0
    seconds: float = 0.0
    applied: bool = False

    @property
    def estimated_seconds(self) -> float:
        """How long a whole run takes, at the speed of this one; 0 where nothing had to be measured."""
        whole = self.sources.get("crop", 0) + self.sources.get("frame", 0)
        return self.seconds / self.measured * whole if self.measured else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The report for programs."""
        return {**asdict(self), "estimated_seconds": round(self.estimated_seconds, 1)}


@dataclass
class Progress:
    """How far the work is.

    Attributes:
        step: ``measuring``, ``grouping`` or ``changing``.
        done: Faces measured, those of earlier attempts included.
        total: Faces in all.
    """

    step: str = "measuring"
    done: int = 0
    total: int = 0
    tell: Callable[[Progress], None] = field(default=lambda _: None, repr=False)

    def add(self, faces: int) -> None:
        """Counts faces and tells whoever watches."""
        self.done += faces
        self.tell(self)

    def begin(self, step: str) -> None:
        """Goes to the next step."""
        self.step = step
        self.tell(self)
