"""Finds out where a video can be cut: where work that begins in the middle need not decode what lies before."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from math import floor
from pathlib import Path

import av

from app.media.containers import open_video
from app.media.decoder import SEEKS_WELL
from app.media.decoding import read_beginning
from app.media.packets import MAX_GROUP_PACKETS, PacketReader
from app.media.plan import exact

MAX_LEAD_SECONDS = 20
"""So much may be decoded in vain before a cut; a fraction of what is gained."""


def seams(path: Path, step: float, wanted: Iterable[int]) -> list[int]:
    """Those of the wanted samples at which a file can be cut.

    Each costs one seek and one packet. A file without an index by time, without times, or with key frames that are
    too far apart is better looked at in one piece.

    Args:
        path: The file.
        step: Seconds between samples.
        wanted: Numbers of samples, rising.

    Returns:
        Some or all of them.
    """
    with open_video(path) as (container, stream):
        beginning = read_beginning(container, stream)
        tick = Fraction(stream.time_base or 0)
        if SEEKS_WELL.isdisjoint(container.format.name.split(",")) or beginning.origin is None or not tick:
            return []
        most = Fraction(MAX_LEAD_SECONDS)
        if beginning.rate:
            most = min(most, MAX_GROUP_PACKETS / beginning.rate)
        found: list[int] = []
        for sample in wanted:
            target = beginning.origin + floor(sample * exact(step) / tick)
            try:
                container.seek(target, stream=stream)
            except av.FFmpegError:
                return found  # nothing more can be read from here on
            packet = next(islice(PacketReader(container, stream).packets(), 1), None)
            if packet is None or packet.pts is None or not packet.is_keyframe:
                continue
            if 0 <= (target - packet.pts) * tick <= most:
                found.append(sample)
        return found
