"""Guesses about faces: age, gender, emotion, race, liveness, by DeepFace's networks. Off unless asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.domain import Attributes, Detection, Image
from app.errors import ConfigError, ModelError
from app.vision.deepface_bridge import build, cut_face
from app.vision.files import ModelFiles

ATTRIBUTES = ("age", "gender", "emotion", "race", "liveness")
"""What may be asked for."""

_SIDE = 224  # what DeepFace feeds its attribute networks
_REAL = 1  # of Fasnet's three answers, the live face
_MODELS = {"age": "Age", "gender": "Gender", "emotion": "Emotion", "race": "Race"}


class AttributeReader:
    """Asks DeepFace's networks about faces.

    Attributes:
        wanted: What is asked.
    """

    def __init__(self, wanted: Sequence[str], files: ModelFiles) -> None:
        """Loads the networks.

        Args:
            wanted: Some of :data:`ATTRIBUTES`.
            files: Where DeepFace's store is; what is missing there is fetched by DeepFace.

        Raises:
            ConfigError: There is no such attribute.
            ModelError: Weights are missing and cannot be fetched.
        """
        unknown = sorted(set(wanted) - set(ATTRIBUTES))
        if unknown:
            raise ConfigError(f"There is no attribute {unknown[0]!r}. Known ones: {', '.join(ATTRIBUTES)}.")
        self.wanted = tuple(name for name in ATTRIBUTES if name in wanted)
        self._clients = {
            name: build("facial_attribute", _MODELS[name], files) for name in self.wanted if name in _MODELS
        }
        self._spoofing = build("spoofing", "Fasnet", files) if "liveness" in self.wanted else None

    def read(self, image: Image, detections: Sequence[Detection]) -> list[Attributes]:
        """Guesses about the faces of one picture.

        Args:
            image: ``uint8`` (height, width, 3) RGB.
            detections: Its faces.

        Returns:
            One answer for each face; only what was asked for is filled in.

        Raises:
            ModelError: A network fails.
        """
        if not detections:
            return []
        try:
            answers = self._ask(np.stack([cut_face(image, one, (_SIDE, _SIDE)) for one in detections]))
            if self._spoofing is not None:
                answers["liveness"] = [self._liveness(image, one) for one in detections]
        except Exception as error:
            raise ModelError("A network of DeepFace failed on a face; unset FACE_ATTRIBUTES to do without.") from error
        return [
            Attributes(**{name: values[index] for name, values in answers.items()}) for index in range(len(detections))
        ]

    def _ask(self, chips: Any) -> dict[str, list[Any]]:
        return {
            # one face alone comes back without the axis of faces, ages without one of values
            name: [_READERS[name](row) for row in np.asarray(client.predict(chips)).reshape(len(chips), -1)]
            for name, client in self._clients.items()
        }

    def _liveness(self, image: Image, face: Detection) -> float:
        height, width = image.shape[:2]
        x1, x2 = (int(np.clip(value, 0, width)) for value in (face.box.x1, face.box.x2))
        y1, y2 = (int(np.clip(value, 0, height)) for value in (face.box.y1, face.box.y2))
        area = (x1, y1, max(1, x2 - x1), max(1, y2 - y1))
        is_real, score = self._spoofing.analyze(img=np.ascontiguousarray(image[..., ::-1]), facial_area=area)  # type: ignore[union-attr]
        # The score is that of the answer it gives, "live" or one of two kinds of deceit.
        return float(score) if is_real else 1.0 - float(score)


def _label(labels: str) -> Callable[[Any], str]:
    def read(answer: Any) -> str:
        from deepface.models.demography import DemographyUtils  # noqa: PLC0415 - DeepFace takes seconds to import

        return str(getattr(DemographyUtils, labels)[int(np.argmax(answer))])

    return read


_READERS: dict[str, Callable[[Any], Any]] = {
    "age": lambda answer: round(float(answer[0]), 1),
    "gender": _label("GENDER_LABELS"),
    "emotion": _label("EMOTION_LABELS"),
    "race": _label("RACE_LABELS"),
}
