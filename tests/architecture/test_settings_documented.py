""".env.example and app/config.py say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.config import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / ".env.example"
FIELDS = sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    assert sorted(dotenv_values(EXAMPLE)) == FIELDS


def test_the_example_holds_the_defaults() -> None:
    assert load_settings(environ={}, env_file=EXAMPLE) == Settings()


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_explained(name: str) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    (number,) = [index for index, line in enumerate(lines) if line.startswith(f"{name}=")]
    explanation = lines[number - 1]
    assert re.match(r"# .{15,}\.?$", explanation), f"no comment above {name}"
    assert not explanation.startswith("# ---")


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", "docs/deployment.md"])
def test_other_files_name_only_settings_that_exist(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    others = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
    named = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?==|:\s|\$?\})", text)) - others
    prefixes = {name.split("_")[0] for name in FIELDS if "_" in name}
    assert {name for name in named if name.split("_")[0] in prefixes} <= set(FIELDS)
