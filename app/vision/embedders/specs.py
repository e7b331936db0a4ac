"""How the embedders that can be imported want their chips."""

from __future__ import annotations

from dataclasses import replace

from app.vision.embedders.facenet import SIZE, TEMPLATE, FaceNetEmbedder
from app.vision.embedders.onnx_embedder import EmbedderSpec, OnnxEmbedder
from app.vision.importing.manifest import Imported, Manifest
from app.vision.runtime import RuntimeOptions

_NOTHING, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

SPECS = {
    spec.name: spec
    for spec in (
        # ImageNet's means and deviations, times 255
        EmbedderSpec("mobilefacenet", 128, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
        # the graph scales its input itself (OpenCV's face_recognize.cpp gives it plain RGB)
        EmbedderSpec("sface", 128, mean=_NOTHING, std=_ONE),
        EmbedderSpec("insightface-arcface", 512, mean=(127.5,) * 3, std=(127.5,) * 3),
        # models of 2018, trained with "fixed image standardisation"; those of 2017 took each picture's own
        EmbedderSpec("facenet", 512, size=SIZE, template=TEMPLATE, std=(128.0,) * 3),
        EmbedderSpec("facenet-128", 128, size=SIZE, template=TEMPLATE, standardised=True),
    )
}

_NORMALISING = frozenset({"insightface-arcface"})  # comes with and without it


def spec_of(manifest: Manifest) -> EmbedderSpec:
    """How an imported embedder wants its chips: as its kind does, and as its graph was found to be.

    Args:
        manifest: Of an embedder.
    """
    spec = replace(SPECS[manifest.name], batch=manifest.batch, layout=manifest.layout)
    if manifest.normalises and manifest.name in _NORMALISING:
        return replace(spec, mean=_NOTHING, std=_ONE)
    return spec


def make_embedder(imported: Imported, *, flip: bool, runtime: RuntimeOptions | None = None) -> OnnxEmbedder:
    """Loads an imported embedder.

    Args:
        imported: What :func:`app.vision.importing.manifest.load_imported` gave.
        flip: Whether an embedding is the mean of the chip's and its mirror image's.
        runtime: How networks are run.

    Raises:
        ModelError: The graph cannot be loaded.
    """
    kind = FaceNetEmbedder if imported.manifest.name.startswith("facenet") else OnnxEmbedder
    return kind(spec_of(imported.manifest), imported.model, flip=flip, runtime=runtime)
