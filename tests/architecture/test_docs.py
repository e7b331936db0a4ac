"""The documents name files, functions and make targets that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PATH = re.compile(r"`([\w./-]+\.(?:py|js|sh|yml|txt|toml|md|css|html))(?:: (\w+))?`")


def _ids(path: Path) -> str:
    return path.name


def _find(name: str) -> Path | None:
    return next((path for path in (ROOT / name, ROOT / "app" / name) if path.exists()), None)


def test_there_are_documents() -> None:
    assert {"README.md", "architecture.md", "deployment.md", "privacy.md"} <= {path.name for path in DOCUMENTS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_files_and_what_is_in_them_exist(document: Path) -> None:
    wrong = []
    for name, inside in PATH.findall(document.read_text(encoding="utf-8")):
        path = _find(name)
        if path is None:
            wrong.append(name)
        elif inside and not re.search(rf"^\s*(def|class) {inside}\b", path.read_text(encoding="utf-8"), re.M):
            wrong.append(f"{name}: {inside}")
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z-]+)", document.read_text(encoding="utf-8")))
    assert named <= targets
