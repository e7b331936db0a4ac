"""ArcFace with a ResNet-34, on DeepFace's own ``arcface_weights.onnx``."""

from __future__ import annotations

from app.vision.embedders.compatible import CompatibleEmbedder
from app.vision.embedders.onnx_embedder import EmbedderSpec, OnnxEmbedder
from app.vision.files import ModelFiles
from app.vision.reference_weights import load_arcface
from app.vision.runtime import RuntimeOptions

# Colour order: red first. DeepFace's docstring says BGR, and that is what arrives there: ``extract_faces`` gives RGB and
# ``represent`` turns it round before the network ("rgb to bgr"). But it was not trained so. By the author's word
# (serengil/deepface#905) the weights are "Resnet34 trained on CASIA, E40" of leondgarse/Keras_insightface, whose
# data.py decodes JPEG files with TensorFlow, which gives RGB, and then does (x - 127.5) / 128. Users of DeepFace see
# better results with the colours turned (serengil/deepface#1457). ``faaaaaces models check`` tries it on the weights.
SPEC = EmbedderSpec("arcface", 512, mean=(127.5, 127.5, 127.5), std=(128.0, 128.0, 128.0), bgr=False, layout="nhwc")
# What arrives in DeepFace: blue first, 0..1.
COMPATIBLE_SPEC = EmbedderSpec("arcface", 512, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), bgr=True, layout="nhwc")


def arcface_embedder(files: ModelFiles, runtime: RuntimeOptions, *, flip: bool, compatible: bool) -> OnnxEmbedder:
    """Loads ArcFace.

    Args:
        files: Where DeepFace keeps its weights, and where the rewritten graph is kept.
        runtime: How networks are run.
        flip: Whether an embedding is the mean of the chip's and its mirror image's.
        compatible: Whether faces are cut and scaled as DeepFace does it; ``flip`` then does nothing, for DeepFace's
            embeddings are of one chip.

    Raises:
        ModelError: The weights are missing, damaged or of another network.
    """

    def model() -> bytes:
        return load_arcface(files, runtime)

    if compatible:
        return CompatibleEmbedder(COMPATIBLE_SPEC, model, runtime=runtime)
    return OnnxEmbedder(SPEC, model, flip=flip, runtime=runtime)
