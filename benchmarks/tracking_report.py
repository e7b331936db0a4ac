"""Turns the comparison of trackers into Markdown. Values in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report import table
from benchmarks.tracking import ALL, Followed, Tracked

HOW = """\
Generated scenes with known motion; faces, boxes, misses and false faces follow what was measured on real clips
(`benchmarks/tracking_scenes.py`). A person is one person for the whole scene, also where they were away. MOTA, IDF1 and
HOTA are over boxes that overlap by half (HOTA: by 5 to 95 %). *purity*: share of the faces that are of the person whom
most of their track's faces are of. *overlap alone* is a plain tracker by intersection over union that waits as long as
ours. deep-sort-realtime gets our embeddings; *tuned* is with our limit of distance, our seconds of waiting and tracks
from the first face on."""


def section(tracked: Tracked) -> str:
    """The chapter of the report."""
    parts = ["## Following faces", whole_table(tracked.results), scene_table(tracked.results), HOW]
    if tracked.off is not None:
        parts.append(f"Ours differ from motmetrics' (MOTA, IDF1) and trackers' (HOTA) by at most {tracked.off:.1e}.")
    parts.append(f"Compared with {tracked.peer}." if tracked.peer else f"Not compared: {tracked.missing}.")
    return "\n\n".join(parts)


def whole_table(results: Sequence[Followed]) -> str:
    """All scenes together: a row for each rate and tracker."""
    head = ("samples a second", "tracker", "IDF1", "HOTA", "MOTA", "switches", "purity", "ms per sample")
    rows = [
        (
            f"{one.rate:g}",
            one.tracker,
            f"{one.figures.idf1:.3f}",
            f"{one.figures.hota:.3f}",
            f"{one.figures.mota:.3f}",
            str(one.figures.switches),
            f"{one.purity:.4f}",
            f"{one.milliseconds:.2f}",
        )
        for one in results
        if one.scene == ALL
    ]
    return table(head, rows)


def scene_table(results: Sequence[Followed]) -> str:
    """IDF1 scene by scene: a row for each rate and scene, a column for each tracker."""
    trackers = list(dict.fromkeys(one.tracker for one in results))
    idf1 = {(one.rate, one.scene, one.tracker): one.figures.idf1 for one in results}
    places = dict.fromkeys((one.rate, one.scene) for one in results if one.scene != ALL)
    rows = [
        (scene, f"{rate:g}", *(f"{idf1[rate, scene, name]:.3f}" for name in trackers)) for rate, scene in sorted(places)
    ]
    return table(("IDF1 by scene", "samples a second", *trackers), rows)
