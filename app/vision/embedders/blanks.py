"""Chips that hold no face at all: drawn, not photographed, and the same on every machine.

A face net answers to everything; its answers to emptiness lie together, away from faces. How far an embedding is from
them tells whether there was a face (see :mod:`app.vision.quality`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from app.domain import FloatArray

_SEED = 0
_GREYS = (32, 128, 224)
_NOISE_SIGMAS = (1.0, 3.0, 8.0, 20.0)  # pixels, of the blur that makes specks or clouds of white noise
_STRIPE_PERIODS = (10, 30, 75)  # pixels
_CONTRAST = 50.0


def blank_chips(size: int) -> npt.NDArray[np.uint8]:
    """Draws flat, shaded, striped and speckled squares.

    Args:
        size: Side in pixels.

    Returns:
        ``uint8`` (32, size, size, 3) RGB.
    """
    chips = [*_flat(size), *_shaded(size), *_striped(size), *_speckled(size)]
    return np.stack([np.clip(chip, 0, 255).astype(np.uint8) for chip in chips])


class Presence:
    """Tells how far embeddings are from what a network answers where there is no face."""

    def __init__(self, embed_blanks: Callable[[], FloatArray]) -> None:
        """Prepares.

        Args:
            embed_blanks: Embeds pictures of nothing, such as :func:`blank_chips`: ``float32`` (m, dimension) of unit
                length. Called once, when the first face is to be judged.
        """
        self._embed_blanks = embed_blanks
        self._blanks: FloatArray | None = None

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """See :meth:`app.vision.parts.Embedder.presence`."""
        if not len(embeddings):
            return np.empty(0, np.float32)
        if self._blanks is None:
            self._blanks = self._embed_blanks()
        nearest: FloatArray = (embeddings @ self._blanks.T).max(1)
        return np.asarray(1.0 - nearest, np.float32)


def _flat(size: int) -> Iterator[npt.NDArray[np.float64]]:
    for grey in _GREYS:
        yield np.full((size, size, 3), grey, np.float64)


def _shaded(size: int) -> Iterator[npt.NDArray[np.float64]]:
    ramp = np.broadcast_to(np.linspace(15, 240, size)[:, None, None], (size, size, 3))
    for turns in range(4):
        yield np.rot90(ramp, turns)


def _striped(size: int) -> Iterator[npt.NDArray[np.float64]]:
    y, x = np.mgrid[:size, :size]
    for position in (x, y, x + y):
        for period in _STRIPE_PERIODS:
            wave = 128 + 70 * np.sign(np.sin(position * 2 * np.pi / period))
            yield np.repeat(wave[..., None], 3, axis=2)


def _speckled(size: int) -> Iterator[npt.NDArray[np.float64]]:
    # The legacy generator is the one whose stream numpy promises never to change.
    random = np.random.RandomState(_SEED)
    for sigma in _NOISE_SIGMAS:
        for channels in (1, 3, 1, 3):
            noise = cv2.GaussianBlur(random.standard_normal((size, size, channels)), (0, 0), sigma)
            clouds = 128 + noise.reshape(size, size, channels) / noise.std() * _CONTRAST
            yield np.broadcast_to(clouds, (size, size, 3))
