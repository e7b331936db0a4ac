"""A folder in which processes share the comparison of a large library: what to compare, who took what, what was found.

Everything in it may be read while others write: files are made under another name and then renamed.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.clustering.neighbours.graph import Edges
from app.clustering.neighbours.scan import Found, Phase, Ragged, Scan

_PLAN = "plan.json"
_LISTS = ("members.numbers", "members.starts", "visitors.numbers", "visitors.starts")


class ShardFolder:
    """The folder of one comparison.

    Args:
        path: Where it is, on a disk that all processes see.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, scan: Scan, shards: Sequence[range]) -> None:
        """Writes down what is to be compared.

        Args:
            scan: All of it.
            shards: The lists of each shard.
        """
        self._path.mkdir(parents=True)
        np.save(self._path / "vectors.npy", scan.vectors)
        for name, lists in (("members", scan.members), ("visitors", scan.visitors)):
            np.save(self._path / f"{name}.numbers.npy", lists.numbers)
            np.save(self._path / f"{name}.starts.npy", lists.starts)
        plan = {"radius": scan.radius, "k": scan.k, "shards": [[one.start, one.stop] for one in shards]}
        draft = self._path / "plan.draft"
        draft.write_text(json.dumps(plan), encoding="utf-8")
        draft.replace(self._path / _PLAN)

    def exists(self) -> bool:
        """Whether there is something to compare; afterwards the folder is gone."""
        return (self._path / _PLAN).is_file()

    def read(self) -> tuple[Scan, list[range]]:
        """What is to be compared, mapped into memory, and the lists of each shard."""
        plan = json.loads((self._path / _PLAN).read_text(encoding="utf-8"))
        vectors = np.load(self._path / "vectors.npy", mmap_mode="r")
        members, starts, visitors, ends = (np.load(self._path / f"{name}.npy") for name in _LISTS)
        scan = Scan(vectors, Ragged(members, starts), Ragged(visitors, ends), plan["radius"], plan["k"])
        return scan, [range(start, stop) for start, stop in plan["shards"]]

    def put_phase(self, number: int, phase: Phase) -> None:
        """Writes down what is compared next."""
        self._save(f"phase-{number}.npz", step=np.array(phase.step), floors=phase.floors, cut=phase.cut)

    def last_phase(self) -> tuple[int, Phase] | None:
        """Number of the phase that is going on, and what is compared in it; ``None`` before the first."""
        numbers = [int(path.stem.removeprefix("phase-")) for path in self._path.glob("phase-*.npz")]
        if not numbers:
            return None
        with np.load(self._path / f"phase-{max(numbers)}.npz") as saved:
            return max(numbers), Phase(int(saved["step"]), saved["floors"], saved["cut"])

    def claim(self, phase: int, shard: int, stale_seconds: float) -> bool:
        """Takes a shard, unless another process has it or it is done.

        Args:
            phase: Number of the phase.
            shard: Number of the shard.
            stale_seconds: A process that took it longer ago, and has not finished, counts as dead. Where it lives after
                all, the work is done twice, which does no harm.
        """
        if self.is_done(phase, shard):
            return False
        path = self._path / f"taken-{phase}-{shard}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            if time.time() - path.stat().st_mtime < stale_seconds:
                return False
            path.touch()
        return True

    def is_done(self, phase: int, shard: int) -> bool:
        """Whether a shard was compared."""
        return self._found(phase, shard).is_file()

    def put(self, phase: int, shard: int, found: Found) -> None:
        """Writes down what was found."""
        edges = found.edges._asdict()
        rest = {"nodes": found.nodes, "floors": found.floors, "cut": found.cut}
        self._save(self._found(phase, shard).name, **edges, **rest)

    def take(self, phase: int, shard: int) -> Found:
        """Reads what was found."""
        with np.load(self._found(phase, shard)) as saved:
            edges = Edges(saved["rows"], saved["columns"], saved["distances"])
            return Found(edges, saved["nodes"], saved["floors"], saved["cut"])

    def remove(self) -> None:
        """Removes everything; processes that still compare something find nothing any more."""
        (self._path / _PLAN).unlink(missing_ok=True)
        shutil.rmtree(self._path, ignore_errors=True)

    def _found(self, phase: int, shard: int) -> Path:
        return self._path / f"found-{phase}-{shard}.npz"

    def _save(self, name: str, **arrays: npt.NDArray[np.generic]) -> None:
        draft = self._path / f"{uuid.uuid4().hex}.draft.npz"
        np.savez(draft, allow_pickle=False, **arrays)
        draft.replace(self._path / name)
