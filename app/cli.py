"""The ``faaaaaces`` command: the same services, without a server."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app import __version__
from app.cli_base import open_context, plain_errors, print_json
from app.cli_doctor import doctor_command
from app.cli_eval import eval_command
from app.cli_ingest import ingest_command
from app.cli_migrate import migrate_pack_command
from app.cli_models import models
from app.cli_review import review_command
from app.cli_watch import watch_command
from app.config import PROJECT_ROOT
from app.domain import MediaKind
from app.pixels import decode_image
from app.services.context import Context
from app.services.export import export_faces
from app.services.grouping import cluster_library
from app.services.library.people import list_people
from app.services.search import FaceMatches, search_faces
from app.storage.lookup import FaceDescription
from app.storage.views.shapes import Page, PersonRow

PAGE_SIZE = 500


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faaaaaces")
def main() -> None:
    """Who appears in my videos, when, and where else?

    All data lies under FAAAAACES_DATA, or in the program's folder.
    """


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@plain_errors
def cluster(as_json: bool) -> None:
    """Groups all faces of the library anew; people keep their names."""
    summary = cluster_library(open_context())
    if as_json:
        print_json(vars(summary))
    else:
        click.echo(
            f"{summary.people} people in {summary.tracks} tracks; {summary.new_people} new, "
            f"{summary.changed} tracks changed hands."
        )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def people(as_json: bool) -> None:
    """Lists the people of the library, most seen first."""
    found = list(_all_people(open_context()))
    if as_json:
        print_json([_person_as_dict(person) for person in found])
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
@plain_errors
def export_faces_command(format_name: str) -> None:
    """Every face: video, time, box, confidence, quality, track, person and name."""
    for piece in export_faces(open_context(), "json" if format_name == "json" else "csv"):
        sys.stdout.write(piece)
    sys.stdout.flush()


@main.command()
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--top", default=10, show_default=True, help="How many moments to show for each face.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def search(image: Path, top: int, as_json: bool) -> None:
    """Finds the people of a picture in the library: who, and when."""
    results = search_faces(open_context(), decode_image(image.read_bytes()), top=top)
    if as_json:
        print_json([_matches_as_dict(result) for result in results])
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
        who = face.person_name or (f"person {face.person_id}" if face.person_id else "nobody yet")
        console.print(f"  {moment.similarity:5.1f} %  {face.video_title}  {_moment(face)}  {who}")


def _moment(face: FaceDescription) -> str:
    """When a face is seen, or in which picture of a set."""
    if face.media_kind == MediaKind.PICTURES:
        return f"picture {face.timestamp + 1:.0f}"
    minutes, seconds = divmod(face.timestamp, 60)
    return f"{minutes:.0f}:{seconds:04.1f}"


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
                "media_kind": moment.face.media_kind,
                "person_id": moment.face.person_id,
                "name": moment.face.person_name,
                "similarity": moment.similarity,
            }
            for moment in result.moments
        ],
    }


main.add_command(ingest_command)
main.add_command(watch_command)
main.add_command(models)
main.add_command(doctor_command)
main.add_command(eval_command)
main.add_command(migrate_pack_command)
main.add_command(review_command)


@main.command()
def serve() -> None:
    """Starts the web page, the worker and the scheduler; Ctrl-C stops them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    script = PROJECT_ROOT / "run.py"
    os.execv(sys.executable, [sys.executable, str(script)])  # noqa: S606 - the same program, no shell


if __name__ == "__main__":
    main()
