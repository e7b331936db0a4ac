"""dlib's face ResNet, rebuilt from the weights inside a package."""

from __future__ import annotations

from pathlib import Path

from app.vision.align import DLIB_TEMPLATE
from app.vision.embedders import dlib_graph
from app.vision.embedders.dlib_weights import CHIP_SIZE
from app.vision.embedders.onnx_embedder import EmbedderSpec, OnnxEmbedder
from app.vision.runtime import RuntimeOptions
from app.vision.weights_cache import load_or_build

# The graph takes the bytes as they are: means and scale are part of its first convolution.
SPEC = EmbedderSpec(
    "dlib-resnet-v1", dlib_graph.DIMENSION, size=CHIP_SIZE, template=DLIB_TEMPLATE, layout="nhwc", takes_bytes=True
)


class DlibEmbedder(OnnxEmbedder):
    """dlib's face ResNet: 128 numbers from chips of 150x150 pixels.

    Its own descriptors (:meth:`describe`) are 1.2 to 1.7 long. :meth:`presence` gives 0.02 to 0.08 for what is no face
    and 0.06 to 0.14 for faces. The mean of a chip's and its mirror image's vector, which is used unless told otherwise,
    is a better measure than either: the gap between the most unlike clips of one person and the most alike clips of two
    widens by a tenth, for twice the time.
    """

    def __init__(self, cache_dir: Path, *, flip: bool = True, runtime: RuntimeOptions | None = None) -> None:
        """Prepares the network; it is rebuilt first where the cache does not hold it.

        Args:
            cache_dir: Folder for rebuilt models.
            flip: Whether an embedding is that of the chip and its mirror image together.
            runtime: How the network is run.

        Raises:
            ModelError: The weights are missing or damaged.
        """

        def model() -> bytes:
            return load_or_build(cache_dir, "dlib-resnet", dlib_graph.GRAPH_VERSION, dlib_graph.build_onnx)

        super().__init__(SPEC, model, flip=flip, runtime=runtime)
