"""Pictures of many sizes put into a few tensors: padded, stacked and copied while the network is at work.

Padding goes to the right and the bottom only, so coordinates stay what they are. Nothing is enlarged and no border is
drawn around a picture: a network sees hardly more pixels than there are.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import Image
from app.vision.runtime import on_worker

Tensor = npt.NDArray[Any]
Layout = Literal["nhwc", "nchw"]
Outputs = list[npt.NDArray[np.float32]]
Network = Callable[[Iterator[Tensor]], Iterator[Outputs]]

# Most shapes that one call may make. Each shape is a run of its own, and a device plans each shape anew.
_MOST_SHAPES = 4
_COARSEST = 256
# Larger tensors are not kept.
_KEPT_BYTES = 2**23


@dataclass(frozen=True)
class Slot:
    """One tensor to be filled.

    Attributes:
        indices: Which pictures of the call lie in it, in this order.
        height: Height of the tensor in pixels.
        width: Width of the tensor in pixels.
    """

    indices: tuple[int, ...]
    height: int
    width: int


@dataclass(frozen=True)
class PixelFormat:
    """How a network wants its pixels.

    Attributes:
        layout: Order of the axes.
        bgr: Whether blue comes first.
        mean: What is taken from each channel, in RGB order, 0..255; ``None`` for nothing.
        scale: What the difference is multiplied by.
        floating: Whether the tensor is ``float32``; else it is ``uint8``, with neither mean nor scale.
    """

    layout: Layout = "nchw"
    bgr: bool = False
    mean: tuple[float, float, float] | None = None
    scale: float = 1.0
    floating: bool = True


class Letterbox:
    """Fills tensors with pictures, always in the same way for the same pictures.

    Safe to use from one thread at a time, and from those of the worker pool at once; to be made after a fork.
    """

    def __init__(self, pixels: PixelFormat, *, stride: int = 32, max_pixels: int = 2**20) -> None:
        """Remembers what the network wants.

        Args:
            pixels: Layout, colour order and normalisation.
            stride: Sides of the tensors are multiples of this.
            max_pixels: Pixels of one tensor, padding included, of all its pictures together; a tensor always holds at
                least one picture.
        """
        self._pixels = pixels
        self._stride = stride
        self._max_pixels = max_pixels
        self._kept = threading.local()
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="letterbox")

    def run(self, images: Sequence[Image], network: Network) -> Iterator[tuple[Slot, Outputs]]:
        """Gives all pictures to a network; while it is at work, a helper fills the next tensor.

        Args:
            images: ``uint8`` (height, width, 3) RGB, of any sizes.
            network: Takes tensors one by one, when it needs them, and gives the outputs for each.

        Yields:
            Which pictures it was, and the outputs for them.
        """
        slots = plan([(image.shape[0], image.shape[1]) for image in images], self._stride, self._max_pixels)
        yield from zip(slots, network(self._tensors(images, slots)), strict=True)

    def _tensors(self, images: Sequence[Image], slots: Sequence[Slot]) -> Iterator[Tensor]:
        """One ahead of who takes them; on a worker, which has one core, none ahead."""
        if len(slots) == 1 or on_worker():
            yield from (fill(images, slot, self._pixels, self._kept_for(slot)) for slot in slots)
            return
        waiting: deque[Future[Tensor]] = deque()
        for slot in slots:
            waiting.append(self._helper.submit(fill, images, slot, self._pixels))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        if waiting:
            yield waiting.popleft().result()

    def _kept_for(self, slot: Slot) -> Tensor:
        """What to fill again, of each thread its own: memory that is asked for anew costs as much as filling it."""
        shape, dtype = _shape(slot, self._pixels), _dtype(self._pixels)
        size = math.prod(shape)
        kept: Tensor | None = getattr(self._kept, "numbers", None)
        if kept is None or kept.size < size:
            kept = np.empty(size, dtype)
            self._kept.numbers = kept if kept.nbytes <= _KEPT_BYTES else None
        return kept[:size].reshape(shape)


def plan(sizes: Sequence[tuple[int, int]], stride: int, max_pixels: int) -> list[Slot]:
    """Decides which pictures share a tensor.

    Pictures of like shape go together. Where there are many shapes, shapes are made coarser until there are few: a run
    per picture would be slower than some padding, and memory that is kept per shape would grow.

    Args:
        sizes: Height and width of each picture.
        stride: Sides are rounded up to multiples of this, at least.
        max_pixels: Most pixels of a tensor with more than one picture.

    Returns:
        Slots that hold each picture once; pictures of a shape stay in their order.
    """
    groups = _group(sizes, stride)
    coarse = max(stride, 32)
    while len(groups) > _MOST_SHAPES and coarse < _COARSEST:
        coarse *= 2
        groups = _group(sizes, coarse)
    slots = []
    for (height, width), members in groups.items():
        count = max(1, max_pixels // (height * width))
        # equal shares: five pictures at four to a tensor run as three and two, not as four and one
        parts = -(-len(members) // count)
        share = -(-len(members) // parts)
        slots += [Slot(tuple(members[at : at + share]), height, width) for at in range(0, len(members), share)]
    return slots


def _group(sizes: Sequence[tuple[int, int]], multiple: int) -> dict[tuple[int, int], list[int]]:
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (height, width) in enumerate(sizes):
        groups.setdefault((_round_up(height, multiple), _round_up(width, multiple)), []).append(index)
    return groups


def _round_up(side: int, multiple: int) -> int:
    return max(1, -(-side // multiple)) * multiple


def fill(images: Sequence[Image], slot: Slot, pixels: PixelFormat, out: Tensor | None = None) -> Tensor:
    """Makes one tensor.

    What is padded is 0 in the tensor: black without a mean, else the mean, as the network's own padding has it.

    Args:
        images: All pictures of the call, ``uint8`` (height, width, 3) RGB.
        slot: Which of them, and the tensor's sides.
        pixels: Layout, colour order and normalisation.
        out: What to fill, whatever it holds; a new one when ``None``.

    Returns:
        (n, height, width, 3) or (n, 3, height, width), ``float32`` or ``uint8``, contiguous.
    """
    tensor = np.empty(_shape(slot, pixels), _dtype(pixels)) if out is None else out
    for place, index in zip(tensor, slot.indices, strict=True):
        height, width = images[index].shape[:2]
        if pixels.layout == "nchw":
            place[:, height:], place[:, :height, width:] = 0, 0
            _fill_planes(place[:, :height, :width], images[index], pixels)
        else:
            place[height:], place[:height, width:] = 0, 0
            _fill_pixels(place[:height, :width], images[index], pixels)
    return tensor


def _dtype(pixels: PixelFormat) -> type[np.generic]:
    return np.float32 if pixels.floating else np.uint8


def _shape(slot: Slot, pixels: PixelFormat) -> tuple[int, ...]:
    sides = slot.height, slot.width
    return (len(slot.indices), 3, *sides) if pixels.layout == "nchw" else (len(slot.indices), *sides, 3)


def _fill_planes(place: Tensor, image: Image, pixels: PixelFormat) -> None:
    # OpenCV's split writes three planes in one pass, several times quicker than a transposed copy
    channels = cv2.split(image)
    for target, source, mean in zip(
        place[::-1] if pixels.bgr else place, channels, pixels.mean or (0.0, 0.0, 0.0), strict=True
    ):
        _normalise(target, source, mean, pixels)


def _fill_pixels(place: Tensor, image: Image, pixels: PixelFormat) -> None:
    turned = image[..., ::-1] if pixels.bgr else image
    mean: Any = 0.0 if pixels.mean is None else np.array(pixels.mean[:: -1 if pixels.bgr else 1], np.float32)
    _normalise(place, turned, mean, pixels)


def _normalise(target: Tensor, source: Tensor, mean: Any, pixels: PixelFormat) -> None:
    if pixels.floating and pixels.mean is not None:
        np.subtract(source, mean, out=target, dtype=np.float32)
    else:
        target[...] = source
    if pixels.floating and pixels.scale != 1.0:
        target *= pixels.scale
