"""Measures how alike the real faces of the shared test data are: the figures in :mod:`tools.face_models`.

    python -m tools.measure_faces SHARED MODELS [PACK ...]

``SHARED`` is the folder of the shared test data, ``MODELS`` one that holds the packs' weights.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.vision import FaceEngine, ModelFiles, get_pack
from tools import real_faces
from tools.real_faces import Damage, Sighting

BLUR = Damage("eyes 30 px apart, blurred", eyes=30, blur=0.08)
PACKS = ("bundled", "yunet-mobilefacenet")

Values = npt.NDArray[np.floating]


def similarities(sightings: Iterable[Sighting]) -> tuple[Values, Values, float]:
    """Similarities of known faces.

    Returns:
        Those of two faces of one person from different sources, those of two people, and the mean of the two people
        who are most alike.
    """
    known = [one for one in sightings if one.person not in (None, real_faces.FALSE)]
    vectors = np.stack([one.face.embedding for one in known])
    people = np.array([one.person for one in known])
    sources = np.array([one.source for one in known])
    similarity = vectors @ vectors.T
    upper = np.triu(np.ones(similarity.shape, bool), 1)
    one_person = people[:, None] == people
    means = {
        (a, b): similarity[np.ix_(people == a, people == b)].mean() for a in set(people) for b in set(people) if a < b
    }
    apart = sources[:, None] != sources
    return similarity[upper & one_person & apart], similarity[upper & ~one_person], max(means.values())


def main(arguments: list[str]) -> int:
    """Prints the figures of each pack."""
    data, files = Path(arguments[0]) / "data", ModelFiles.within(Path(arguments[1]), Path(arguments[1]))
    for name in arguments[2:] or PACKS:
        engine = FaceEngine(get_pack(name), files)
        stills = real_faces.stills(engine, data)
        pictures = [one for one in stills + real_faces.groups(engine, data, stills) if one.face.quality.usable]
        same, strangers, _ = similarities(pictures)
        nearest = similarities(pictures + real_faces.clips(engine, data, 0.5))[2]
        poor_same, poor_strangers, _ = similarities(real_faces.damaged(engine, data, [BLUR])[BLUR.name])
        print(f"{name}: {len(pictures)} faces, {len(same)} pairs of one person, {len(strangers)} of two")
        print(
            f"  strangers=({strangers.mean():.4f}, {strangers.std():.4f}), same=({same.mean():.4f}, {same.std():.4f})"
        )
        print(
            f"  look_alike={nearest:.4f}, poor_strangers={poor_strangers.mean():.4f}, poor_same={poor_same.mean():.4f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
