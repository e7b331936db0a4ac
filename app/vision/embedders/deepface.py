"""Any of DeepFace's recognition models, fed exactly as DeepFace feeds it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain import Detection, FloatArray, Image
from app.errors import InvalidInputError, ModelError
from app.vision.deepface_bridge import build, cut_face
from app.vision.embedders.blanks import Presence, blank_chips
from app.vision.files import ModelFiles
from app.vision.parts import to_unit_length

_BATCH = 32


class DeepFaceEmbedder:
    """One of DeepFace's models.

    DeepFace turns the face's surroundings until the eyes are level, cuts the turned box and fits it into the model's
    square with black around it; chips here are the ``float32`` BGR pictures, 0..1, that come out of that.

    Attributes:
        dimension: Length of a vector.
        template: ``None``: chips are not cut by landmarks.
        presence: See :meth:`app.vision.parts.Embedder.presence`.
    """

    template: FloatArray | None = None

    def __init__(self, name: str, files: ModelFiles) -> None:
        """Loads the model.

        Args:
            name: DeepFace's own name, such as ``Facenet512`` or ``Dlib``.
            files: Where DeepFace's store is.

        Raises:
            ModelError: A package or the weights are missing.
        """
        self.name = name
        self.seconds = 0.0
        self._client: Any = build("facial_recognition", name, files)
        self.dimension = int(self._client.output_shape)
        # DeepFace's shapes are (height, width), which matters for DeepID only; it swaps them, and so does this.
        height, width = self._client.input_shape
        self._target = (int(width), int(height))
        self.presence = Presence(self._embed_blanks)

    def cut(self, image: Image, detection: Detection) -> npt.NDArray[np.float32]:
        """See :meth:`app.vision.parts.Embedder.cut`; the chip is ``float32`` (height, width, 3) BGR, 0..1."""
        return cut_face(image, detection, self._target)

    def embed(self, chips: npt.NDArray[Any]) -> FloatArray:
        """See :meth:`app.vision.parts.Embedder.embed`; chips are ``float32`` (n, height, width, 3) BGR, 0..1."""
        if chips.dtype != np.float32 or chips.ndim != 4 or chips.shape[1:] != (*self._target, 3):
            raise InvalidInputError(f"Face chips of {self.name} must be float32 of shape (n, {self._target}, 3).")
        parts = [self._run(chips[start : start + _BATCH]) for start in range(0, len(chips), _BATCH)]
        return to_unit_length(np.concatenate([np.empty((0, self.dimension), np.float32), *parts]))

    def _embed_blanks(self) -> FloatArray:
        height, width = self._target
        blanks = blank_chips(max(height, width))[:, :height, :width, ::-1].astype(np.float32) / np.float32(255)
        return self.embed(np.ascontiguousarray(blanks))

    def _run(self, chips: npt.NDArray[np.float32]) -> FloatArray:
        started = time.perf_counter()
        try:
            vectors = np.asarray(self._client.forward(chips), np.float32)
        except Exception as error:
            raise ModelError(f"DeepFace's model {self.name} failed on a face.") from error
        finally:
            self.seconds += time.perf_counter() - started
        return vectors.reshape(len(chips), -1)
