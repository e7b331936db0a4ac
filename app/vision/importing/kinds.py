"""The networks that can be imported: what they are, whose they are, and the files that are known by their checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["detector", "embedder"]

UNKNOWN_SOURCE = "unknown; this file is not one that this program knows"
UNKNOWN_LICENCE = "unknown; ask where the file comes from"
RESEARCH_ONLY = "non-commercial research only (InsightFace)"


@dataclass(frozen=True)
class Kind:
    """A network that this program can run from an imported file.

    Attributes:
        name: Of the part in a pack, and of the file where it is kept.
        role: What it does.
        title: What people call it.
        licence: What holds for a file of this kind that is not known by its checksum.
        source: Likewise.
    """

    name: str
    role: Role
    title: str
    licence: str = UNKNOWN_LICENCE
    source: str = UNKNOWN_SOURCE


KINDS = {
    kind.name: kind
    for kind in (
        Kind("yunet", "detector", "YuNet face detector"),
        Kind("retinaface-mobile", "detector", "RetinaFace detector with a MobileNet-0.25 body"),
        Kind("scrfd", "detector", "SCRFD face detector", RESEARCH_ONLY, "most likely deepinsight/insightface"),
        Kind("mobilefacenet", "embedder", "MobileFaceNet, 128 numbers"),
        Kind("sface", "embedder", "SFace, 128 numbers"),
        Kind(
            "insightface-arcface",
            "embedder",
            "ArcFace of InsightFace, 512 numbers",
            RESEARCH_ONLY,
            "most likely deepinsight/insightface",
        ),
        Kind("facenet", "embedder", "FaceNet, 512 numbers"),
        Kind("facenet-128", "embedder", "FaceNet, 128 numbers"),
    )
}


@dataclass(frozen=True)
class KnownFile:
    """A published file.

    Attributes:
        kind: Name of a kind.
        source: The repository that publishes it.
        licence: Its licence there.
        variant: Where the weights alone do not tell; see :class:`app.vision.detectors.retinaface_mobile_graph.Variant`.
    """

    kind: str
    source: str
    licence: str
    variant: str | None = None


_INSIGHTFACE = "deepinsight/insightface"

# By SHA-256 of the whole file.
KNOWN_FILES = {
    "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12": KnownFile(
        "yunet", "ShiqiYu/libfacedetection.train", "Apache-2.0"
    ),
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": KnownFile(
        "yunet", "opencv/opencv_zoo, face_detection_yunet_2023mar.onnx", "MIT"
    ),
    "ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1": KnownFile(
        "retinaface-mobile", "biubug6/Face-Detector-1MB-with-landmark", "MIT", "Face-Detector-1MB"
    ),
    "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507": KnownFile(
        "mobilefacenet", "foamliu/MobileFaceNet", "Apache-2.0"
    ),
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": KnownFile(
        "sface", "opencv/opencv_zoo, face_recognition_sface_2021dec.onnx", "Apache-2.0"
    ),
    "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91": KnownFile(
        "scrfd", f"{_INSIGHTFACE}, buffalo_l, det_10g.onnx", RESEARCH_ONLY
    ),
    "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a": KnownFile(
        "scrfd", f"{_INSIGHTFACE}, buffalo_s, det_500m.onnx", RESEARCH_ONLY
    ),
    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43": KnownFile(
        "insightface-arcface", f"{_INSIGHTFACE}, buffalo_l, w600k_r50.onnx", RESEARCH_ONLY
    ),
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f": KnownFile(
        "insightface-arcface", f"{_INSIGHTFACE}, buffalo_s, w600k_mbf.onnx", RESEARCH_ONLY
    ),
}
