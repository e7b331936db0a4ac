"""The figures of embedders: what was measured with each, and what others have published.

All distances are cosine distances of unit vectors, 0..2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.vision.quality import Limits, Scales


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known about one embedder.

    Attributes:
        space: Embedder and the way in which faces are cut; names vectors that may be compared.
        dimension: Length of an embedding.
        same_person_distance: See :class:`app.vision.packs.Pack`, as for the next four.
        similarity_scale: See there.
        grouping_distance: See there.
        track_noise: See there.
        face_grouping_distance: See there.
        flip: Whether an embedding is the mean of the chip's and its mirror image's, unless asked otherwise.
        can_flip: Whether the other way can be had.
        can_be_compatible: Whether faces can be cut and scaled as DeepFace does it.
        calibrated: Whether the figures were measured rather than derived from a published threshold.
    """

    space: str
    dimension: int
    same_person_distance: float
    similarity_scale: float
    grouping_distance: float
    track_noise: float
    face_grouping_distance: float
    flip: bool = False
    can_flip: bool = True
    can_be_compatible: bool = False
    calibrated: bool = True

    def at(self, same_person_distance: float, similarity_scale: float | None = None) -> Figures:
        """The same figures around another threshold; the others keep their proportions to it."""
        factor = same_person_distance / self.same_person_distance
        return replace(
            self,
            same_person_distance=same_person_distance,
            similarity_scale=similarity_scale or self.similarity_scale * factor,
            grouping_distance=self.grouping_distance * factor,
            track_noise=self.track_noise * factor,
            face_grouping_distance=self.face_grouping_distance * factor,
        )


# How dlib's figures were found, on usable faces (120 of 22 people):
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
DLIB = Figures(
    space="dlib-resnet-v1/mtcnn-5-points",
    dimension=128,
    same_person_distance=0.088,
    similarity_scale=0.009,
    grouping_distance=0.042,
    track_noise=0.02,
    face_grouping_distance=0.054,
    flip=True,
)

# How MobileFaceNet's figures were found, on 51 to 53 stills of 14 people and the same twelve clips of five signers:
#
# same_person_distance, similarity_scale: the curve that `faaaaaces eval` fits has its middle at 0.662, 0.703 and 0.686 with
# the points of MTCNN, YuNet and RetinaFace-MobileNet0.25, and widths of 0.068, 0.063 and 0.062. At 0.70, 98..100 % of 91
# pairs are found with 0.1 % of 1287 pairs of strangers.
#
# track_noise, face_grouping_distance: 0.17..0.19 is the median within a track. With 0.2 the clips group into the five
# without a fault from 0.57, 0.49, 0.43, 0.45 to 0.63, 0.63, 0.63, 0.61 behind YuNet, sampled every 1, 0.5, 0.2, 0.33 s; with
# 0.15 only from 0.57 to 0.59. Behind RetinaFace-MobileNet0.25, whose points of turned heads are coarser, they do from 0.49
# to 0.59 at 0.2, 0.33 and 0.75 s; at 1 and 0.5 s one turned head stays a person of its own, and nobody is merged.
# grouping_distance is smaller by 0.6 of the noise, as with dlib.
MOBILEFACENET = Figures(
    space="mobilefacenet/arcface-112",
    dimension=128,
    same_person_distance=0.70,
    similarity_scale=0.063,
    grouping_distance=0.47,
    track_noise=0.2,
    face_grouping_distance=0.59,
)


def _derived(
    space: str, dimension: int, threshold: float, *, can_flip: bool = True, can_be_compatible: bool = False
) -> Figures:
    """Figures around a published threshold, with the proportions of the measured net that was trained likewise.

    Nets trained with an angular margin spread strangers to a distance of about 1; their proportions are those of
    :data:`MOBILEFACENET`. Under a threshold of 0.3 the vectors crowd as dlib's do.
    """
    model = MOBILEFACENET if threshold >= _CROWDED else DLIB
    return replace(
        model.at(threshold),
        space=space,
        dimension=dimension,
        flip=False,
        can_flip=can_flip,
        can_be_compatible=can_be_compatible,
        calibrated=False,
    )


_CROWDED = 0.3

# Thresholds: deepface/config/threshold.py, cosine, found there on pairs of photographs; Buffalo_L is the network that
# InsightFace's own files hold too.
EMBEDDERS: dict[str, Figures] = {
    "dlib-resnet-v1": DLIB,
    "mobilefacenet": MOBILEFACENET,
    "arcface": _derived("arcface-r34/arcface-112", 512, 0.68, can_be_compatible=True),
    "insightface-arcface": _derived("insightface-arcface/arcface-112", 512, 0.55),
    "sface": _derived("sface/arcface-112", 128, 0.593),
    "facenet": _derived("facenet/160", 512, 0.30),
    "facenet-128": _derived("facenet-128/160", 128, 0.40),
}

# DeepFace's own models under its own names: length of the vector as its classes' ``output_shape`` tells, threshold.
_DEEPFACE_MODELS: dict[str, tuple[int, float]] = {
    "VGG-Face": (4096, 0.68),
    "Facenet": (128, 0.40),
    "Facenet512": (512, 0.30),
    "OpenFace": (128, 0.10),
    "DeepFace": (4096, 0.23),
    "DeepID": (160, 0.015),
    "Dlib": (128, 0.07),
    "ArcFace": (512, 0.68),
    "SFace": (128, 0.593),
    "GhostFaceNet": (512, 0.65),
    "Buffalo_L": (512, 0.55),
}

# DeepFace's own cutting of faces costs dlib's net some of its power: on the stills above 95 % of pairs are found where 1 %
# of strangers pass, instead of all. The fitted curve has its middle at 0.096 and its width is 0.011, the fewest mistakes
# are made at 0.085. How tracks group was not measured.
_MEASURED_IN_DEEPFACE = {("mtcnn", "Dlib"): (0.09, 0.011)}

DEEPFACE_MODELS = tuple(_DEEPFACE_MODELS)
DEEPFACE_DETECTORS = (
    "opencv",
    "ssd",
    "dlib",
    "mtcnn",
    "fastmtcnn",
    "retinaface",
    "mediapipe",
    "yolov8n",
    "yolov8m",
    "yolov8l",
    "yolov11n",
    "yolov11s",
    "yolov11m",
    "yolov11l",
    "yolov12n",
    "yolov12s",
    "yolov12m",
    "yolov12l",
    "yunet",
    "centerface",
    "skip",
)

# Limits of a detector's score and weight of its log odds, see :class:`app.vision.quality.Scales`.
#
# YuNet gives clear faces 0.91..0.96, those of 15 pixels between the eyes 0.79 and more, of 10 pixels 0.52..0.91, an ear or
# a lamp up to 0.6, once 0.82. RetinaFace-MobileNet0.25 gives clear faces 0.997 and more, those of 15 pixels 0.80, of 10
# pixels 0.56..0.99, false ones up to 0.99: it needs the embedder's word as MTCNN does.
_MTCNN = (Limits(0.85, 0.995), 1.0)
_YUNET = (Limits(0.65, 0.92), 2.2)
_SCORES: dict[str, tuple[Limits, float]] = {
    "mtcnn": _MTCNN,
    "mtcnn-exact": _MTCNN,
    "deepface:mtcnn": _MTCNN,
    "yunet": _YUNET,
    "deepface:yunet": _YUNET,
    "retinaface-mobile": _MTCNN,
    # not measured: the same training with a larger body
    "retinaface": _MTCNN,
    "deepface:retinaface": _MTCNN,
}
# MobileFaceNet's presence is 0.72..1.05 for faces seen from the front, 0.59 and more from the side, 0.55..0.64 for a print
# of a skull, 0.19..0.48 for other false faces, where dlib's is 0.08..0.14, 0.06 and more, 0.05..0.06, 0.02..0.05.
_PRESENCE = {"dlib-resnet-v1": (0.0, 1.0), "mobilefacenet": (0.45, 3.7)}


def scales_of(detector: str, embedder: str) -> Scales:
    """What the figures of a pack's networks mean; those that were not measured are not judged by."""
    confidence, odds = _SCORES.get(detector, (None, 1.0))
    return Scales(confidence, odds, _PRESENCE.get(embedder))


DETECTORS = ("mtcnn", "mtcnn-exact", "retinaface", "yunet", "retinaface-mobile", "scrfd")

# Name of a pack -> detector and embedder.
PACKS: dict[str, tuple[str, str]] = {
    "bundled": ("mtcnn", "dlib-resnet-v1"),
    "bundled-exact": ("mtcnn-exact", "dlib-resnet-v1"),
    "retinaface-arcface": ("retinaface", "arcface"),
    "yunet-mobilefacenet": ("yunet", "mobilefacenet"),
    "retinaface-mobile": ("retinaface-mobile", "mobilefacenet"),
}


def deepface_figures(detector: str, model: str) -> Figures:
    """Figures of one of DeepFace's models behind one of its detectors, whose boxes decide how faces are cut.

    Raises:
        KeyError: DeepFace has no such model.
    """
    dimension, threshold = _DEEPFACE_MODELS[model]
    figures = _derived(f"deepface/{model}/{detector}", dimension, threshold, can_flip=False)
    measured = _MEASURED_IN_DEEPFACE.get((detector, model))
    return figures if measured is None else replace(figures.at(*measured), calibrated=True)
