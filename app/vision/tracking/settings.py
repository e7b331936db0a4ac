"""When faces are linked, and what a track must have to count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TrackRules:
    """What ``deep_sort.yaml`` says, under the names that DeepSORT gave these things.

    Distances of faces are shares of a pack's ``same_person_distance``, so that one file suits every pack; all times are
    seconds, so that it suits every rate of sampling.

    Attributes:
        max_cosine_distance: How far a face may be from a track when its place says nothing; > 0, up to 3.
        nn_budget: How many looks of its face a track remembers; 1 to 10,000.
        max_iou_distance: How little a face may overlap with where it was expected for its place to speak for it: 1 less
            the overlap, 0 to 1.
        max_age: Seconds for which a track waits for its face to come back; > 0, up to 3600.
        n_init: Usable faces with which a track counts, however poor each of them; 1 to 100.
    """

    max_cosine_distance: float = 0.8
    nn_budget: int = 50
    max_iou_distance: float = 0.7
    max_age: float = 3.0
    n_init: int = 2

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> TrackRules:
        """Rules from what was read of a file; what it leaves out is as it comes with the program.

        Raises:
            ConfigError: A name is unknown or a value is of no use; the message says which, and what would be.
        """
        unknown = sorted(str(name) for name in values if name not in _LIMITS)
        if unknown:
            raise ConfigError(f"{unknown[0]!r} is no setting of tracks. There are: {', '.join(_LIMITS)}.")
        return cls(**{name: _LIMITS[name](name, value) for name, value in values.items()})


def _number(low: float, high: float, *, low_too: bool = False) -> Callable[[str, object], float]:
    def check(name: str, value: object) -> float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not (low < float(value) <= high or (low_too and float(value) == low)):  # type: ignore[arg-type]
            begin = f"{low:g} or more" if low_too else f"more than {low:g}"
            raise ConfigError(f"{name} must be a number, {begin} and not more than {high:g}; it is {value!r}.")
        return float(value)  # type: ignore[arg-type]

    return check


def _count(high: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= high:
            raise ConfigError(f"{name} must be a whole number from 1 to {high}; it is {value!r}.")
        return value

    return check


_LIMITS: dict[str, Callable[[str, object], Any]] = {
    "max_cosine_distance": _number(0, 3),
    "nn_budget": _count(10_000),
    "max_iou_distance": _number(0, 1, low_too=True),
    "max_age": _number(0, 3600),
    "n_init": _count(100),
}

# As shares of ``max_cosine_distance``. Measured on real clips; with the default they are 1.2 and 1.8 of a pack's
# ``same_person_distance``.
_SUPPORTED = 1.5
_POOR = 2.25

_DEFAULT = TrackRules()


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """The rules for one pack: distances are cosine distances, 0..2.

    Attributes:
        appearance_limit: Largest distance to a track when the place says nothing.
        supported_limit: The same when the place agrees fully.
        poor_limit: The same for a poor face whose place agrees fully.
        max_age: Seconds for which a track waits for its face to come back.
        max_missed: Samples for which it waits in any case, where sampling is sparser than ``max_age``.
        max_iou_distance: 1 less the overlap that a face must have with where it was expected, for its place to count.
        nn_budget: How many looks of its face a track remembers.
        support_seconds: Time after which the agreement of places is worth 1/e, where a cut may have come between.
        shot_seconds: The same for a poor face, where it is known that none has.
        n_init: Usable faces with which a track counts.
        lone_quality: A track of fewer counts only when one of its faces is at least this good, 0..1.
        false_share: A track counts only when a smaller share of its faces than this looks like no face at all.
    """

    appearance_limit: float
    supported_limit: float
    poor_limit: float
    max_age: float = _DEFAULT.max_age
    max_missed: int = 2
    max_iou_distance: float = _DEFAULT.max_iou_distance
    nn_budget: int = _DEFAULT.nn_budget
    support_seconds: float = 0.5
    shot_seconds: float = 2.0
    n_init: int = _DEFAULT.n_init
    lone_quality: float = 0.3
    false_share: float = 0.5

    @classmethod
    def for_distance(cls, same_person_distance: float, rules: TrackRules | None = None) -> TrackSettings:
        """Settings for a pack, from the distance at which two single faces are as likely one person as two."""
        rules = rules or _DEFAULT
        limit = rules.max_cosine_distance * same_person_distance
        return cls(
            appearance_limit=limit,
            supported_limit=_SUPPORTED * limit,
            poor_limit=_POOR * limit,
            max_age=rules.max_age,
            max_iou_distance=rules.max_iou_distance,
            nn_budget=rules.nn_budget,
            n_init=rules.n_init,
        )
