"""Packs: a detector, an embedder and the thresholds that were measured for the two together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np

from app.domain import FloatArray
from app.errors import ConfigError


@dataclass(frozen=True)
class Pack:
    """A detector and an embedder with their calibration. All distances are cosine distances, 0..2.

    Attributes:
        name: The name in the settings.
        space: Name of the embedding space; changes whenever old and new vectors can no longer be compared.
        detector: Which detector the engine builds.
        embedder: Which embedder the engine builds.
        dimension: Length of an embedding.
        same_person_distance: Two single faces nearer than this are more likely one person than two.
        grouping_distance: Where clustering stops, for means of tracks under average linkage.
        similarity_scale: Width of the logistic curve of :meth:`similarity`, in distance.
    """

    name: str
    space: str
    detector: str
    embedder: str
    dimension: int
    same_person_distance: float
    grouping_distance: float
    similarity_scale: float

    @overload
    def similarity(self, distance: float) -> float: ...

    @overload
    def similarity(self, distance: FloatArray) -> FloatArray: ...

    def similarity(self, distance: float | FloatArray) -> float | FloatArray:
        """How surely two faces at a distance are one person.

        Args:
            distance: One cosine distance, or an array of them.

        Returns:
            0..1, falling with the distance, 0.5 at :attr:`same_person_distance`; of the same type as ``distance``.
        """
        slope = (np.asarray(distance, np.float64) - self.same_person_distance) / self.similarity_scale
        value = np.asarray(1.0 / (1.0 + np.exp(slope)), np.float32)
        return value if isinstance(distance, np.ndarray) else float(value)

    def distance_at(self, similarity: float) -> float:
        """The distance at which :meth:`similarity` takes a value; its inverse.

        Args:
            similarity: Between 0 and 1, both excluded.

        Returns:
            Cosine distance, kept within 0..2.

        Raises:
            ConfigError: The similarity is not between 0 and 1.
        """
        if not 0.0 < similarity < 1.0:
            raise ConfigError("A similarity threshold must lie between 0 and 1, both excluded.")
        distance = self.same_person_distance + self.similarity_scale * math.log(1.0 / similarity - 1.0)
        return min(max(distance, 0.0), 2.0)


BUNDLED = Pack(
    name="bundled",
    space="dlib-resnet-v1/mtcnn-5-points",
    detector="mtcnn",
    embedder="dlib-resnet-v1",
    dimension=128,
    same_person_distance=0.1,
    grouping_distance=0.08,
    similarity_scale=0.015,
)

_PACKS = {pack.name: pack for pack in (BUNDLED,)}


def get_pack(name: str) -> Pack:
    """Finds a pack by its name.

    Raises:
        ConfigError: There is no such pack.
    """
    try:
        return _PACKS[name]
    except KeyError as error:
        raise ConfigError(f"There is no pack {name!r}. Known packs: {', '.join(sorted(_PACKS))}.") from error
