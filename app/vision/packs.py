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
        grouping_distance: Where clustering stops, for means of tracks (unit length) under average linkage.
        similarity_scale: Width of the logistic curve of :meth:`similarity`, in distance.
        track_noise: Distance by which two faces of one track differ on average, for means that are compared as
            single faces are.
        face_grouping_distance: What :attr:`grouping_distance` is for such means.
        flip: Whether an embedding is the mean of the chip's and its mirror image's.
        compatible: Whether faces are cut and scaled as DeepFace does it, to match embeddings made with it.
    """

    name: str
    space: str
    detector: str
    embedder: str
    dimension: int
    same_person_distance: float
    grouping_distance: float
    similarity_scale: float
    track_noise: float
    face_grouping_distance: float
    flip: bool = True
    compatible: bool = False

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

    def grouping_distance_at(self, similarity: float) -> float:
        """Where clustering of means of tracks stops for a similarity that a person has set.

        Means of tracks are nearer to each other than single faces, so :meth:`distance_at` would merge strangers.

        Args:
            similarity: Between 0 and 1, both excluded; 0.5 gives :attr:`grouping_distance`, more splits, less merges.

        Returns:
            Cosine distance.

        Raises:
            ConfigError: The similarity is not between 0 and 1.
        """
        return self.distance_at(similarity) / self.same_person_distance * self.grouping_distance


# How the bundled pack's figures were found, on usable faces (120 of 22 people):
#
# Unit length costs nothing: of 234 pairs of stills of one person, 100 % are found where 1 % of 2847 pairs of strangers
# pass, 98.7 % where 0.1 % do; with dlib's plain vectors and L2 it is 100 % and 98.3 %. Subtracting a mean first helps
# on the people it was taken from and harms on others.
#
# same_person_distance: a logistic curve fitted to same and different pairs, both weighed alike, has its middle at 0.089
# (stills) and 0.084..0.092 (video too). At 0.088 all pairs of stills are found with 0.25 % of strangers; 3.4 % where
# young men filmed by one camera are among them. The width is that of the fit with video.
#
# grouping_distance: the means of 19 tracks of 10 people sampled as usual (twelve clips at 1 s, a concert at 0.5 s) group
# without a fault from 0.0285 to 0.052; the most unlike two of one person are 0.028 apart (0.021 among the clips), the
# most alike of two people 0.044. Over other phases and rates down to 0.1 s, 0.041..0.048 is right most often.
#
# track_noise, face_grouping_distance: 0.025 is the median within a track. With 0.02 the same tracks group without a
# fault from 0.042 to 0.064; where the concert's singer is torn into three tracks, from 0.0525 (0.049 with tracks weighed
# by their faces). The most alike clips of two people are 0.0555 apart, and must stay apart also while they are alone in
# the library. At 0.054, 37 of 56 samplings at 0.25 to 2 s are without a fault and none merges two people; without the
# correction it is 28.
BUNDLED = Pack(
    name="bundled",
    space="dlib-resnet-v1/mtcnn-5-points",
    detector="mtcnn",
    embedder="dlib-resnet-v1",
    dimension=128,
    same_person_distance=0.088,
    grouping_distance=0.042,
    similarity_scale=0.009,
    track_noise=0.02,
    face_grouping_distance=0.054,
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
