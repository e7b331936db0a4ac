"""What is searched for, and what a search gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from app.domain import BoundingBox
from app.errors import InvalidInputError
from app.storage.lookup import FaceDescription, Limits

LIKELY = 50.0
MOST_RESULTS = 1000


class OnePer(StrEnum):
    """Of what a list of moments names the nearest face alone."""

    FACE = "face"
    TRACK = "track"
    VIDEO = "video"


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        top: How many moments, and at most how many people, to return for each face; 1..1000.
        min_similarity: 0..100; what is less similar is left out.
        one_per: Name each face, or only the nearest of each track or video.
        limits: Which faces may be found.
        approximate: Whether a few may be missed, for speed in libraries of millions.
        with_hidden: Whether people who are hidden or ignored are found.
    """

    top: int = 20
    min_similarity: float = 0.0
    one_per: OnePer = OnePer.FACE
    limits: Limits = field(default_factory=Limits)
    approximate: bool = False
    with_hidden: bool = False

    def check(self) -> None:
        """Raises InvalidInputError where a number is out of range."""
        if not 1 <= self.top <= MOST_RESULTS:
            raise InvalidInputError(f"The number of results must be between 1 and {MOST_RESULTS}.")
        if not 0.0 <= self.min_similarity <= 100.0:
            raise InvalidInputError("The least similarity must be between 0 and 100.")
        if self.limits.after and self.limits.before and self.limits.after > self.limits.before:
            raise InvalidInputError("The first day must not be after the last day.")


@dataclass(frozen=True)
class Moment:
    """One face of the library that resembles the face asked for.

    Attributes:
        face: The face: where and when it is seen, and whose it is held to be.
        similarity: 0..100; 50 is where one person becomes more likely than two.
    """

    face: FaceDescription
    similarity: float


@dataclass(frozen=True)
class PersonMatch:
    """A person who resembles the face asked for.

    Attributes:
        person_id: The person.
        name: Their name, if any.
        similarity: 0..100, that of their nearest face.
        moments: How many of their faces, among those that were looked at, are more likely the same person than not.
        cover_key: Key of the crop that stands for them.
    """

    person_id: int
    name: str | None
    similarity: float
    moments: int
    cover_key: str | None = None


@dataclass(frozen=True)
class Matches:
    """What the library knows of one face, nearest first.

    Attributes:
        people: The nearest people.
        moments: The nearest faces.
    """

    people: tuple[PersonMatch, ...]
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class FaceMatches(Matches):
    """What the library knows of one face of a picture.

    Attributes:
        index: Which face of the picture it is, from 0, most confident first.
        box: Where the face is, in pixels of the picture.
        confidence: 0..1, the detector's.
        quality: 0..1; of a poor face similarities say little.
    """

    index: int
    box: BoundingBox
    confidence: float
    quality: float
