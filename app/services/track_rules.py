"""How faces are followed: what comes with the program, or the file that ``DEEP_SORT_CONFIG`` names."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from app.config import Settings
from app.errors import ConfigError
from app.vision import Pack
from app.vision.track import TrackRules, TrackSettings

_LARGEST = 100_000  # bytes; a file of settings is small, and YAML may unfold to more than fits into memory


def track_settings(settings: Settings, pack: Pack) -> TrackSettings:
    """When faces are linked that this pack has measured.

    Raises:
        ConfigError: The file cannot be used.
    """
    return TrackSettings.for_distance(pack.same_person_distance, track_rules(settings))


def track_rules(settings: Settings) -> TrackRules:
    """What the file says, and where it says nothing what comes with the program.

    Raises:
        ConfigError: The file is missing, cannot be read, is no YAML or says what cannot be; the message says which.
    """
    if settings.deep_sort_config is None:
        return TrackRules.from_mapping(
            _parse(resources.files("app.vision").joinpath("data/deep_sort.yaml").read_text())
        )
    try:
        return TrackRules.from_mapping(_parse(_read(settings.deep_sort_config)))
    except ConfigError as error:
        raise ConfigError(f"DEEP_SORT_CONFIG: {error.message}") from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigError("There is no such file.") from error
    except OSError as error:
        raise ConfigError("The file cannot be read.") from error
    if len(found) > _LARGEST:
        raise ConfigError("The file is too large for a file of settings.")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("The file is no text.") from error


def _parse(text: str) -> dict[str, object]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "The file" if mark is None else f"Line {mark.line + 1} of the file"
        raise ConfigError(f"{where} is no YAML.") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError('The file must hold lines such as "max_age: 3.0".')
    return found
