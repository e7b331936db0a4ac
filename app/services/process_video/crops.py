"""What is kept of a face as a picture, and as a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.domain import BoundingBox, Frame, Image
from app.domain import Face as FoundFace
from app.media.images import encode_jpeg
from app.models import Face
from app.services.context import Context
from app.storage import vectors
from app.storage.findings import HIDDEN

CROP_MARGIN = 0.3  # of the box's larger side, on every side
CROP_SIDE = 256
THUMBNAIL_SIDE = 640


@dataclass(frozen=True)
class Placed:
    """A face and where it was found.

    Attributes:
        video_id: The video.
        frame: The frame.
        ordinal: Number of the face within the frame, best first.
        face: The face.
        folder: Where its crop goes; the video's own among the faces where ``None``.
        hidden: Whether it stays unseen until the whole video was looked at.
        scene: Signature of the frame, where frames follow each other.
    """

    video_id: int
    frame: Frame
    ordinal: int
    face: FoundFace
    folder: str | None = None
    hidden: bool = False
    scene: bytes | None = None

    @property
    def crop_key(self) -> str:
        """The key of its crop."""
        return f"{self.folder or f'faces/{self.video_id}'}/{self.frame.sample:08d}_{self.ordinal}.jpg"

    def crop(self) -> tuple[str, bytes]:
        """The face cut out of its frame: key and JPEG."""
        return self.crop_key, encode_jpeg(crop_face(self.frame.image, self.face), max_side=CROP_SIDE)

    def row(self, space_id: int) -> Face:
        """The face as it is stored."""
        face, box = self.face, self.face.detection.box
        return Face(
            video_id=self.video_id,
            space_id=space_id,
            sample=self.frame.sample + (HIDDEN if self.hidden else 0),
            ordinal=self.ordinal,
            timestamp=self.frame.timestamp,
            shown_until=self.frame.until,
            scene=self.scene,
            x1=box.x1,
            y1=box.y1,
            x2=box.x2,
            y2=box.y2,
            landmarks=vectors.encode(face.detection.landmarks.ravel()),
            confidence=face.detection.confidence,
            quality=face.quality.score,
            quality_reasons=[reason.value for reason in face.quality.reasons],
            embedding=vectors.encode(face.embedding),
            crop_key=self.crop_key,
            attributes=_known(face),
        )


def _known(face: FoundFace) -> dict[str, object] | None:
    if face.attributes is None:
        return None
    return {name: value for name, value in asdict(face.attributes).items() if value is not None}


def crop_face(image: Image, face: FoundFace) -> Image:
    """The face with some of its surroundings, square where the picture allows it.

    Args:
        image: ``uint8`` (height, width, 3) RGB.
        face: A face of that picture.

    Returns:
        A view of the picture, at least 1x1.
    """
    left, top, right, bottom = crop_window(face.detection.box, image.shape[1], image.shape[0])
    return image[top:bottom, left:right]


def crop_window(box: BoundingBox, width: int, height: int) -> tuple[int, int, int, int]:
    """Which part of a picture the crop of a face shows.

    Args:
        box: The face, in pixels of the picture.
        width: Of the picture.
        height: Of the picture.

    Returns:
        Left, top, right and bottom edge in pixels, right and bottom excluded; at least one pixel.
    """
    half = max(box.width, box.height) * (0.5 + CROP_MARGIN)
    centre_x, centre_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    left, right = (int(np.clip(centre_x + side * half, 0, width)) for side in (-1, 1))
    top, bottom = (int(np.clip(centre_y + side * half, 0, height)) for side in (-1, 1))
    left, top = min(left, width - 1), min(top, height - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def write_thumbnail(
    context: Context, video_id: int, frames: Sequence[Frame], found: Sequence[Sequence[FoundFace]]
) -> str:
    """Stores the frame of a chunk that shows most faces, or its middle one; returns its key."""
    counts = [len(faces) for faces in found]
    best = counts.index(max(counts)) if any(counts) else len(frames) // 2
    key = f"thumbnails/{video_id}.jpg"
    context.blobs.write(key, encode_jpeg(frames[best].image, quality=85, max_side=THUMBNAIL_SIDE))
    return key
