"""One run of the benchmarks: measures its parts one after the other and keeps what they gave."""

from __future__ import annotations

import subprocess
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import (
    against,
    against_deepface,
    chart,
    clustering_scale,
    clustering_scale_report,
    films,
    grouping,
    grouping_report,
    memory,
    memory_images,
    packs,
    peers,
    pipeline,
    report,
    sampling,
    sampling_report,
    search,
    search_report,
    segments,
    sizes,
    speed_report,
    tracking,
    tracking_report,
)
from benchmarks.engines import MissingError, Weights, shared_folder
from benchmarks.memory import Peak
from benchmarks.peers import PeerError
from benchmarks.pipeline import Film, Measured
from benchmarks.plan import Plan
from benchmarks.results import Comparison, MemoryRun, Verdict
from benchmarks.speed_report import Speed

CHARTS = {"pipeline": Path("images/benchmark-time.png"), "packs": Path("images/benchmark-packs.png")}
_HAMILTON = Path("data/clips/hamilton.mp4")
_COMPARED: dict[str, Callable[[against.Bench], list[Comparison]]] = {
    "mtcnn": against.mtcnn,
    "dlib": against.dlib,
    "face_recognition": against.face_recognition,
    "deepface": against_deepface.deepface,
}


class Session:
    """Measures parts; one that breaks does not take the figures of the others with it.

    Attributes:
        notes: Remarks for the report.
        broken: Parts that broke.
    """

    def __init__(self, plan: Plan, work: Path, say: Callable[[str], None], *, with_peers: bool = True) -> None:
        """Prepares; nothing is measured yet.

        Args:
            plan: How much.
            work: An empty folder, for everything that is made.
            say: Told how far it is.
            with_peers: Whether other people's tools may be installed and measured.
        """
        self.notes: list[str] = []
        self.broken: list[str] = []
        self._plan, self._work, self._say, self._with_peers = plan, work, say, with_peers
        self._weights = Weights(work / "models", say)
        self._films: list[Measured] | None = None
        self._peaks: dict[str, list[Peak]] | None = None
        self._speed = Speed()
        self._sampled: list[sampling.Sampled] = []
        self._tracked: tracking.Tracked | None = None
        self._shared: list[segments.Shared] = []
        self._grouped: list[clustering_scale.Grouped] = []
        self._compared: list[grouping.Scored] = []
        self._searched: list[search.Index] = []
        self._python: Path | PeerError | None = None

    def measure(self, part: str) -> None:
        """Measures one of :data:`benchmarks.plan.PARTS`."""
        self._say(f"== {part}")
        try:
            if part in _COMPARED:
                self._speed = self._speed.adding(comparisons=_COMPARED[part](self._bench()))
            else:
                getattr(self, f"_measure_{part}")()
        except Exception as error:  # noqa: BLE001  # after twenty minutes, the other parts' figures must not be lost
            self.broken.append(part)
            self.notes.append(f"the part {part} broke: {type(error).__name__}: {error}")
            self._say(f"{part} broke\n{traceback.format_exc()}")

    def verdicts(self) -> list[Verdict]:
        """What was promised, and whether it holds."""
        broken = [Verdict(None, f"{part}: it broke") for part in self.broken]
        shared = [segments.verdict(self._shared)] if self._shared else []
        shared += clustering_scale_report.verdicts(self._grouped)
        shared += search_report.verdicts(self._searched)
        shared += tracking.verdicts(self._tracked) if self._tracked else []
        return [*speed_report.verdicts(self._speed), *report.verdicts(self._films, self._peaks), *shared, *broken]

    def sections(self, charts: Mapping[str, str] | None = None) -> list[str]:
        """The chapters of the report.

        Args:
            charts: Where the charts lie, seen from the report.
        """
        charts = charts or {}
        parts = speed_report.sections(self._speed, charts.get("packs"))
        parts += [sampling_report.section(self._sampled)] if self._sampled else []
        parts += [tracking_report.section(self._tracked)] if self._tracked else []
        parts += [segments.section(self._shared, self._plan.long_seconds)] if self._shared else []
        parts += [clustering_scale_report.section(self._grouped)] if self._grouped else []
        parts += [grouping_report.section(self._compared)] if self._compared else []
        parts += [search_report.section(self._searched)] if self._searched else []
        parts += report.time_sections(self._films, charts.get("pipeline")) if self._films else []
        return parts + (report.memory_sections(self._peaks) if self._peaks else [])

    def draw(self, folder: Path) -> dict[str, str]:
        """Draws the charts into a folder; gives their paths, seen from there, by name."""
        drawn = {}
        if self._films:
            chart.draw(self._films, folder / CHARTS["pipeline"])
            drawn["pipeline"] = str(CHARTS["pipeline"])
        measured = [cost for cost in self._speed.packs or [] if not cost.missing]
        if measured:
            chart.draw_packs(measured, folder / CHARTS["packs"])
            drawn["packs"] = str(CHARTS["packs"])
        grouping_report.draw(self._compared, folder)
        return drawn

    def _bench(self) -> against.Bench:
        plan = self._plan
        return against.Bench(
            self._weights, self._peers, self._work, plan.repetitions, plan.frames, plan.frame_sizes, self._say
        )

    def _peers(self) -> Path:
        if not self._with_peers:
            raise PeerError("other tools were left out (--no-peers)")
        if self._python is None:
            try:
                self._python = peers.prepare(self._say)
            except PeerError as error:
                self._python = error
        if isinstance(self._python, PeerError):
            raise self._python
        return self._python

    def _measure_pipeline(self) -> None:
        engine = self._weights.engine("bundled")
        found = []
        for film in self._time_films():
            found.append(pipeline.measure(film, engine, self._weights.folder, self._plan.runs, self._say))
        self._films = found

    def _measure_memory(self) -> None:
        self._weights.engine("bundled")  # builds the networks, which takes memory too
        self._peaks = memory.measure(self._memory_films(), self._weights.folder, self._plan.memory_runs, self._say)

    def _measure_packs(self) -> None:
        plan = self._plan
        found = packs.measure(plan.packs, self._weights, plan.pack_size, plan.batches, plan.repetitions, self._say)
        self._speed = self._speed.adding(packs=found)

    def _measure_sizes(self) -> None:
        plan = self._plan
        found = sizes.measure(
            plan.side_detectors,
            self._weights,
            plan.sides,
            plan.side_batches,
            plan.repetitions,
            plan.side_seconds,
            self._say,
        )
        self._speed = self._speed.adding(sizes=found)

    def _measure_sampling(self) -> None:
        engine = self._weights.engine("bundled")
        film = self._work / "known.mp4"
        truth = sampling.make_known_film(film, self._plan.known_repeats)
        clips = sorted((shared_folder() / "data" / "clips").glob("*.mkv")) if self._plan.real else []
        for interval in self._plan.intervals:
            runs = self._plan.repetitions
            self._sampled += sampling.measure(engine, film, truth, clips, interval, runs, self._say)

    def _measure_clustering(self) -> None:
        self._grouped = clustering_scale.measure(self._plan.groupings, self._work / "faces", self._say)

    def _measure_search(self) -> None:
        plan = self._plan
        self._searched = search.measure(plan.searched, plan.searches, self._work / "search", self._say)

    def _measure_grouping(self) -> None:
        self._compared = grouping.measure(self._plan.algorithms, self._weights, self._say)

    def _measure_tracking(self) -> None:
        plan = self._plan
        folder = self._work / "tracking"
        folder.mkdir()
        self._tracked = tracking.measure(
            plan.track_rates, plan.track_scenes, plan.track_seconds, self._peers, folder, self._say
        )

    def _measure_segments(self) -> None:
        self._weights.engine("bundled")  # builds the networks
        plan, length = self._plan, self._plan.long_seconds
        made = {}
        for name, seconds in (("long", length), ("warm", plan.cycle)):
            made[name] = self._work / f"{name}.mp4"
            films.make_apart(made[name], size=(640, 360), rate=plan.rate, seconds=seconds, cycle=plan.cycle)
        folder = self._work / "segments"
        runs = plan.repetitions
        self._shared = segments.measure(
            made["long"], made["warm"], length, self._weights.folder, folder, runs, self._say
        )

    def _measure_images(self) -> None:
        self._speed = self._speed.adding(memory=[self._look(pack) for pack in self._plan.image_packs])

    def _look(self, pack: str) -> MemoryRun:
        self._say(f"memory over {self._plan.images:,} pictures, {pack}")
        began = time.perf_counter()
        try:
            self._weights.provide(pack)
            self._weights.engine("bundled")  # builds the networks, which takes memory too
            grown = memory_images.measure(self._weights.folder, self._plan.images, pack)
        except (MissingError, subprocess.CalledProcessError) as error:
            self._say(f"not measured: {error}")
            return MemoryRun(pack, missing=str(error))
        steps = [1, *range(5, len(grown.mib), 5), len(grown.mib)]
        marks = {step * 1000: grown.mib[step - 1] for step in dict.fromkeys(steps)}
        return MemoryRun(pack, marks, time.perf_counter() - began)

    def _time_films(self) -> list[Film]:
        plan, found = self._plan, []
        if plan.real:
            real = shared_folder() / _HAMILTON
            if real.is_file():
                found.append(Film("hamilton.mp4, 360p", real, 0.5))
            else:
                self.notes.append("hamilton.mp4 was left out: the shared data is not here (set FAAAAACES_SHARED).")
                self._say(self.notes[-1])
        width, height = plan.size
        path = self._work / f"generated {height}p.mp4"
        self._say(f"making {path.name}")
        films.make_apart(path, size=(width, height), rate=plan.rate, seconds=plan.seconds, cycle=plan.cycle)
        return [*found, Film(f"generated, {height}p", path, 1.0)]

    def _memory_films(self) -> dict[str, Film]:
        lengths = self._plan.lengths
        cycle = min(lengths.values())
        return {
            name: Film(
                name,
                films.make_apart(self._work / f"{length} s.mp4", size=(640, 360), rate=5, seconds=length, cycle=cycle),
                1.0,
            )
            for name, length in lengths.items()
        }
