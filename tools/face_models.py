"""How alike faces are, measured on real ones, and the figures of a model that gives made-up faces the same.

A face is ``sqrt(common) * u + sqrt(1 - common) * (r * p + sqrt(1 - r**2) * n)``: a part that all faces share, the
person's own direction ``p``, and what changes from picture to picture. ``r`` says how much of a person a picture shows;
it differs from picture to picture, which gives the long tail of pictures of one person that hardly look alike. ``p``
lies in few dimensions, ``n`` in all. So, with ``m`` and ``v`` the mean and variance of ``r``:

* two faces of one person: mean ``m**2``, variance ``2 m**2 v + v**2`` and what ``n`` adds,
* two faces of strangers: mean 0, variance ``(m**2 + v)**2 / dimensions of p`` and what ``n`` adds,

both stretched by ``1 - common`` and moved by ``common``. A poor face has a part in common with other poor faces too,
which is what makes them bridge people: blurred strangers are far more alike than clear ones.

The figures were measured by ``python -m tools.measure_faces`` on the stills and group pictures of the shared test data (81
and 83 usable faces of 14 people), 2026-11-22; the most alike two are among the signers of the clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FaceModel:
    """Cosine similarities of real faces in one embedding space.

    Attributes:
        name: The space.
        dimension: Of the real vectors.
        strangers: Mean and standard deviation of the similarity of two people.
        same: Of two pictures of one person.
        look_alike: Mean similarity of the faces of the two people who are most alike.
        poor_strangers: Mean similarity of poor (blurred) faces of two people.
        poor_same: Of poor faces of one person.
        grouping_distance: Where average linkage stops, of the pack.
    """

    name: str
    dimension: int
    strangers: tuple[float, float]
    same: tuple[float, float]
    look_alike: float
    poor_strangers: float
    poor_same: float
    grouping_distance: float

    def shares(self, dimension: int) -> Shares:
        """The model's figures for vectors of another length, such that the measured similarities come out.

        Args:
            dimension: Length of the vectors, at least 32.

        Raises:
            ValueError: Vectors this short cannot have these similarities.
        """
        if dimension < 32:
            raise ValueError("vectors of fewer than 32 numbers cannot be as faces are")
        common = self.strangers[0]
        stretch = 1.0 - common
        mean = float(np.sqrt((self.same[0] - common) / stretch))
        # of the variance of pairs, what the changing part brings by chance alone
        by_chance = (1.0 - mean**4) / dimension
        own = max((self.same[1] / stretch) ** 2 - by_chance, 0.0)
        spread = float(np.sqrt(mean**4 + own) - mean**2)
        power = mean**2 + spread
        identity = (self.strangers[1] / stretch) ** 2 - (1.0 - power**2) / dimension
        if identity <= 0 or power**2 / identity > dimension - 1:
            raise ValueError(f"vectors of {dimension} numbers cannot be as alike as those of {self.name}")
        blur = (self.poor_strangers - common) / stretch
        shown = ((self.poor_same - common) / stretch - blur) / (1.0 - blur)
        return Shares(
            common=common,
            mean=mean,
            variance=spread,
            identity_dimensions=max(2, round(power**2 / identity)),
            look_alike=(self.look_alike - common) / stretch / mean**2,
            blur=blur,
            poor_mean=float(np.sqrt(shown)),
        )


@dataclass(frozen=True)
class Shares:
    """Figures of the model, see above.

    Attributes:
        common: Of the part that all faces share.
        mean: Of ``r``.
        variance: Of ``r``.
        identity_dimensions: Of ``p``.
        look_alike: Cosine of the directions of two people who look alike.
        blur: Mean share of what poor faces have in common.
        poor_mean: Mean of ``r`` of poor faces.
    """

    common: float
    mean: float
    variance: float
    identity_dimensions: int
    look_alike: float
    blur: float
    poor_mean: float


DLIB = FaceModel(
    name="dlib-resnet-v1",
    dimension=128,
    strangers=(0.833, 0.0315),
    same=(0.955, 0.0158),
    look_alike=0.939,
    poor_strangers=0.887,
    poor_same=0.952,
    grouping_distance=0.054,
)
MOBILEFACENET = FaceModel(
    name="mobilefacenet",
    dimension=128,
    strangers=(0.012, 0.0961),
    same=(0.586, 0.136),
    look_alike=0.369,
    poor_strangers=0.332,
    poor_same=0.545,
    grouping_distance=0.59,
)
MODELS = {model.name: model for model in (DLIB, MOBILEFACENET)}
