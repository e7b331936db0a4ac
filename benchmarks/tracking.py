"""Following faces through generated scenes: ours, a plain tracker by overlap, and deep-sort-realtime, at several rates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from app.vision.track import Observation, Tracker, TrackSettings
from benchmarks import tracking_metrics as metrics
from benchmarks.peers import Peer, PeerError
from benchmarks.results import Verdict
from benchmarks.tracking_metrics import Figures, Floats, Frame
from benchmarks.tracking_scenes import SAME, Sample, play
from benchmarks.tracking_walks import SCENES

OURS, OVERLAP = "ours", "overlap alone"
SETTINGS = TrackSettings.for_distance(SAME)
_LEAST_OVERLAP = 0.3  # as DeepSORT's max_iou_distance of 0.7
ALL = "all scenes"

Owners = Mapping[int, int]  # face -> track


@dataclass(frozen=True)
class Followed:
    """One tracker on one scene, or on all, at one rate.

    Attributes:
        rate: Samples a second.
        scene: A name in :data:`benchmarks.tracking_walks.SCENES`, or :data:`ALL`.
        tracker: Its name.
        figures: How well.
        purity: Share of the faces that are of the person whom most of their track's faces are of.
        milliseconds: Of a sample, on the clock.
    """

    rate: float
    scene: str
    tracker: str
    figures: Figures
    purity: float
    milliseconds: float


@dataclass(frozen=True)
class Tracked:
    """All of the part.

    Attributes:
        results: Tracker by tracker.
        peer: Versions of what was compared with; ``None`` where it was left out.
        missing: Why it was left out.
        off: The largest difference between our figures and those of motmetrics and trackers; ``None`` where they were not compared.
    """

    results: tuple[Followed, ...]
    peer: str | None
    missing: str | None
    off: float | None


def follow(samples: Sequence[Sample], settings: TrackSettings = SETTINGS) -> dict[int, int]:
    """Ours."""
    tracker = Tracker(settings)
    tracks = [track for sample in samples for track in tracker.add(sample.faces)] + tracker.finish()
    return {key: number for number, track in enumerate(tracks) for key in track.keys}


def follow_by_overlap(samples: Sequence[Sample], seconds: float = SETTINGS.max_age) -> dict[int, int]:
    """A plain tracker: the most overlap of boxes all in all, and a track waits as long as ours does."""
    live: list[tuple[int, Floats, float]] = []
    owners: dict[int, int] = {}
    count = 0
    for sample in samples:
        live = [track for track in live if sample.timestamp - track[2] <= seconds]
        boxes = _boxes(sample.faces)
        shared = metrics.overlaps(boxes, np.array([track[1] for track in live]).reshape(-1, 4))
        rows, columns = linear_sum_assignment(shared, maximize=True)
        taken = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if shared[i, j] >= _LEAST_OVERLAP}
        kept = [track for j, track in enumerate(live) if j not in taken.values()]
        for i, face in enumerate(sample.faces):
            number = live[taken[i]][0] if i in taken else count
            count += i not in taken
            owners[face.key] = number
            kept.append((number, boxes[i], sample.timestamp))
        live = kept
    return owners


def frames_of(samples: Sequence[Sample], owners: Owners) -> list[Frame]:
    """What is true and what a tracker said, for the metrics; faces that it has in no track are not said."""
    return [
        metrics.frame(sample.people, sample.boxes, [owners[face.key] for face in said], _boxes(said))
        for sample in samples
        for said in [[face for face in sample.faces if face.key in owners]]
    ]


def purity(films: Sequence[tuple[Sequence[Sample], Owners]]) -> float:
    """See :attr:`Followed.purity`."""
    right = total = 0
    for samples, owners in films:
        true = {face.key: who for sample in samples for face, who in zip(sample.faces, sample.owners, strict=True)}
        tracks: dict[int, Counter[int]] = {}
        for key, track in owners.items():
            tracks.setdefault(track, Counter())[true[key]] += 1
        right += sum(max(one.values()) for one in tracks.values())
        total += len(owners)
    return right / max(total, 1)


def measure(
    rates: Sequence[float],
    seeds: int,
    seconds: float,
    python: Callable[[], Path],
    folder: Path,
    say: Callable[[str], None],
) -> Tracked:
    """Plays all scenes and has all trackers follow them.

    Args:
        rates: Samples a second.
        seeds: How many scenes of each kind.
        seconds: Length of a scene.
        python: Gives the Python of the peers' environment, or raises PeerError.
        folder: For files that are handed over.
        say: Told how far it is.
    """
    with ExitStack() as stack:
        missing, peer, judge = None, None, None
        try:
            peer = stack.enter_context(Peer(python(), "deep_sort", folder))
            judge = stack.enter_context(Peer(python(), "judges", folder))
        except PeerError as error:
            missing = str(error)
            say(f"deep-sort-realtime was left out: {error}")
        bench = _Bench(peer, judge, folder, say)
        for rate in rates:
            bench.at(rate, seeds, seconds)
        return Tracked(tuple(bench.results), peer.about if peer else None, missing, bench.off)


class _Bench:
    def __init__(self, peer: Peer | None, judge: Peer | None, folder: Path, say: Callable[[str], None]) -> None:
        self._peer, self._judge, self._folder, self._say = peer, judge, folder, say
        self.results: list[Followed] = []
        self.off: float | None = None

    def at(self, rate: float, seeds: int, seconds: float) -> None:
        films: dict[str, dict[str, list[tuple[Sequence[Sample], Owners, float]]]] = {}
        for scene in SCENES:
            for seed in range(seeds):
                samples = play(scene, rate, seed=seed, seconds=seconds)
                for name, (owners, took) in self._all(samples, rate).items():
                    films.setdefault(name, {}).setdefault(scene, []).append((samples, owners, took))
        for name, scenes in films.items():
            for scene, played in [*scenes.items(), (ALL, [film for some in scenes.values() for film in some])]:
                self.results.append(self._judged(rate, scene, name, played))
            self._say(f"{rate:g} samples a second, {name}: IDF1 {self.results[-1].figures.idf1:.3f}")

    def _all(self, samples: Sequence[Sample], rate: float) -> dict[str, tuple[Owners, float]]:
        found: dict[str, tuple[Owners, float]] = {}
        for name, work in ((OURS, follow), (OVERLAP, follow_by_overlap)):
            began = time.perf_counter()
            owners = work(samples)
            found[name] = owners, time.perf_counter() - began
        if self._peer is not None:
            path = _hand_over(samples, self._folder / "film.npz")
            for name, settings in _as_users_run_it(rate).items():
                answer = self._peer.ask("follow", film=path, settings=settings)
                found[name] = dict(answer["owners"]), answer["seconds"]
        return found

    def _judged(
        self, rate: float, scene: str, name: str, played: Sequence[tuple[Sequence[Sample], Owners, float]]
    ) -> Followed:
        figures = metrics.measure([frames_of(samples, owners) for samples, owners, _ in played])
        if self._judge is not None and scene != ALL and name == OURS and rate <= 2:
            samples, owners, _ = played[0]
            ours = metrics.measure([frames_of(samples, owners)])
            theirs = self._judge.ask("judge", film=_hand_over(samples, self._folder / "judged.npz", owners))
            both = ((ours.mota, theirs["mota"]), (ours.idf1, theirs["idf1"]), (ours.hota, theirs["hota"]))
            self.off = max([self.off or 0.0, *(abs(one - other) for one, other in both)])
        count = sum(len(samples) for samples, _, _ in played)
        took = sum(seconds for _, _, seconds in played)
        pure = purity([(samples, owners) for samples, owners, _ in played])
        return Followed(rate, scene, name, figures, pure, 1000 * took / max(count, 1))


def _as_users_run_it(rate: float) -> dict[str, dict[str, float]]:
    """deep-sort-realtime as it comes, and with our seconds and our limit, which it does not have from itself."""
    ours = {"max_age": max(round(SETTINGS.max_age * rate), 1), "max_cosine_distance": SETTINGS.appearance_limit}
    return {"deep-sort-realtime": {}, "deep-sort-realtime, tuned": {**ours, "n_init": 1}}


def _hand_over(samples: Sequence[Sample], path: Path, owners: Owners | None = None) -> str:
    """Writes a scene for a peer; with ``owners`` also what a tracker made of it."""
    faces = [face for sample in samples for face in sample.faces]
    np.savez(
        path,
        sizes=[len(sample.faces) for sample in samples],
        boxes=_boxes(faces),
        embeddings=np.stack([face.embedding for face in faces]),
        keys=[face.key for face in faces],
        tracks=[-1 if owners is None else owners.get(face.key, -1) for face in faces],
        people=[who for sample in samples for who in sample.people],
        people_boxes=np.concatenate([sample.boxes for sample in samples]),
        people_sizes=[len(sample.people) for sample in samples],
    )
    return str(path)


def _boxes(faces: Sequence[Observation]) -> Floats:
    return np.array([[face.box.x1, face.box.y1, face.box.x2, face.box.y2] for face in faces], float).reshape(-1, 4)


def verdicts(tracked: Tracked) -> list[Verdict]:
    """IDF1 ahead of all others at each rate."""
    found = []
    for rate in dict.fromkeys(one.rate for one in tracked.results):
        whole = {one.tracker: one.figures.idf1 for one in tracked.results if (one.rate, one.scene) == (rate, ALL)}
        others = {name: value for name, value in whole.items() if name != OURS}
        best = max(others, key=lambda name: others[name])
        holds = whole[OURS] > others[best]
        known = None if holds and tracked.peer is None else holds
        text = f"tracks at {rate:g} samples a second: IDF1 {whole[OURS]:.3f}, {best} {others[best]:.3f}"
        found.append(Verdict(known, text if tracked.peer else f"{text}; {tracked.missing}"))
    return found
