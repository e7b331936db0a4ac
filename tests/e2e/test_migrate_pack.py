"""``faaaaaces migrate-pack`` as a user runs it: processes of their own, one of them killed."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.domain import Image
from app.models import Face, StagedFace
from app.services.context import Context
from app.services.people import rename_person
from app.storage import spaces
from tests.films import make_film
from tests.library import make_context
from tests.signers import check_signers, sign_clips

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"FACE_PACK": "bundled", "FACE_FLIP": "0"}  # the bundled networks in a form that cannot be compared

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def models(tmp_path: Path, models_cache: Path) -> Path:
    """A models folder of this test's own, so that imports do not stay."""
    return Path(shutil.copytree(models_cache, tmp_path / "models"))


@pytest.fixture
def start(tmp_path: Path, models: Path) -> Start:
    """Starts the command over a library in ``tmp_path``."""

    def run(*arguments: str | Path, **own: str) -> subprocess.Popen[str]:
        folders = {"FAAAAACES_DATA": str(tmp_path / "library"), "MODELS_FOLDER": str(models), "FACE_PACK": "bundled"}
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **folders, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def finish(process: subprocess.Popen[str], answer: str = "") -> str:
    """What the command printed; it must have succeeded."""
    out, err = process.communicate(answer, timeout=300)
    assert process.returncode == 0, out + err
    return out


@pytest.fixture
def context(tmp_path: Path, models: Path) -> Context:
    """A view into the library that the commands work on."""
    return make_context(tmp_path / "library", models_folder=str(models))


def name_everybody(context: Context, people: list[dict[str, int]], prefix: str = "Person") -> dict[int, str]:
    names = {person["person_id"]: f"{prefix} {number}" for number, person in enumerate(people, 1)}
    for person_id, name in names.items():
        rename_person(context, person_id, name)
    return names


def count(context: Context, table: type) -> int:
    with context.database.session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def space_of(context: Context) -> str:
    with context.database.session() as session:
        space = spaces.pinned(session)
    assert space is not None
    return space.name


@pytest.mark.xdist_group("kill")
def test_a_killed_change_goes_on_and_the_library_works_meanwhile(
    start: Start, context: Context, tmp_path: Path, astronaut: Image, grace_hopper: Image
) -> None:
    film = make_film(tmp_path / "two people.mp4", [astronaut, grace_hopper] * 2, seconds_each=8)
    finish(start("ingest", film, "--interval", "0.1"))
    people = json.loads(finish(start("people", "--json")))
    names = name_everybody(context, people)
    old, faces = space_of(context), count(context, Face)
    assert faces > 250

    first = start("migrate-pack", "bundled", "--yes", **PLAIN)
    pause = threading.Event()
    for _ in range(6000):
        if count(context, StagedFace) or first.poll() is not None:
            break
        pause.wait(0.01)  # the rows are what is waited for; nothing tells of them but the rows themselves
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    staged = count(context, StagedFace)
    assert 0 < staged < faces, "the kill came too late to prove anything"
    assert space_of(context) == old
    assert {p["person_id"]: p["name"] for p in json.loads(finish(start("people", "--json")))} == names

    report = json.loads(finish(start("migrate-pack", "bundled", "--yes", "--json", **PLAIN)))
    assert report["applied"]
    assert report["measured"] == faces - staged
    assert (report["sources"], report["gone"]) == ({"crop": faces}, [])
    assert (count(context, StagedFace), space_of(context)) == (0, f"{old}/plain")
    assert {p["person_id"]: p["name"] for p in json.loads(finish(start("people", "--json")))} == names


def test_it_shows_asks_and_says_what_is_next(
    start: Start, context: Context, tmp_path: Path, astronaut: Image, grace_hopper: Image
) -> None:
    film = make_film(tmp_path / "two people.mp4", [astronaut, grace_hopper], seconds_each=3)
    finish(start("ingest", film))
    old = space_of(context)
    told = finish(start("migrate-pack", "bundled", "--dry-run", **PLAIN))
    assert "named people with faces" in told
    assert "0 of 2 tracks would change hands" in " ".join(told.split())
    assert "Nothing was changed. To do it takes about" in told
    assert (count(context, StagedFace), space_of(context)) == (0, old)

    told = finish(start("migrate-pack", "bundled", **PLAIN), answer="n\n")
    assert "Nothing was changed" in told
    assert (count(context, StagedFace), space_of(context)) == (count(context, Face), old)
    assert "given up" in finish(start("migrate-pack", "bundled"))
    assert count(context, StagedFace) == 0

    told = finish(start("migrate-pack", "bundled", **PLAIN), answer="y\n")
    assert "tracks changed hands" in told
    assert space_of(context) != old
    assert "nothing to change" in finish(start("migrate-pack", "bundled", **PLAIN))
    told = finish(start("migrate-pack", "bundled", "--yes", FACE_PACK="bundled-exact"))
    assert "set FACE_PACK=bundled and start the program again" in " ".join(told.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "There is no pack 'nonsense'"),
        (["retinaface-arcface"], "models pull"),
        (["bundled", "--json"], "--json needs"),
    ],
    ids=["unknown", "weights missing", "json"],
)
def test_mistakes_are_told_in_a_sentence(
    start: Start, tmp_path: Path, astronaut: Image, arguments: list[str], words: str
) -> None:
    finish(start("ingest", make_film(tmp_path / "one.mp4", [astronaut], seconds_each=2)))
    process = start("migrate-pack", *arguments, DEEPFACE_HOME=str(tmp_path))
    out, err = process.communicate(timeout=120)
    assert process.returncode in (1, 2)
    assert words in " ".join((out + err).split())
    assert "Traceback" not in err


def test_an_empty_library_needs_no_change(start: Start) -> None:
    process = start("migrate-pack", "yunet-mobilefacenet")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Set FACE_PACK=yunet-mobilefacenet" in err


@pytest.mark.slow
def test_the_five_signers_keep_their_names_there_and_back(start: Start, context: Context, shared: Path) -> None:
    for file in ("mobilefacenet_arcface_128.onnx", "yunet_n_dynamic.onnx"):
        finish(start("models", "import", shared / "models" / file, "--yes"))
    finish(start("ingest", *sign_clips(shared)))
    people = json.loads(finish(start("people", "--json")))
    assert len(people) == 5
    names = name_everybody(context, people, "Signer")
    before = export(start)
    check_signers(before, shared)
    for pack in ("yunet-mobilefacenet", "bundled"):
        report = json.loads(finish(start("migrate-pack", pack, "--yes", "--json")))
        assert (report["changed_tracks"], report["new_people"]) == (0, 0)
        assert (report["after"]["people"], report["after"]["named_seen"], report["gone"]) == (5, 5, [])
        after = export(start)
        check_signers(after, shared)
        assert [(row["face_id"], row["person_id"], row["name"]) for row in after] == [
            (row["face_id"], row["person_id"], row["name"]) for row in before
        ]
    assert {row["name"] for row in before if row["name"]} == set(names.values())
    added = finish(start("ingest", shared / "data" / "clips" / "hamilton.mp4"))
    assert "✓" in added


def export(start: Start) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(finish(start("export", "faces")))))
