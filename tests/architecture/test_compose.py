"""docker-compose.yml fits the program. No container is started; what it would run is tried as far as that goes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import Settings, load_settings
from app.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
OURS = ("web", "worker", "downloader", "beat")
GIVEN = {"APP_PASSWORD": "correct horse", "POSTGRES_PASSWORD": "secret1"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def _filled(value: str, given: dict[str, str]) -> str:
    """Fills in ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}`` as Compose does."""

    def fill(match: re.Match[str]) -> str:
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if given.get(name):
            return given[name]
        assert kind != ":?", f"{name} must be set: {rest}"
        return rest or ""

    return re.sub(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}", fill, value)


def _environment(compose: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    return {name: _filled(str(value), given) for name, value in compose["services"]["web"]["environment"].items()}


def test_it_has_the_six_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*OURS, "redis", "postgres"}


@pytest.mark.parametrize("service", OURS)
def test_our_services_are_one_image_with_one_set_of_settings(compose: dict[str, Any], service: str) -> None:
    found, web = compose["services"][service], compose["services"]["web"]
    assert {key: found[key] for key in ("image", "build", "environment", "volumes")} == {
        key: web[key] for key in ("image", "build", "environment", "volumes")
    }


def test_the_environment_gives_valid_settings(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = _environment(compose, GIVEN)
    assert set(environment) <= {name.upper() for name in Settings.model_fields}
    settings = load_settings(environment, env_file=tmp_path / "none")
    assert settings.database == "postgresql://faaaaaces:secret1@postgres:5432/faaaaaces"
    assert settings.broker == "redis://redis:6379/0"
    assert settings.app_password == "correct horse"


@pytest.mark.parametrize("name", GIVEN)
def test_passwords_have_no_default(compose: dict[str, Any], name: str) -> None:
    with pytest.raises(AssertionError, match=f"{name} must be set"):
        _environment(compose, {key: value for key, value in GIVEN.items() if key != name})


def test_the_image_alone_refuses_to_run_without_a_password(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    given = dict(item.split("=", 1) for line in re.findall(r"^ENV (.+)$", text, re.M) for item in shlex.split(line))
    with pytest.raises(ConfigError, match="APP_PASSWORD"):
        load_settings(given, env_file=tmp_path / "none")


def test_everything_a_service_needs_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for name, need in service.get("depends_on", {}).items():
            assert need["condition"] == "service_healthy"
            assert "healthcheck" in compose["services"][name]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("service", OURS)
def test_the_commands_are_understood(compose: dict[str, Any], service: str, tmp_path: Path) -> None:
    program, *arguments = compose["services"][service]["command"]
    # gunicorn loads the application for its check, and with it the settings and the database.
    check = "--check-config" if program == "gunicorn" else "--help"
    done = subprocess.run(
        [sys.executable, "-m", program, *arguments, check],
        cwd=ROOT,
        env={**os.environ, "FAAAAACES_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_holds_what_the_commands_need() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.M)
    names = {name for line in copied for name in line.split()}
    assert {"app", "migrations", "run.py", "celery_worker.py", "gunicorn.conf.py", "requirements.txt"} <= names
    assert [name for name in names if not (ROOT / name).exists()] == []
    admitted = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"
    }
    assert names <= admitted
