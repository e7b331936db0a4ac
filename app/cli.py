"""The ``faaaaaces`` command: the same services, without a server."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.table import Table

from app import __version__
from app.cli_ingest import ingest_all
from app.config import PROJECT_ROOT, load_settings
from app.errors import AppError
from app.log import configure_logging
from app.media.images import decode_image
from app.services.cluster import cluster_library
from app.services.context import Context, build_context
from app.services.export import export_faces
from app.services.library.people import list_people
from app.services.search import FaceMatches, search_faces
from app.storage.views.shapes import Page, PersonRow

P = ParamSpec("P")
R = TypeVar("R")
PAGE_SIZE = 500


def _open() -> Context:
    settings = load_settings()
    configure_logging(os.environ.get("LOG_LEVEL", "WARNING"))
    context = build_context(settings)
    context.database.upgrade()
    return context


def _plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turns our errors into one line on the error stream and exit status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AppError as error:
            _stop(error.message)
        except BrokenPipeError:  # such as `faaaaaces export faces --format csv | head`
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - keeps Python from flushing into the closed pipe
            sys.exit(0)

    return run


def _stop(message: str) -> NoReturn:
    click.echo(f"faaaaaces: {message}", err=True)
    sys.exit(1)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faaaaaces")
def main() -> None:
    """Who appears in my videos, when, and where else?

    All data lies under FAAAAACES_DATA, or in the program's folder.
    """


@main.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH|URL...")
@click.option("--interval", type=float, help="Seconds between the frames that are looked at; 0.5 is allowed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@_plain_errors
def ingest(sources: tuple[str, ...], interval: float | None, as_json: bool) -> None:
    """Adds videos, folders of videos or addresses, and finds the faces in them."""
    console = Console(stderr=True)
    report = ingest_all(_open(), sources, interval, console)
    if as_json:
        _print_json(report.as_dict())
    else:
        report.print(Console())
    if report.failed:
        sys.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@_plain_errors
def cluster(as_json: bool) -> None:
    """Groups all faces of the library anew; people keep their names."""
    summary = cluster_library(_open())
    if as_json:
        _print_json(vars(summary))
    else:
        click.echo(
            f"{summary.people} people in {summary.tracks} tracks; {summary.new_people} new, "
            f"{summary.changed} tracks changed hands."
        )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@_plain_errors
def people(as_json: bool) -> None:
    """Lists the people of the library, most seen first."""
    found = list(_all_people(_open()))
    if as_json:
        _print_json([_person_as_dict(person) for person in found])
        return
    if not found:
        click.echo("Nobody yet. Add a video: faaaaaces ingest FILE")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, align in (
        ("id", "right"),
        ("name", "left"),
        ("faces", "right"),
        ("videos", "right"),
        ("time", "right"),
    ):
        table.add_column(column, justify="right" if align == "right" else "left")
    for person in found:
        counts = (str(person.face_count), str(person.video_count))
        table.add_row(str(person.id), person.name or "-", *counts, f"{person.seconds:.1f} s")
    Console().print(table)


def _all_people(context: Context) -> Iterator[PersonRow]:
    number = pages = 1
    while number <= pages:
        part = list_people(context, Page(number, PAGE_SIZE))
        yield from part.people
        number, pages = number + 1, part.pages


def _person_as_dict(person: PersonRow) -> dict[str, Any]:
    return {
        "person_id": person.id,
        "name": person.name,
        "faces": person.face_count,
        "videos": person.video_count,
        "seconds": round(person.seconds, 3),
    }


@main.group()
def export() -> None:
    """Writes what the library knows to the standard output."""


@export.command("faces")
@click.option("--format", "format_name", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@_plain_errors
def export_faces_command(format_name: str) -> None:
    """Every face: video, time, box, confidence, quality, track, person and name."""
    for piece in export_faces(_open(), "json" if format_name == "json" else "csv"):
        sys.stdout.write(piece)
    sys.stdout.flush()


@main.command()
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--top", default=10, show_default=True, help="How many moments to show for each face.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@_plain_errors
def search(image: Path, top: int, as_json: bool) -> None:
    """Finds the people of a picture in the library: who, and when."""
    results = search_faces(_open(), decode_image(image.read_bytes()), top=top)
    if as_json:
        _print_json([_matches_as_dict(result) for result in results])
        return
    if not results:
        click.echo("There is no face in this picture.")
    console = Console()
    for number, result in enumerate(results, 1):
        console.print(f"[bold]Face {number}[/bold] at {result.box.x1:.0f}, {result.box.y1:.0f}")
        _print_matches(console, result)


def _print_matches(console: Console, result: FaceMatches) -> None:
    for match in result.people[:5]:
        console.print(f"  {match.similarity:5.1f} %  {match.name or f'person {match.person_id}'}")
    for moment in result.moments:
        face = moment.face
        minutes, seconds = divmod(face.timestamp, 60)
        who = face.person_name or (f"person {face.person_id}" if face.person_id else "nobody yet")
        console.print(f"  {moment.similarity:5.1f} %  {face.video_title}  {minutes:.0f}:{seconds:04.1f}  {who}")


def _matches_as_dict(result: FaceMatches) -> dict[str, Any]:
    box = result.box
    return {
        "box": [round(side, 2) for side in (box.x1, box.y1, box.x2, box.y2)],
        "confidence": round(result.confidence, 4),
        "people": [vars(match) for match in result.people],
        "moments": [
            {
                "face_id": moment.face.face_id,
                "video_id": moment.face.video_id,
                "video": moment.face.video_title,
                "timestamp": round(moment.face.timestamp, 3),
                "person_id": moment.face.person_id,
                "name": moment.face.person_name,
                "similarity": moment.similarity,
            }
            for moment in result.moments
        ],
    }


@main.command()
def serve() -> None:
    """Starts the web page, the worker and the scheduler; Ctrl-C stops them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    script = PROJECT_ROOT / "run.py"
    os.execv(sys.executable, [sys.executable, str(script)])  # noqa: S606 - the same program, no shell


if __name__ == "__main__":
    main()
