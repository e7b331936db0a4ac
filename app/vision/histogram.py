"""Draws an evaluation as a picture: how far apart faces of one person are, and of two, and what that is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from app.domain import FloatArray, IntArray
from app.vision.evaluate import Evaluation
from app.vision.packs import Pack

Colour = tuple[int, int, int]

_SCALE = 2  # drawn larger and shrunk, which smooths the edges
_SIZE = (1100, 620)
_PLOT = (80, 110, 1030, 530)  # left, top, right, bottom
_PAPER, _INK, _PALE, _GRID = (255, 255, 255), (38, 42, 51), (110, 117, 130), (228, 231, 236)
_SAME, _DIFFERENT, _CURVE = (33, 128, 141), (222, 122, 70), (90, 80, 160)
_HEADROOM = 1.12
_TICKS = 10


@dataclass(frozen=True)
class _Paper:
    """A canvas and what turns values into places on it."""

    draw: ImageDraw.ImageDraw
    right: float  # the distance at the right edge
    top: float  # the share at the upper edge

    def x(self, distance: float) -> float:
        left, _, right, _ = _PLOT
        return left + (right - left) * distance / self.right

    def y(self, share: float) -> float:
        _, top, _, bottom = _PLOT
        return bottom - (bottom - top) * share / self.top

    def line(self, points: list[tuple[float, float]], colour: Colour, width: float = 1.0) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(width * _SCALE), joint="curve")

    def text(self, x: float, y: float, text: str, colour: Colour = _INK, size: float = 15, anchor: str = "ls") -> None:
        font = ImageFont.load_default(size * _SCALE)
        self.draw.text((x * _SCALE, y * _SCALE), text, fill=colour, font=font, anchor=anchor)

    def box(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        self.draw.rectangle([x1 * _SCALE, y1 * _SCALE, x2 * _SCALE, y2 * _SCALE], fill=colour)


def draw_histogram(evaluation: Evaluation, pack: Pack, title: str) -> PilImage.Image:
    """Draws the distances of both kinds of pairs, the threshold, and the similarity that users are shown.

    Args:
        evaluation: What was measured.
        pack: Its curve is drawn; pass the calibrated one to see the fitted curve.
        title: The heading.

    Returns:
        RGB, 1100x620.
    """
    width, height = _SIZE
    picture = PilImage.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    same, different = _shares(evaluation.same_counts), _shares(evaluation.different_counts)
    top = float(max(same.max(), different.max())) * _HEADROOM
    paper = _Paper(ImageDraw.Draw(picture), float(evaluation.edges[-1]), top)
    _axes(paper)
    _bars(paper, evaluation.edges, same, different)
    _curve(paper, pack)
    _threshold(paper, pack)
    _words(paper, evaluation, title)
    return picture.resize(_SIZE, PilImage.Resampling.LANCZOS)


def _shares(counts: IntArray) -> FloatArray:
    return np.asarray(counts / max(1, counts.sum()), np.float32)


def _axes(paper: _Paper) -> None:
    left, top, right, bottom = _PLOT
    step = _round_step(paper.right / _TICKS)
    for number in range(int(paper.right / step) + 1):
        x = paper.x(number * step)
        paper.line([(x, top), (x, bottom)], _GRID)
        paper.text(x, bottom + 22, f"{number * step:.3g}", _PALE, 13, "ms")
    for percent in range(0, 101, 25):
        y = bottom - (bottom - top) * percent / 100
        paper.line([(left, y), (right, y)], _GRID)
        paper.text(right + 8, y + 5, f"{percent}", _CURVE, 13)
    paper.line([(left, bottom), (right, bottom)], _INK, 1.5)
    paper.text((left + right) / 2, bottom + 48, "cosine distance of two faces", _PALE, 14, "ms")
    paper.text(right + 44, top - 14, "similarity", _CURVE, 13, "rs")
    paper.text(left, top - 14, "share of pairs", _PALE, 13)


def _round_step(step: float) -> float:
    """The next of 1, 2, 5, 10 times a power of ten."""
    power = float(10 ** np.floor(np.log10(step)))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * 0.999)


def _bars(paper: _Paper, edges: FloatArray, same: FloatArray, different: FloatArray) -> None:
    bottom = _PLOT[3]
    for shares, colour in ((different, _DIFFERENT), (same, _SAME)):
        for number, share in enumerate(shares.tolist()):
            if share:
                low, high = paper.x(float(edges[number])), paper.x(float(edges[number + 1]))
                paper.box(low + 0.5, paper.y(share), high - 0.5, bottom, _lighter(colour))
        outline = [(paper.x(float(edges[i + k])), paper.y(s)) for i, s in enumerate(shares.tolist()) for k in (0, 1)]
        paper.line(outline, colour, 1.5)


def _lighter(colour: Colour) -> Colour:
    red, green, blue = (round(255 - (255 - part) * 0.45) for part in colour)
    return red, green, blue


def _curve(paper: _Paper, pack: Pack) -> None:
    _, top, _, bottom = _PLOT
    distances = np.linspace(0, paper.right, 240, dtype=np.float32)
    heights = bottom - (bottom - top) * pack.similarity(distances)
    paper.line([(paper.x(float(d)), float(y)) for d, y in zip(distances, heights, strict=True)], _CURVE, 2)


def _threshold(paper: _Paper, pack: Pack) -> None:
    x, (_, top, _, bottom) = paper.x(pack.same_person_distance), _PLOT
    for y in range(top, bottom, 10):
        paper.line([(x, y), (x, y + 5)], _INK, 1.2)
    paper.text(x + 7, top + 14, f"similarity 50 at {pack.same_person_distance:.3g}", _INK, 13)


def _words(paper: _Paper, evaluation: Evaluation, title: str) -> None:
    left, _, _, bottom = _PLOT
    rates = ", ".join(f"{point.true_rate:.1%} at 1 in {1 / point.false_rate:,.0f}" for point in evaluation.points)
    paper.text(left, 40, title, _INK, 22)
    paper.text(left, 66, f"d' {evaluation.d_prime:.2f};  found where strangers pass: {rates}", _PALE, 14)
    for place, (colour, words) in enumerate(
        (
            (_SAME, f"one person: {evaluation.same_pairs:,} pairs"),
            (_DIFFERENT, f"two people: {evaluation.different_pairs:,} pairs"),
            (_CURVE, "similarity shown to users, 0 to 100"),
        )
    ):
        x, y = left + place * 250, bottom + 76
        paper.box(x, y - 11, x + 14, y + 3, colour)
        paper.text(x + 22, y + 2, words, _INK, 14)
