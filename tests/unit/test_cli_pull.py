"""``faaaaaces models pull`` over a real site on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import cli_pull
from app.cli import main
from app.errors import ModelError
from app.services.models.sources import Weight
from tests.website import Website
from tests.weights import files_in, offer, put, small_network

ROOT = Path(__file__).resolve().parents[2]
BODY = small_network()


@pytest.fixture
def site() -> Iterator[Website]:
    with Website() as running:
        yield running


@pytest.fixture
def weight(site: Website, monkeypatch: pytest.MonkeyPatch) -> Weight:
    """The one file that packs need, on the site."""
    found, _ = offer(site, "one.onnx", BODY)
    monkeypatch.setattr(cli_pull, "weights_of", lambda pack: (found,))
    # what stands for the weights here is no network of faces
    outcomes = iter([True])
    monkeypatch.setattr(cli_pull, "try_out", lambda *_: next(outcomes, False))
    return found


def environ(folder: Path) -> dict[str, str]:
    return {
        "FAAAAACES_DATA": str(folder),
        "MODELS_FOLDER": "models",
        "DEEPFACE_HOME": str(folder / "home"),
        "ALLOWED_FETCH_HOSTS": "127.0.0.1",
    }


def pull(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", "pull", *arguments], env=environ(folder))


def test_the_weights_come_and_are_told(weight: Weight, tmp_path: Path) -> None:
    result = pull(tmp_path)
    assert result.exit_code == 0, result.output
    assert "one.onnx: fetched, 0.6 MB, sha256 " in result.stdout
    assert (files_in(tmp_path).deepface / "one.onnx").read_bytes() == BODY
    assert "tried out" in result.stdout
    again = pull(tmp_path).stdout
    assert "there already" in again and "tried out" not in again
    assert not (tmp_path / "data").exists()  # no library is made for it


def test_a_network_that_fails_its_check_is_refused(
    weight: Weight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("The pack retinaface-arcface is refused: it sees nobody.")

    monkeypatch.setattr(cli_pull, "try_out", refuse)
    result = pull(tmp_path)
    assert result.exit_code == 1 and "it sees nobody" in result.stderr


def test_a_failure_is_one_line_and_a_status(weight: Weight, site: Website, tmp_path: Path) -> None:
    site.pages.clear()
    result = pull(tmp_path)
    assert result.exit_code == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("faaaaaces: The weights cannot be fetched") and "one.onnx" in line


def test_a_changed_file_can_be_accepted(weight: Weight, site: Website, tmp_path: Path) -> None:
    assert pull(tmp_path).exit_code == 0
    site.pages.clear()
    put(files_in(tmp_path), "one.onnx", small_network(1))
    assert pull(tmp_path).exit_code == 1
    assert pull(tmp_path, "--accept").exit_code == 0
    assert pull(tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("bundled", 0, "Nothing to fetch"),
        ("yunet-mobilefacenet", 0, "faaaaaces models import"),
        ("nothing", 1, "There is no pack 'nothing'"),
    ],
)
def test_packs_without_weights_of_that_kind(tmp_path: Path, name: str, status: int, words: str) -> None:
    result = pull(tmp_path, name)
    assert result.exit_code == status and words in result.output


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores Ctrl-C
from app import cli_pull
from app.cli import main
from app.services.models.sources import Weight
weight = Weight("one.onnx", (sys.argv.pop(1),))
cli_pull.weights_of = lambda pack: (weight,)
main()
"""


def test_ctrl_c_ends_it_in_a_sentence_and_keeps_what_came(weight: Weight, site: Website, tmp_path: Path) -> None:
    begun, over = threading.Event(), threading.Event()

    def half(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:300_000])
        begun.set()
        over.wait(60)

    site.pages["/first/one.onnx"] = half
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, weight.urls[0], "models", "pull"],
        cwd=ROOT,
        env={**os.environ, **environ(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.wait(60)
    part = files_in(tmp_path).deepface / "one.onnx.part"
    pause = threading.Event()
    while not (part.exists() and part.stat().st_size):
        assert not pause.wait(0.05) and process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    over.set()
    assert process.returncode == 130
    assert out == "" and "run the command again to go on" in err and "Traceback" not in err
    assert part.stat().st_size > 0
