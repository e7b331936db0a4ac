"""Packs: a detector, an embedder and the thresholds that were measured for the two together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from app.domain import FloatArray
from app.errors import ConfigError
from app.vision.calibration import Calibration, load_calibration
from app.vision.files import ModelFiles
from app.vision.pack_table import (
    DEEPFACE_DETECTORS,
    DEEPFACE_MODELS,
    DETECTORS,
    EMBEDDERS,
    PACKS,
    Figures,
    deepface_figures,
    scales_of,
)
from app.vision.quality import BUNDLED_SCALES, Scales

DEEPFACE = "deepface:"


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
        calibrated: Whether the distances were measured; ``False`` where they follow from a published threshold, so that
            ``faaaaaces eval`` with pictures of one's own is worth while.
        scales: What the detector's score and the embedder's presence mean.
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
    calibrated: bool = True
    scales: Scales = BUNDLED_SCALES

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


def get_pack(name: str, *, compatible: bool = False, flip: bool | None = None) -> Pack:
    """Finds a pack by its name, with the figures that come with this program.

    Args:
        name: One of :data:`app.vision.pack_table.PACKS`; ``deepface:<detector>/<model>`` with DeepFace's own names; or
            ``<detector>+<embedder>``.
        compatible: Whether faces are cut and scaled as DeepFace does it.
        flip: Whether an embedding is the mean of the chip's and its mirror image's; as suits the embedder when ``None``.

    Raises:
        ConfigError: There is no such pack, or it cannot be had that way.
    """
    detector, embedder, figures = _parts_of(name)
    wanted = figures.flip if flip is None else flip
    if compatible:
        figures, wanted = _as_deepface(name, figures, flip=flip), False
    elif wanted != figures.flip:
        if not figures.can_flip:
            raise ConfigError(f"The pack {name!r} cannot be had with flip averaging switched; leave it as it is.")
        figures = replace(figures, space=f"{figures.space}/{'mirror' if wanted else 'plain'}")
    return Pack(
        name=name,
        space=figures.space,
        detector=detector,
        embedder=embedder,
        dimension=figures.dimension,
        same_person_distance=figures.same_person_distance,
        grouping_distance=figures.grouping_distance,
        similarity_scale=figures.similarity_scale,
        track_noise=figures.track_noise,
        face_grouping_distance=figures.face_grouping_distance,
        flip=wanted,
        compatible=compatible,
        calibrated=figures.calibrated,
        scales=scales_of(detector, embedder),
    )


def load_pack(name: str, files: ModelFiles, *, compatible: bool = False, flip: bool | None = None) -> Pack:
    """Finds a pack as :func:`get_pack` does, with the figures measured on this machine where there are some.

    Where ``faaaaaces eval --save`` stored a calibration for the pack's space, it replaces the distances; those of
    grouping, which it cannot measure, keep their proportion.

    Args:
        name: See :func:`get_pack`.
        files: Where the calibration lies.
        compatible: See :func:`get_pack`.
        flip: See :func:`get_pack`.

    Raises:
        ConfigError: See :func:`get_pack`; or the stored calibration is damaged.
    """
    pack = get_pack(name, compatible=compatible, flip=flip)
    measured = load_calibration(files, pack.space)
    return pack if measured is None else calibrated(pack, measured)


def calibrated(pack: Pack, measured: Calibration) -> Pack:
    """A pack with the figures of a calibration of its space."""
    factor = measured.same_person_distance / pack.same_person_distance
    return replace(
        pack,
        same_person_distance=measured.same_person_distance,
        similarity_scale=measured.similarity_scale,
        grouping_distance=pack.grouping_distance * factor,
        track_noise=pack.track_noise * factor,
        face_grouping_distance=pack.face_grouping_distance * factor,
        calibrated=True,
    )


def _parts_of(name: str) -> tuple[str, str, Figures]:
    """Detector, embedder and figures of a pack."""
    if name in PACKS:
        detector, embedder = PACKS[name]
        return detector, embedder, EMBEDDERS[embedder]
    if name.startswith(DEEPFACE):
        detector, slash, model = name.removeprefix(DEEPFACE).partition("/")
        if not slash or detector not in DEEPFACE_DETECTORS or model not in DEEPFACE_MODELS:
            raise ConfigError(
                f"There is no pack {name!r}. DeepFace packs are deepface:<detector>/<model>, such as "
                f"deepface:mtcnn/Dlib. Detectors: {', '.join(DEEPFACE_DETECTORS)}. Models: {', '.join(DEEPFACE_MODELS)}."
            )
        return DEEPFACE + detector, DEEPFACE + model, deepface_figures(detector, model)
    detector, plus, embedder = name.partition("+")
    if not plus or detector not in DETECTORS or embedder not in EMBEDDERS:
        raise ConfigError(
            f"There is no pack {name!r}. Known packs: {', '.join(PACKS)}, deepface:<detector>/<model>, and "
            f"<detector>+<embedder> of the detectors {', '.join(DETECTORS)} and the embedders {', '.join(EMBEDDERS)}."
        )
    return detector, embedder, EMBEDDERS[embedder]


def _as_deepface(name: str, figures: Figures, *, flip: bool | None) -> Figures:
    if not figures.can_be_compatible:
        raise ConfigError(f"The pack {name!r} has no DeepFace-compatible form; unset DEEPFACE_COMPATIBLE.")
    if flip:
        raise ConfigError("DeepFace does not average over mirror images; ask for one of the two.")
    return replace(figures, space=f"{figures.space}/deepface-compatible", calibrated=False)


BUNDLED = get_pack("bundled")
