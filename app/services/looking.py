"""Shows frames to the engine: all that must be looked at, then spare ones where there is somebody to follow."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain import Face, Frame
from app.vision import FaceEngine


def look_at(engine: FaceEngine, frames: Sequence[Frame]) -> tuple[list[Frame], list[list[Face]]]:
    """Finds the faces of a chunk of frames.

    Args:
        engine: The engine.
        frames: In order of time; those marked ``spare`` are looked at only if the frame before or after, of those
            that are not spare, shows a face.

    Returns:
        The frames that were looked at, in order, and the faces of each.
    """
    first = [frame for frame in frames if not frame.spare]
    found = {
        frame.sample: faces
        for frame, faces in zip(first, engine.analyse([frame.image for frame in first]), strict=True)
    }
    spare = _beside_faces(frames, {sample for sample, faces in found.items() if faces})
    if spare:
        for frame, faces in zip(spare, engine.analyse([frame.image for frame in spare]), strict=True):
            found[frame.sample] = faces
    looked = [frame for frame in frames if frame.sample in found]
    return looked, [found[frame.sample] for frame in looked]


def _beside_faces(frames: Sequence[Frame], with_faces: set[int]) -> list[Frame]:
    """Spare frames whose nearest regular neighbour, before or after, shows a face."""
    before = _last_regular(frames)
    after = _last_regular(frames[::-1])[::-1]
    return [
        frame
        for frame, one, other in zip(frames, before, after, strict=True)
        if frame.spare and (one in with_faces or other in with_faces)
    ]


def _last_regular(frames: Sequence[Frame]) -> list[int | None]:
    """For each frame the number of the last regular one up to it."""
    numbers: list[int | None] = []
    for frame in frames:
        last = numbers[-1] if numbers else None
        numbers.append(last if frame.spare else frame.sample)
    return numbers
