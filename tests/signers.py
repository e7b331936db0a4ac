"""The acceptance of the main job: twelve clips of five people signing, one of whom wears a skull on his hoodie."""

from __future__ import annotations

import csv
from pathlib import Path

from app.clustering import bcubed

Row = dict[str, str]


def sign_clips(shared: Path) -> list[Path]:
    """The twelve clips, by name."""
    return sorted((shared / "data" / "clips").glob("*.mkv"))


def check_signers(rows: list[Row], shared: Path) -> None:
    """Checks an export: exactly five people, each signer one of them, and no false face in anybody.

    Every frame shows one person, so the face that the detector is surest of is theirs; it need not be the largest: the
    skull is larger than its wearer's face.
    """
    with (shared / "data" / "clips" / "labels.csv").open(newline="") as file:
        truth = {row["clip"]: row["person"] for row in csv.DictReader(file)}
    ours = [row for row in rows if row["file_name"] in truth]
    main = _main_faces(ours)
    assert len({row["person_id"] for row in ours if row["person_id"]}) == 5
    score = bcubed([truth[row["file_name"]] for row in main], [row["person_id"] or row["face_id"] for row in main])
    assert score.f >= 0.98
    main_ids = {row["face_id"] for row in main}
    false = [row for row in ours if row["face_id"] not in main_ids]
    assert false, "the skull was not even found, so nothing is proven about it"
    assert [row for row in false if row["person_id"]] == []


def _main_faces(rows: list[Row]) -> list[Row]:
    surest: dict[tuple[str, str], Row] = {}
    for row in rows:
        frame = (row["video_id"], row["timestamp"])
        if frame not in surest or float(row["confidence"]) > float(surest[frame]["confidence"]):
            surest[frame] = row
    return list(surest.values())
