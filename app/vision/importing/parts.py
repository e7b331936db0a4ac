"""Makes detectors and embedders out of imported files."""

from __future__ import annotations

from app.errors import ModelError
from app.vision.detectors.one_shot import OneShotDetector
from app.vision.detectors.retinaface_mobile import RetinaFaceMobile
from app.vision.detectors.retinaface_mobile_graph import VARIANTS
from app.vision.detectors.scrfd import ScrfdDetector
from app.vision.detectors.yunet import YunetDetector
from app.vision.embedders.onnx_embedder import OnnxEmbedder
from app.vision.embedders.specs import make_embedder
from app.vision.files import ModelFiles
from app.vision.importing.manifest import load_imported
from app.vision.runtime import RuntimeOptions


def imported_detector(name: str, files: ModelFiles, runtime: RuntimeOptions) -> OneShotDetector:
    """Loads an imported detector.

    Args:
        name: Name of its kind.
        files: Where it lies.
        runtime: How networks are run.

    Raises:
        ModelError: It was not imported, or was damaged since.
    """
    found = load_imported(files.imported, name)
    if name == "retinaface-mobile":
        variant = VARIANTS.get(found.manifest.variant or "")
        if variant is None:
            raise ModelError(f"The description of {name!r} is damaged; import its file again.")
        return RetinaFaceMobile(found.model, variant, runtime=runtime)
    kind = ScrfdDetector if name == "scrfd" else YunetDetector
    return kind(found.model, batch=found.manifest.batch, runtime=runtime)


def imported_embedder(name: str, files: ModelFiles, runtime: RuntimeOptions, *, flip: bool) -> OnnxEmbedder:
    """Loads an imported embedder.

    Args:
        name: Name of its kind.
        files: Where it lies.
        runtime: How networks are run.
        flip: Whether an embedding is the mean of the chip's and its mirror image's.

    Raises:
        ModelError: It was not imported, or was damaged since.
    """
    return make_embedder(load_imported(files.imported, name), flip=flip, runtime=runtime)
