"""Chooses the pack: what the settings ask for, what the library was begun with, what is on this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from app.config import Settings
from app.errors import ConfigError, ModelError
from app.models import EmbeddingSpace
from app.pack_names import AUTO, FALLBACK, REFERENCE
from app.services.models.records import Records
from app.services.models.store import PULL, missing_weights, verify_weights
from app.storage import spaces
from app.vision import ModelFiles, Pack
from app.vision.packs import load_pack

# packages that carry weights; cached graphs are rebuilt from them when missing
WEIGHT_PACKAGES = {"mtcnn": "mtcnn", "mtcnn-exact": "mtcnn", "dlib-resnet-v1": "face_recognition_models"}
_DEEPFACE = "deepface"


@dataclass(frozen=True)
class Choice:
    """The pack to use now.

    Attributes:
        pack: The pack.
        remark: Why it is not the reference pack, and what to do about it; ``None`` where it was asked for.
        fell_back: Whether the reference pack would have been used, had its weights been there.
    """

    pack: Pack
    remark: str | None = None
    fell_back: bool = False


@dataclass(frozen=True)
class Wish:
    """The pack that would be used if its weights were there.

    Attributes:
        pack: The pack.
        required: Whether no other one will do.
    """

    pack: Pack
    required: bool


def model_files(settings: Settings) -> ModelFiles:
    """Where weights lie, by the settings."""
    return ModelFiles.within(settings.models_folder, settings.deepface_home)


def wish(settings: Settings, pinned: EmbeddingSpace | None) -> Wish:
    """Which pack is wanted; looks at no weights.

    Args:
        settings: The settings.
        pinned: The space of the library's faces; ``None`` before the first.

    Raises:
        ConfigError: The settings name a pack that does not exist.
        PackMismatchError: The library was begun with another one.
    """
    name = settings.wanted_pack
    if name == AUTO:
        name = pinned.pack if pinned is not None else REFERENCE
    pack = named_pack(settings, name)
    if pinned is not None:
        spaces.check(pinned, pack.space, pack.name, pack.dimension)
    # who asks for DeepFace's own way of cutting faces cannot be served by the other pack
    free = settings.wanted_pack == AUTO and pinned is None and not settings.deepface_compatible
    return Wish(pack, required=not free)


def choose(settings: Settings, pinned: EmbeddingSpace | None) -> Choice:
    """Which pack to use with what is on this machine now; fetches nothing.

    Args:
        settings: The settings.
        pinned: The space of the library's faces; ``None`` before the first.

    Raises:
        ConfigError: The settings name a pack that does not exist.
        PackMismatchError: The library was begun with another one.
        ModelError: No other pack will do, and its weights are missing or damaged.
    """
    wanted, files = wish(settings, pinned), model_files(settings)
    try:
        verify_weights(wanted.pack, files)
        if (refused := Records(files.cache).refusal(wanted.pack.space)) is not None:
            raise ModelError(
                f"The pack {wanted.pack.name} is refused: {refused} Once that is mended, `faaaaaces models check "
                f"{wanted.pack.name}` lifts this."
            )
    except ModelError as error:
        if wanted.required:
            raise
        return Choice(named_pack(settings, FALLBACK), _fallback_remark(wanted.pack, files, error), fell_back=True)
    if settings.wanted_pack == AUTO and wanted.pack.name == FALLBACK:
        return Choice(wanted.pack, _KEPT)
    return Choice(wanted.pack)


def named_pack(settings: Settings, name: str) -> Pack:
    """A pack by its name, in the way that the settings ask for.

    Raises:
        ConfigError: There is no such pack.
    """
    compatible, flip = settings.deepface_compatible, settings.face_flip
    return load_pack(name, model_files(settings), compatible=compatible, flip=flip)


def pack_of_space(settings: Settings, space: EmbeddingSpace) -> Pack:
    """The pack whose figures belong to the library's faces, whatever the settings ask for now.

    Raises:
        ConfigError: This version of the program does not know the pack.
    """
    try:
        if (pack := named_pack(settings, space.pack)).space == space.name:
            return pack
    except ConfigError:
        pass  # the settings ask for a form that this pack does not have
    return load_pack(space.pack, model_files(settings))


def missing_parts(pack: Pack, files: ModelFiles) -> str | None:
    """What a pack lacks on this machine, as a sentence that says what to do; ``None`` where all is there.

    Looks at names of files and packages only.

    Raises:
        ModelError: The installed packages do not say which weights they need.
    """
    if missing := missing_weights(pack, files):
        return f"The weights are missing ({' and '.join(weight.name for weight in missing)}): {PULL} fetches them."
    packages, imports = [], []
    for part in (pack.detector, pack.embedder):
        package = WEIGHT_PACKAGES.get(part) or (_DEEPFACE if part.startswith(f"{_DEEPFACE}:") else None)
        if package is not None and importlib.util.find_spec(package) is None:
            packages.append(package)
        elif package is None and part not in _FROM_DEEPFACE and not (files.imported / f"{part}.onnx").is_file():
            imports.append(part)
    if packages:
        return f"The weights are missing: install {' and '.join(dict.fromkeys(packages))}."
    if imports:
        if len(imports) == 1:
            return f"The network {imports[0]} is missing: get its file and add it by `faaaaaces models import FILE`."
        names = " and ".join(imports)
        return f"The networks {names} are missing: get their files and add them by `faaaaaces models import FILE`."
    return None


_FROM_DEEPFACE = ("retinaface", "arcface")
_KEPT = (
    f"Faces are told apart by the pack {FALLBACK}, with which this library was begun. For the reference networks: {PULL}, then "
    f"`faaaaaces migrate-pack {REFERENCE}`."
)


def _fallback_remark(pack: Pack, files: ModelFiles, error: ModelError) -> str:
    if not missing_weights(pack, files):
        return f"The pack {FALLBACK} is used. {error.message}"
    if Records(files.cache).failure() is None:
        return (
            f"The weights of {pack.name} are not on this machine yet. They are fetched with the first video, or ahead of it by "
            f"{PULL}; without a network the pack {FALLBACK} is used."
        )
    return (
        f"The pack {FALLBACK} is used, because the weights of {pack.name} could not be fetched. {PULL} tries again; best before "
        "the first face is found, since a library keeps its pack."
    )
