"""Memory: the peak of a process that ingests a short film, and of one that ingests a long film of the same kind."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from app.services.jobs import get_job
from benchmarks.films import ROOT
from benchmarks.pipeline import Film, ingest_film, new_context


@dataclass(frozen=True)
class Peak:
    """What one process took.

    Attributes:
        start_mib: Peak resident memory in MiB once the program was loaded, before any work.
        video_mib: Peak resident memory in MiB when the video's job was done; must not depend on the video's length.
        mib: The same at the end, when the library was grouped: that grows with the tracks of the whole library.
        frames: Samples that were looked at.
        faces: Faces that were found.
        seconds: Wall time of the work, loading the networks included.
    """

    start_mib: float
    video_mib: float
    mib: float
    frames: int
    faces: int
    seconds: float


def measure(films: dict[str, Film], models: Path, runs: int, say: Callable[[str], None]) -> dict[str, list[Peak]]:
    """Measures films in turns, each time in a process of its own.

    Args:
        films: By the name under which the result is wanted.
        models: Where the rebuilt networks are kept; they must be there, building them takes memory too.
        runs: How often each.
        say: Told how far it is.
    """
    peaks: dict[str, list[Peak]] = {name: [] for name in films}
    for number in range(1, runs + 1):
        for name, film in films.items():
            peak = _measure_apart(film, models)
            peaks[name].append(peak)
            say(f"memory, {name}: run {number} of {runs}: {peak.video_mib:.0f} MiB ({peak.frames} frames)")
    return peaks


def _measure_apart(film: Film, models: Path) -> Peak:
    command = [sys.executable, "-m", "benchmarks.memory", str(film.path), str(film.interval), str(models)]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return Peak(**json.loads(done.stdout))


def peak_mib() -> float:
    """Peak resident memory of this process in MiB."""
    # on Linux getrusage begins with the peak of the process that started this one
    status = Path("/proc/self/status")
    if status.is_file():
        lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
        return next(int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Ingests one film and prints the peak as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("path", type=Path)
    parser.add_argument("interval", type=float)
    parser.add_argument("models", type=Path)
    wanted = parser.parse_args()
    start, began = peak_mib(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        context = new_context(Path(folder), wanted.models)
        film, looked = Film(wanted.path.name, wanted.path, wanted.interval), []
        job = get_job(context, ingest_film(context, film, on_looked=lambda: looked.append(peak_mib())))
        context.database.dispose()
    seconds = time.perf_counter() - began
    print(json.dumps(asdict(Peak(start, looked[0], peak_mib(), int(job.done), job.faces_found, seconds))))


if __name__ == "__main__":
    main()
