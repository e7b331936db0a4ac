"""Face embedders that are one ONNX graph: a spec says what its pixels look like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import Detection, FloatArray, Image
from app.errors import InvalidInputError, ModelError
from app.vision.align import align
from app.vision.embedders.blanks import Presence, blank_chips
from app.vision.parts import Chip, to_unit_length
from app.vision.runtime import Model, OnnxSession, RuntimeOptions, available_cores, spread

# Where ArcFace and its kin want the landmarks in a chip of 112x112 (InsightFace, recognition/common/face_align.py).
ARCFACE_TEMPLATE: FloatArray = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)

# Above this a copy of the weights for one core alone is not worth its memory: small networks gain a tenth, dlib's a
# twentieth, ArcFace's (130 MB) 3 %.
_TWIN_BYTES = 2**26


@dataclass(frozen=True, eq=False)
class EmbedderSpec:
    """What an embedding network expects and gives.

    Attributes:
        name: For messages.
        dimension: Length of a vector.
        size: Side of a chip in pixels.
        template: ``float32`` (5, 2): where the landmarks lie in a chip.
        mean: What is taken from red, green and blue, 0..255.
        std: What the differences are divided by, for red, green and blue.
        bgr: Whether blue comes first.
        layout: Order of the input's axes.
        batch: Most chips of one run; 1 where the graph takes only one.
        standardised: Whether each chip is brought to mean 0 and deviation 1 on its own; ``mean`` and ``std`` then do
            nothing.
        takes_bytes: Whether the graph takes ``uint8`` pixels and does the rest itself; ``mean`` and ``std`` then do nothing.
    """

    name: str
    dimension: int
    size: int = 112
    template: FloatArray | None = None
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (128.0, 128.0, 128.0)
    bgr: bool = False
    layout: Literal["nhwc", "nchw"] = "nchw"
    batch: int = 32
    standardised: bool = False
    takes_bytes: bool = False


class OnnxEmbedder:
    """An embedder as in :class:`app.vision.parts.Embedder`, for any network that a spec describes.

    Attributes:
        spec: What the network expects and gives.
        dimension: Length of a vector.
        template: Where the landmarks lie in a chip.
        presence: See :meth:`app.vision.parts.Embedder.presence`.
    """

    def __init__(
        self, spec: EmbedderSpec, model: Model, *, flip: bool = False, runtime: RuntimeOptions | None = None
    ) -> None:
        """Loads the network.

        Args:
            spec: What the network expects and gives; its template is the usual one of ArcFace when ``None``.
            model: The graph, with one input and one output.
            flip: Whether an embedding is the mean of the chip's and its mirror image's, for twice the time.
            runtime: How networks are run.

        Raises:
            ModelError: The graph cannot be loaded.
        """
        self.spec = spec
        self.dimension = spec.dimension
        self.template: FloatArray | None = ARCFACE_TEMPLATE if spec.template is None else spec.template
        self._flip = flip
        # a graph that takes one chip takes the same shape each time
        self._session = OnnxSession(
            model,
            runtime=runtime,
            blocked_layout=True,
            fixed_shapes=spec.batch == 1,
            example=self._example,
            twin_bytes=_TWIN_BYTES,
        )
        self._cores = (runtime and runtime.threads) or available_cores()
        self._input = self._session.input_names[0]
        self.presence = Presence(lambda: self.embed(self._blank_chips()))

    @property
    def seconds(self) -> float:
        """Wall time so far during which the network was at work."""
        return self._session.seconds

    def cut(self, image: Image, detection: Detection) -> Chip:
        """See :meth:`app.vision.parts.Embedder.cut`; the chip is ``uint8`` (size, size, 3) RGB."""
        template = ARCFACE_TEMPLATE if self.template is None else self.template
        return align(image, detection.landmarks, template, self.spec.size)

    def describe(self, chips: npt.NDArray[Any]) -> FloatArray:
        """Computes the network's own vectors, of any length, without mirror images.

        Args:
            chips: ``uint8`` (n, size, size, 3) RGB; n may be 0.

        Returns:
            ``float32`` (n, dimension).

        Raises:
            InvalidInputError: The chips have another shape or dtype.
            ModelError: The network fails, or gives vectors of another length than the spec says.
        """
        self._check(chips)
        return self._vectors(chips, mirrored=False)

    def embed(self, chips: npt.NDArray[Any]) -> FloatArray:
        """See :meth:`app.vision.parts.Embedder.embed`; chips are ``uint8`` (n, size, size, 3) RGB."""
        self._check(chips)
        if self._flip and self.spec.batch == 1:
            return to_unit_length(self.describe(chips) + self.describe(_mirrored(chips)))
        return to_unit_length(self._vectors(chips, mirrored=self._flip))

    def prepare(self, chips: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Brings chips into the form that the network takes.

        Args:
            chips: ``uint8`` (n, size, size, 3) RGB.

        Returns:
            ``float32``, or ``uint8`` where the graph takes bytes, contiguous, (n, 3, size, size) or (n, size, size, 3) as
            the spec says.
        """
        spec = self.spec
        if spec.takes_bytes:
            return np.ascontiguousarray(chips.transpose(0, 3, 1, 2) if spec.layout == "nchw" else chips)
        if spec.standardised:
            pixels = _standardised(chips)
            turned = pixels[..., ::-1] if spec.bgr else pixels
            return np.ascontiguousarray(turned.transpose(0, 3, 1, 2) if spec.layout == "nchw" else turned)
        first = spec.layout == "nchw"
        count, side = len(chips), spec.size
        ready = np.empty((count, 3, side, side) if first else (count, side, side, 3), np.float32)
        # channel by channel, straight to its place: two passes over the pixels and no copy between
        for channel in range(3):
            place = 2 - channel if spec.bgr else channel
            plane = ready[:, place] if first else ready[..., place]
            np.subtract(chips[..., channel], np.float32(spec.mean[channel]), out=plane, dtype=np.float32)
            plane /= np.float32(spec.std[channel])
        return ready

    def _blank_chips(self) -> npt.NDArray[Any]:
        return blank_chips(self.spec.size)

    def _example(self) -> npt.NDArray[Any]:
        """What the network is given, to try half precision on."""
        return self.prepare(self._blank_chips()[: self.spec.batch])

    def _check(self, chips: npt.NDArray[Any]) -> None:
        side = self.spec.size
        if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[1:] != (side, side, 3):
            raise InvalidInputError(f"Face chips must be uint8 of shape (n, {side}, {side}, 3).")

    def _vectors(self, chips: npt.NDArray[Any], *, mirrored: bool) -> FloatArray:
        """The network's vectors, or the sums of those of chips and their mirror images.

        Where the network may run side by side, each core has an equal part; the few chips that are left over are for
        all cores together.
        """
        most = self.spec.batch // 2 if mirrored else self.spec.batch
        shared = len(chips) // self._cores * self._cores if self._session.side_by_side else 0
        rounds = -(-shared // (self._cores * most))
        parts = np.array_split(chips[:shared], rounds * self._cores) if shared else []
        found = spread(lambda part: self._session.run(self._inputs(part, mirrored)), parts, self._cores)
        found += self._session.run_all(self._inputs(part, mirrored) for part in _split(chips[shared:], most))
        vectors = [outputs[0] for outputs in found]
        if any(part.ndim != 2 or part.shape[1] != self.dimension for part in vectors):
            raise ModelError(
                f"The model {self.spec.name} gives other vectors than it should: is it the file of another model?"
            )
        if mirrored:
            vectors = [part[: len(part) // 2] + part[len(part) // 2 :] for part in vectors]
        return np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)

    def _inputs(self, chips: npt.NDArray[Any], mirrored: bool) -> dict[str, npt.NDArray[Any]]:
        return {self._input: self.prepare(np.concatenate([chips, _mirrored(chips)]) if mirrored else chips)}


def _split(chips: npt.NDArray[Any], most: int) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(chips), most):
        yield chips[start : start + most]


def _mirrored(chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if not chips.size:
        return chips
    # all as one tall picture, which takes a tenth of the time of copying a view of negative strides
    tall = np.ascontiguousarray(chips).reshape(-1, *chips.shape[2:])
    return np.asarray(cv2.flip(tall, 1), np.uint8).reshape(chips.shape)


def _standardised(chips: npt.NDArray[Any]) -> FloatArray:
    """FaceNet's "prewhiten": each chip to mean 0 and deviation 1; the deviation has a floor, for flat pictures."""
    pixels = chips.astype(np.float32)
    mean = pixels.mean((1, 2, 3), keepdims=True)
    floor = np.float32(1.0 / np.sqrt(max(pixels[:1].size, 1)))
    deviation = np.maximum(pixels.std((1, 2, 3), keepdims=True), floor)
    return np.asarray((pixels - mean) / deviation, np.float32)
