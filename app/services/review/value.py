"""What an answer is worth.

Two that are kept apart and are one person with probability *p* leave, until somebody says so, some faces at the wrong
place: expected ``p * faces``. An answer ends that, whatever it is, so ``p * faces`` is the number of faces that it puts
right on average. Which faces are at the wrong place:

* of two people of whom one has a name: all of the other's, for nobody finds them under the name, however many they are;
* of two others: those of the smaller one;
* of a track that is nobody's and a person: the track's.

Two people whom somebody gave different names are most likely two, whatever they look like: their probability counts a
tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

TWO_NAMES = 0.1


@dataclass(frozen=True, slots=True)
class Facts:
    """What the value of a question about a person depends on.

    Attributes:
        faces: How many faces they have.
        name: Their name, or ``None``.
    """

    faces: int
    name: str | None


def misplaced(one: Facts, other: Facts) -> int:
    """How many faces are at the wrong place if two people are one."""
    if (one.name is None) != (other.name is None):
        return one.faces if one.name is None else other.faces
    return min(one.faces, other.faces)


def value_of_people(similarity: float, one: Facts, other: Facts) -> float:
    """Expected number of faces that an answer about two people puts right.

    Args:
        similarity: Probability that they are one, 0..1.
        one: One of them.
        other: The other one.
    """
    names = {name.casefold() for name in (one.name, other.name) if name is not None}
    return similarity * (TWO_NAMES if len(names) > 1 else 1.0) * misplaced(one, other)


def value_of_track(similarity: float, faces: int) -> float:
    """The same for a track that is nobody's and a person.

    Args:
        similarity: Probability that the track shows the person, 0..1.
        faces: How many faces the track has.
    """
    return similarity * faces
