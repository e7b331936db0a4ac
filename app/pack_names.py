"""Names that settings may use for packs: ours, and DeepFace's for its detectors and models.

Kept apart from the packs themselves, so that a wrong name in the settings is told at the start, without loading
anything. Tests compare these names with the packs and with the installed DeepFace.
"""

from __future__ import annotations

from difflib import get_close_matches

AUTO = "auto"
REFERENCE = "retinaface-arcface"
FALLBACK = "bundled"
PACKS = (FALLBACK, "bundled-exact", REFERENCE, "yunet-mobilefacenet", "retinaface-mobile")

DEEPFACE_MODELS = (
    "VGG-Face", "Facenet", "Facenet512", "OpenFace", "DeepFace", "DeepID", "Dlib", "ArcFace", "SFace", "GhostFaceNet",
    "Buffalo_L",
)  # fmt: skip
DEEPFACE_DETECTORS = (
    "opencv", "ssd", "dlib", "mtcnn", "fastmtcnn", "retinaface", "mediapipe", "yolov8n", "yolov8m", "yolov8l",
    "yolov11n", "yolov11s", "yolov11m", "yolov11l", "yolov12n", "yolov12s", "yolov12m", "yolov12l", "yunet",
    "centerface", "skip",
)  # fmt: skip

# what the half that is not set is taken to be
_DEFAULT_DETECTOR, _DEFAULT_MODEL = "retinaface", "ArcFace"


def check_pack_name(name: str) -> str:
    """Looks at a name in the settings; parts of a composed name are only looked at when the pack is made.

    Args:
        name: ``auto``, one of :data:`PACKS`, ``deepface:<detector>/<model>`` or ``<detector>+<embedder>``.

    Returns:
        The name.

    Raises:
        ValueError: There is no such pack.
    """
    detector, plus, embedder = name.partition("+")
    if name in (AUTO, *PACKS) or (plus and detector and embedder):
        return name
    if name.startswith("deepface:"):
        detector, _, model = name.removeprefix("deepface:").partition("/")
        return f"deepface:{_known(detector, DEEPFACE_DETECTORS, 'detector')}/{_known(model, DEEPFACE_MODELS, 'model')}"
    raise ValueError(
        f"There is no pack {name!r}.{_guess(name, PACKS)} Known packs: {AUTO}, {', '.join(PACKS)}, "
        "deepface:<detector>/<model>, <detector>+<embedder>."
    )


def pack_of_deepface_names(model: str | None, detector: str | None) -> str | None:
    """The pack that DeepFace's own names stand for.

    Args:
        model: ``FACE_MODEL``, in any case; ``ArcFace`` when ``None``.
        detector: ``DETECTOR_BACKEND``, in any case; ``retinaface`` when ``None``.

    Returns:
        ``deepface:<detector>/<model>``, the reference pack for ``retinaface`` and ``ArcFace``, ``None`` where neither
        is given.

    Raises:
        ValueError: DeepFace has no such model or detector; the message lists what it has.
    """
    if model is None and detector is None:
        return None
    model = _known(model or _DEFAULT_MODEL, DEEPFACE_MODELS, "model")
    detector = _known(detector or _DEFAULT_DETECTOR, DEEPFACE_DETECTORS, "detector")
    if (detector, model) == (_DEFAULT_DETECTOR, _DEFAULT_MODEL):
        return REFERENCE
    return f"deepface:{detector}/{model}"


def _known(name: str, names: tuple[str, ...], noun: str) -> str:
    for known in names:
        if known.lower() == name.lower():
            return known
    raise ValueError(f"DeepFace has no {noun} {name!r}.{_guess(name, names)} It has: {', '.join(names)}.")


def _guess(name: str, names: tuple[str, ...]) -> str:
    near = get_close_matches(name.lower(), [known.lower() for known in names], n=1, cutoff=0.6)
    return next((f" Did you mean {known}?" for known in names if near and known.lower() == near[0]), "")
