"""Turns decoded video frames into upright RGB pictures with square pixels."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import cast

import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from app.domain import Image

MAX_ASPECT = 4
"""Pixels more oblong than this are a broken header, not a wish."""

_PQ = 16
"""Number of the transfer characteristics of SMPTE ST 2084, in which HDR10 and Dolby Vision are stored (ISO 23091-2)."""
_WHITE = 203.0  # cd/m2 of a white sheet of paper (ITU-R BT.2408)


class Orientation:
    """How a decoded picture must be turned to be upright.

    Args:
        matrix: The nine 16.16 fixed-point numbers of a display matrix (ISO 14496-12, 8.5.2.3), row by row, or
            ``None`` for a picture that is upright already. A point (x, y) goes to (a x + c y, b x + d y), where
            a, b = matrix[0:2] and c, d = matrix[3:5]; angles other than multiples of 90 degrees are rounded.

    Attributes:
        transposed: Whether width and height change places.
        rotation: Degrees clockwise, 0, 90, 180 or 270; a mirrored picture is turned first, then mirrored sideways.
    """

    def __init__(self, matrix: tuple[int, ...] | None = None) -> None:
        a, b, c, d = (matrix[0], matrix[1], matrix[3], matrix[4]) if matrix else (1, 0, 0, 1)
        self.transposed = abs(b) > abs(a)
        self._flip_x = (c if self.transposed else a) < 0
        self._flip_y = (b if self.transposed else d) < 0
        if self.transposed:
            self.rotation = 270 if self._flip_y else 90
        else:
            self.rotation = 180 if self._flip_y else 0

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Reads the display matrix that FFmpeg attached to a frame."""
        try:
            data = cast("SideDataContainer", frame.side_data)[SideDataType.DISPLAYMATRIX]
        except KeyError:
            return cls()
        return cls(tuple(int(number) for number in np.frombuffer(bytes(data), np.int32, 9)))

    def apply(self, image: Image) -> Image:
        """The picture, upright; a view or a copy of shape (height, width, 3)."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        return image[:: -1 if self._flip_y else 1, :: -1 if self._flip_x else 1]


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Size of a picture once its pixels are square; one side grows, none shrinks, so nothing is lost.

    Args:
        width: Coded width in pixels.
        height: Coded height in pixels.
        aspect: Width of a pixel over its height; ``None`` or 0 where unknown, then pixels are square.

    Returns:
        Width and height.
    """
    if not aspect or aspect == 1 or not Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        return width, height
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


class PictureMaker:
    """Converts frames; keeps the converter's tables between them.

    Args:
        aspect: Width of a pixel over its height, as the stream says.
    """

    def __init__(self, aspect: Fraction | None) -> None:
        self._aspect = aspect
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._orientation = Orientation()

    def make(self, frame: VideoFrame) -> Image:
        """The frame as an upright, contiguous RGB picture with square pixels.

        Raises:
            av.FFmpegError: The frame's pixel format cannot be converted.
        """
        width, height = square_size(frame.width, frame.height, self._aspect)
        resized = (width, height) != (frame.width, frame.height)
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation=Interpolation.BICUBIC if resized else Interpolation.BILINEAR,
            threads=1,  # a pool of threads per picture costs more than it saves
        )
        image: Image = converted.to_ndarray().astype(np.uint8, copy=False)
        if frame.color_trc == _PQ:
            image = np.asarray(cv2.LUT(image, _pq_to_srgb()), np.uint8)
        return np.ascontiguousarray(self._orientation_of(frame).apply(image))

    def _orientation_of(self, frame: VideoFrame) -> Orientation:
        # a frame whose side data was looked at refers to itself, so that its memory waits for the garbage collector
        if frame.rotation != self._rotation:
            self._rotation = frame.rotation
            self._orientation = Orientation.of(frame)
        return self._orientation


@cache
def _pq_to_srgb() -> Image:
    """For each value of an HDR picture the one of an ordinary picture: ``uint8`` (256,).

    Without it such pictures are grey and flat. A table per channel is as much as finding faces needs; highlights are
    rolled off instead of cut, and hues outside of the ordinary gamut stay a little pale. HLG needs nothing: it was made
    to be shown as it is.
    """
    coded = (np.arange(256) / 255) ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(coded - 0.8359375, 0) / (18.8515625 - 18.6875 * coded)) ** (1 / 0.1593017578125)
    light = nits / _WHITE
    light = np.where(light < 0.75, light, 0.75 + 0.25 * (1 - np.exp(-(light - 0.75) / 0.25)))
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(np.clip(srgb, 0, 1) * 255).astype(np.uint8)
