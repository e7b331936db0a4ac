"""Where the weights of our packs that lie in DeepFace's own folder come from: as the installed packages name it.

Their files are read and never imported: that would load DeepFace, whose import writes to the user's home and chooses an
engine.
"""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.errors import ModelError
from app.vision import Pack


@dataclass(frozen=True)
class Weight:
    """One file of weights.

    Attributes:
        name: The file's name in DeepFace's folder.
        urls: Where it can be fetched, in order.
    """

    name: str
    urls: tuple[str, ...]


# Part of a pack -> package, module and constant that name the addresses of its weights.
_SOURCES = {
    "retinaface": ("retinaface", "model/retinaface_onnx_model.py", "WEIGHTS_URLS"),
    "arcface": ("deepface", "models/facial_recognition/onnx/ArcFace.py", "WEIGHTS_URL"),
}


def weights_of(pack: Pack) -> tuple[Weight, ...]:
    """The files from DeepFace's folder that a pack of ours needs; none for packs whose weights come from elsewhere.

    Raises:
        ModelError: The package that names the addresses is missing, or is another version than this program knows.
    """
    return tuple(_weight(part) for part in (pack.detector, pack.embedder) if part in _SOURCES)


@cache
def _weight(part: str) -> Weight:
    package, file, constant = _SOURCES[part]
    urls = _constant(package, file, constant)
    return Weight(urls[0].rsplit("/", 1)[-1], urls)


def _constant(package: str, file: str, name: str) -> tuple[str, ...]:
    """The addresses that a module of an installed package assigns to a name."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"The package {package} is missing; install what requirements.txt names.")
    try:
        tree = ast.parse((Path(spec.submodule_search_locations[0]) / file).read_text(encoding="utf-8"))
        return next(urls for node in tree.body if (urls := _assigned(node, name)))
    except (OSError, SyntaxError, StopIteration) as error:
        raise ModelError(
            f"The installed version of {package} does not say where its weights are; install what requirements.txt names."
        ) from error


def _assigned(node: ast.stmt, name: str) -> tuple[str, ...]:
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name) or node.targets[0].id != name:
        return ()
    found = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return tuple(item.value for item in found if isinstance(item, ast.Constant) and isinstance(item.value, str))
