"""Settings: read once from the environment and ``.env``, validated, frozen, passed down.

Only entry points (``run.py``, ``celery_worker.py``, the command line) call :func:`load_settings`; everything else
receives a :class:`Settings`. Every field has a line in ``.env.example``; a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from app.domain import Sampling
from app.errors import ConfigError
from app.pack_names import AUTO, check_pack_name, pack_of_deepface_names

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = (AUTO, "cpu", "cuda", "tensorrt", "openvino")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def _empty_as_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _split_list(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _auto_as_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("", AUTO) else value


def _check_providers(names: tuple[str, ...]) -> tuple[str, ...]:
    lower = tuple(name.lower() for name in names) or (AUTO,)
    wrong = [name for name in lower if name not in PROVIDERS]
    if wrong or (AUTO in lower and len(lower) > 1):
        raise ValueError(f"choose {AUTO} alone, or some of {', '.join(PROVIDERS[1:])}, best first.")
    return lower


OptionalText = Annotated[str | None, BeforeValidator(_empty_as_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(_empty_as_none)]
OptionalSwitch = Annotated[bool | None, BeforeValidator(_auto_as_none)]
AttributeList = Annotated[
    tuple[Literal["age", "gender", "emotion", "race", "liveness"], ...], BeforeValidator(_split_list)
]
TextList = Annotated[tuple[str, ...], BeforeValidator(_split_list)]


class Settings(BaseModel):
    """Everything that can be set, under the name of its environment variable in lower case.

    Relative folders are relative to ``faaaaaces_data``, which is the project's folder unless set.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Where things are kept
    faaaaaces_data: Path = PROJECT_ROOT
    upload_folder: Path = Path("uploads")
    faces_folder: Path = Path("faces")
    temp_folder: Path = Path("temp")
    models_folder: Path = Path("data/models")
    blob_store: OptionalText = None
    blob_store_endpoint: OptionalText = None
    blob_cache_mb: int = Field(default=4000, ge=0)
    aws_access_key_id: OptionalText = None
    aws_secret_access_key: OptionalText = None
    aws_session_token: OptionalText = None
    aws_default_region: OptionalText = None
    database_url: OptionalText = None
    celery_broker_url: OptionalText = None

    # How videos are looked at
    face_pack: Annotated[str, AfterValidator(check_pack_name)] = AUTO
    face_model: OptionalText = None
    detector_backend: OptionalText = None
    deepface_home: OptionalPath = None
    deepface_compatible: bool = False
    face_flip: OptionalSwitch = None
    face_attributes: AttributeList = ()
    frame_extraction_interval: float = Field(default=1.0, gt=0, le=3600)
    sampling: Sampling = Sampling.ADAPTIVE
    segment_minutes: float = Field(default=5.0, ge=0, le=1440)
    detection_size: int = Field(default=640, ge=64, le=4096)
    face_confidence_threshold: float = Field(default=0.7, ge=0, le=1)
    min_face_size: int = Field(default=20, ge=12, le=2000)

    # What networks run on
    execution_providers: Annotated[TextList, AfterValidator(_check_providers)] = (AUTO,)
    model_threads: Annotated[Annotated[int, Field(ge=1, le=1024)] | None, BeforeValidator(_auto_as_none)] = None
    models_idle_minutes: float = Field(default=10.0, ge=0, le=10080)
    half_precision: bool = True

    # How faces become people
    deep_sort_config: OptionalPath = None
    clustering_algorithm: Literal["agglomerative", "dbscan", "hdbscan", "graph"] = "graph"
    clustering_similarity_threshold: Annotated[
        float | None, BeforeValidator(_empty_as_none), Field(default=None, gt=0, lt=1)
    ] = None
    clustering_preview_share: float = Field(default=0.05, ge=0, le=1)
    cluster_every_minutes: int = Field(default=60, ge=1, le=10080)

    # Limits
    max_video_size_mb: int = Field(default=500, ge=1)
    max_download_size_mb: int = Field(default=1000, ge=1)
    allowed_fetch_hosts: TextList = ()
    max_duration_minutes: float = Field(default=0.0, ge=0)
    max_frame_megapixels: float = Field(default=70.0, gt=0, le=100)
    max_library_gb: float = Field(default=0.0, ge=0)
    min_free_disk_mb: int = Field(default=500, ge=0)
    upload_expire_hours: float = Field(default=24.0, gt=0, le=8760)

    # Links
    download_max_height: int = Field(default=1080, ge=144, le=8640)
    download_sound: bool = False
    download_rate_limit_kb: int = Field(default=0, ge=0)
    download_cookies_file: OptionalPath = None
    download_javascript: Literal["auto", "off", "deno", "node", "bun", "quickjs"] = "auto"
    playlist_max_videos: int = Field(default=50, ge=1, le=10000)

    # Messages to other programs
    webhook_url: OptionalText = None
    webhook_secret: OptionalText = None

    # The web server and the worker
    host: str = "127.0.0.1"
    port: int = Field(default=5000, ge=0, le=65535)
    app_password: OptionalText = None
    allowed_hosts: TextList = ()
    worker_concurrency: int = Field(default=1, ge=1, le=256)
    download_concurrency: int = Field(default=2, ge=1, le=64)
    cluster_concurrency: int = Field(default=1, ge=1, le=16)
    export_concurrency: int = Field(default=1, ge=1, le=16)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _make_absolute(cls, values: dict[str, object]) -> dict[str, object]:
        base = Path(str(values.get("faaaaaces_data") or PROJECT_ROOT)).expanduser().resolve()
        merged: dict[str, object] = {**values, "faaaaaces_data": base}
        for name in ("upload_folder", "faces_folder", "temp_folder", "models_folder"):
            given = values.get(name) or cls.model_fields[name].default
            merged[name] = base / Path(str(given)).expanduser()
        for name in ("deepface_home", "download_cookies_file", "deep_sort_config"):
            if given := values.get(name):
                merged[name] = base / Path(str(given)).expanduser()
        return merged

    @model_validator(mode="after")
    def _refuse_open_door(self) -> Settings:
        if self.host not in LOOPBACK_HOSTS and not self.app_password:
            raise ValueError(
                f"HOST={self.host} would let other machines in. Set APP_PASSWORD first, or keep HOST=127.0.0.1."
            )
        return self

    @model_validator(mode="after")
    def _refuse_two_choices(self) -> Settings:
        named = pack_of_deepface_names(self.face_model, self.detector_backend)
        if named is not None and self.face_pack not in (AUTO, named):
            raise ValueError(
                f"FACE_PACK={self.face_pack} and FACE_MODEL or DETECTOR_BACKEND, which stand for {named}, choose different "
                "networks. Remove FACE_PACK, or remove FACE_MODEL and DETECTOR_BACKEND."
            )
        return self

    @property
    def wanted_pack(self) -> str:
        """Name of the pack that ``FACE_PACK``, or ``FACE_MODEL`` and ``DETECTOR_BACKEND``, ask for; may be ``auto``."""
        return pack_of_deepface_names(self.face_model, self.detector_backend) or self.face_pack

    @property
    def database(self) -> str:
        """SQLAlchemy address of the library: ``DATABASE_URL``, or a SQLite file among the data."""
        return self.database_url or f"sqlite:///{self.faaaaaces_data / 'data' / 'faaaaaces.db'}"

    @property
    def broker(self) -> str:
        """Celery's broker: ``CELERY_BROKER_URL``, or a second SQLite file among the data."""
        return self.celery_broker_url or f"sqla+sqlite:///{self.faaaaaces_data / 'data' / 'queue.db'}"

    @property
    def uses_embedded_broker(self) -> bool:
        """True where the queue is a SQLite file of this machine."""
        return self.broker.startswith(("sqla+sqlite:", "sqlalchemy+sqlite:"))

    @property
    def max_video_bytes(self) -> int:
        """Largest upload in bytes."""
        return self.max_video_size_mb * 1_000_000

    @property
    def max_library_bytes(self) -> int | None:
        """What all videos together may take, in bytes; ``None`` for no limit."""
        return round(self.max_library_gb * 1e9) or None

    @property
    def max_download_bytes(self) -> int:
        """Largest download in bytes."""
        return self.max_download_size_mb * 1_000_000


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """Reads the settings; the environment wins over ``.env``.

    Args:
        environ: The environment; ``os.environ`` when ``None``.
        env_file: The ``.env`` file; the one in the project's folder when ``None``. It need not exist.

    Returns:
        The validated, frozen settings.

    Raises:
        ConfigError: A value is malformed; the message names the variable and what is wrong.
    """
    environ = os.environ if environ is None else environ
    from_file = dotenv_values(env_file or PROJECT_ROOT / ".env")
    known = {name.upper(): name for name in Settings.model_fields}
    values: dict[str, str] = {}
    for source in (from_file, environ):
        for variable, field in known.items():
            value = source.get(variable)
            if value is not None and value.strip():
                values[field] = value.strip()
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        name = str(item["loc"][0]).upper() if item["loc"] else ""
        text = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return "The settings are wrong. " + "; ".join(lines)
