"""How much is measured: in full, or just enough to see that it works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from benchmarks import engines, frames, grouping
from benchmarks.clustering_scale import Sizes

# In the order in which they are measured.
PARTS = (
    "pipeline",
    "mtcnn",
    "dlib",
    "face_recognition",
    "deepface",
    "packs",
    "sizes",
    "sampling",
    "tracking",
    "segments",
    "clustering",
    "grouping",
    "search",
    "memory",
    "images",
)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        runs: Times each film is measured.
        size: Width and height of the generated film.
        rate: Its frames per second.
        seconds: Its length.
        cycle: Seconds of it that are painted and repeated.
        memory_runs: Times memory is measured.
        lengths: Seconds of the short and the long film for memory, by name.
        real: Whether the real video is measured too.
        repetitions: Times each side of a comparison, and each pack, is measured.
        frames: Frames of one repetition of a comparison.
        frame_sizes: Width and height of these frames, by name.
        packs: Packs whose engine is measured.
        pack_size: Width and height of the frames that packs get.
        batches: Batch sizes of packs.
        side_detectors: Packs whose detector is in the table of sizes.
        sides: Sides of the square pictures in the table of sizes.
        side_batches: How many of them at once.
        side_seconds: Seconds for each detector in that table; what would take longer is skipped.
        intervals: Seconds between samples in the comparison of ways of sampling.
        known_repeats: How often its film of known appearances repeats.
        track_rates: Samples a second at which trackers are compared.
        track_scenes: How many scenes of each kind they follow.
        track_seconds: Length of such a scene.
        long_seconds: Length of the film that several workers share.
        groupings: How many faces are grouped, for each way of grouping.
        algorithms: What the algorithms of grouping are compared on.
        searched: Numbers of faces among which is searched.
        searches: How often.
        image_packs: Packs whose memory is measured over many pictures.
        images: Number of these pictures, in thousands.
    """

    runs: int
    size: tuple[int, int]
    rate: int
    seconds: int
    cycle: int
    memory_runs: int
    lengths: dict[str, int]
    real: bool
    repetitions: int
    frames: int
    frame_sizes: dict[str, tuple[int, int]]
    packs: tuple[str, ...]
    pack_size: tuple[int, int]
    batches: tuple[int, ...]
    side_detectors: tuple[str, ...]
    sides: tuple[int, ...]
    side_batches: tuple[int, ...]
    side_seconds: float
    intervals: tuple[float, ...]
    known_repeats: int
    track_rates: tuple[float, ...]
    track_scenes: int
    track_seconds: float
    long_seconds: int
    groupings: Sizes
    algorithms: grouping.Contents
    searched: tuple[int, ...]
    searches: int
    image_packs: tuple[str, ...]
    images: int

    def with_runs(self, runs: int | None, memory_runs: int | None) -> Self:
        """The same with other numbers of repetitions, where they are given."""
        return replace(
            self,
            runs=runs or self.runs,
            repetitions=runs or self.repetitions,
            memory_runs=memory_runs or self.memory_runs,
        )


FULL = Plan(
    runs=5,
    size=(1920, 1080),
    rate=25,
    seconds=60,
    cycle=10,
    memory_runs=3,
    lengths={"1 minute": 60, "30 minutes": 1800},
    real=True,
    repetitions=5,
    frames=4,
    frame_sizes=frames.SIZES,
    packs=engines.PACKS,
    pack_size=frames.SIZES["720p"],
    batches=(1, 4, 8),
    side_detectors=(engines.REFERENCE, "retinaface-mobile"),
    sides=(256, 512, 1024, 2048),
    side_batches=(1, 4, 16),
    side_seconds=420.0,
    intervals=(0.5, 1.0, 2.0),
    known_repeats=6,
    track_rates=(1.0, 2.0, 5.0, 25.0),
    track_scenes=3,
    track_seconds=60.0,
    long_seconds=1800,
    groupings=Sizes(ours=(10_000, 100_000, 1_000_000), peers=(10_000, 20_000), exact=100_000, adding=1_000_000),
    algorithms=grouping.FULL,
    searched=(10_000, 100_000, 1_000_000),
    searches=100,
    image_packs=("bundled", "yunet-mobilefacenet"),
    images=20_000,
)
QUICK = Plan(
    runs=1,
    size=(640, 360),
    rate=10,
    seconds=4,
    cycle=2,
    memory_runs=1,
    lengths={"4 seconds": 4, "12 seconds": 12},
    real=False,
    repetitions=1,
    frames=1,
    frame_sizes={"360p": (640, 360)},
    packs=("bundled", "retinaface-mobile"),
    pack_size=(640, 360),
    batches=(1, 2),
    side_detectors=("retinaface-mobile",),
    sides=(64, 128),
    side_batches=(1, 2),
    side_seconds=20.0,
    intervals=(2.0,),
    known_repeats=1,
    track_rates=(1.0, 5.0),
    track_scenes=1,
    track_seconds=12.0,
    long_seconds=48,
    groupings=Sizes(ours=(2_000,), peers=(1_000,), exact=2_000, adding=2_000),
    algorithms=grouping.QUICK,
    searched=(20_000,),
    searches=5,
    image_packs=("bundled",),
    images=2_000,
)
