"""Gets the weights of every pack into a folder, where that is possible without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.errors import AppError
from app.services.models import importing
from app.vision import FaceEngine, get_pack
from app.vision.files import ModelFiles
from benchmarks import films

_MAKE_GRAPHS = """
import sys
from pathlib import Path
from tests.reference_graphs import arcface_onnx, retinaface_onnx
folder = Path(sys.argv[1])
retinaface_onnx(folder / "retinaface.onnx")
arcface_onnx(folder / "arcface_weights.onnx")
"""
_IMPORTED = {
    "yunet-mobilefacenet": ("yunet_n_dynamic.onnx", "mobilefacenet_arcface_128.onnx"),
    "retinaface-mobile": ("retinaface_mobilenet025.pth", "mobilefacenet_arcface_128.onnx"),
}
REFERENCE = "retinaface-arcface"
PACKS = ("bundled", REFERENCE, *_IMPORTED)


class MissingError(RuntimeError):
    """A pack's weights cannot be had here; the message says why."""


def shared_folder() -> Path:
    """Where real videos and small weights lie, if anywhere."""
    return Path(os.environ.get("FAAAAACES_SHARED", films.ROOT.parent / "shared"))


@dataclass
class Weights:
    """A folder with the weights of packs, filled as they are asked for.

    Attributes:
        folder: For everything; also a ``DEEPFACE_HOME`` for DeepFace itself.
        say: Told what is made.
    """

    folder: Path
    say: Callable[[str], None]
    _done: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> ModelFiles:
        """Where everything lies."""
        return ModelFiles.within(self.folder, self.folder)

    def engine(self, pack: str, *, flip: bool | None = None, **settings: Any) -> FaceEngine:
        """A warm engine.

        Args:
            pack: Its name.
            flip: Whether faces are looked at in the mirror too; as the pack has it when ``None``.
            settings: Of :class:`FaceEngine`, where they are not to be the usual ones.

        Raises:
            MissingError: The weights cannot be had.
        """
        self.provide(pack)
        chosen = get_pack(pack)
        if flip is not None:
            chosen = replace(chosen, flip=flip)
        engine = FaceEngine(chosen, self.files, **settings)
        engine.warm_up()
        return engine

    def provide(self, pack: str) -> None:
        """Puts a pack's weights into the folder.

        Raises:
            MissingError: They cannot be had.
        """
        if pack not in self._done:
            self.say(f"getting the weights of {pack}")
            try:
                self._make(pack)
            except MissingError as error:
                self._done[pack] = str(error)
            else:
                self._done[pack] = ""
        if self._done[pack]:
            raise MissingError(self._done[pack])

    def _make(self, pack: str) -> None:
        if pack == REFERENCE:
            self.files.deepface.mkdir(parents=True, exist_ok=True)
            # apart, so that PyTorch is never loaded into the process that measures
            done = subprocess.run(
                [sys.executable, "-c", _MAKE_GRAPHS, str(self.files.deepface)],
                check=False,
                cwd=films.ROOT,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no message"]
                raise MissingError(f"its graphs could not be made: {lines[-1]}")
        for name in _IMPORTED.get(pack, ()):
            source = shared_folder() / "models" / name
            if not source.is_file():
                raise MissingError(f"its weights are not here ({name}; set FAAAAACES_SHARED)")
            try:
                importing.import_file(self.files, importing.inspect_file(self.files, source))
            except AppError as error:
                raise MissingError(f"its weights cannot be imported: {error}") from error
