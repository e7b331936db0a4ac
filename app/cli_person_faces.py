"""``faaaaaces person move|new|confirm|remove|dismiss|split``: whose faces are."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.cli_edits import AS_JSON, tell
from app.errors import InvalidInputError
from app.services import people as edits
from app.services.people import SHARES, Chosen, Leaving, SplitPart, SplitProposal, find_person

FACES = click.option("--face", "faces", type=int, multiple=True, metavar="ID", help="A face. May be repeated.")
TRACKS = click.option(
    "--track", "tracks", type=int, multiple=True, metavar="ID", help="A track: all its faces. May be repeated."
)


@click.command()
@click.argument("person")
@FACES
@TRACKS
@AS_JSON
@plain_errors
def move(person: str, faces: tuple[int, ...], tracks: tuple[int, ...], as_json: bool) -> None:
    """Gives faces or whole tracks to PERSON."""
    context = open_context()
    tell(edits.move_faces(context, Chosen(faces, tracks), find_person(context, person)), as_json)


@click.command()
@FACES
@TRACKS
@click.option("--name", help="Their name.")
@AS_JSON
@plain_errors
def new(faces: tuple[int, ...], tracks: tuple[int, ...], name: str | None, as_json: bool) -> None:
    """Makes a new person of faces or whole tracks."""
    tell(edits.move_faces(open_context(), Chosen(faces, tracks), None, name=name), as_json)


@click.command()
@click.argument("person")
@FACES
@TRACKS
@AS_JSON
@plain_errors
def confirm(person: str, faces: tuple[int, ...], tracks: tuple[int, ...], as_json: bool) -> None:
    """Says that faces are of PERSON: no grouping takes them away."""
    context = open_context()
    tell(edits.confirm_faces(context, find_person(context, person), Chosen(faces, tracks)), as_json)


@click.command()
@FACES
@TRACKS
@AS_JSON
@plain_errors
def remove(faces: tuple[int, ...], tracks: tuple[int, ...], as_json: bool) -> None:
    """Takes faces away from whose they are: "not this person"."""
    tell(edits.remove_faces(open_context(), Chosen(faces, tracks)), as_json)


@click.command()
@FACES
@TRACKS
@AS_JSON
@plain_errors
def dismiss(faces: tuple[int, ...], tracks: tuple[int, ...], as_json: bool) -> None:
    """Says that something is no face at all."""
    tell(edits.dismiss_faces(open_context(), Chosen(faces, tracks)), as_json)


@click.command()
@click.argument("person")
@click.option("--strictness", type=click.IntRange(1, len(SHARES)), help="How strictly; by default as mildly as helps.")
@click.option("--take", type=int, multiple=True, metavar="GROUP", help="A group that goes. May be repeated.")
@click.option("--name", "names", multiple=True, help="Name of a group that goes, in the same order.")
@AS_JSON
@plain_errors
def split(person: str, strictness: int | None, take: tuple[int, ...], names: tuple[str, ...], as_json: bool) -> None:
    """Takes a mixed group apart: lists groups of faces, or makes those that are taken new people."""
    context = open_context()
    proposal = edits.propose_split(context, find_person(context, person), strictness=strictness, samples=3)
    if not take:
        _list_groups(proposal, as_json)
        return
    if any(not 1 <= number <= len(proposal.parts) for number in take):
        raise InvalidInputError(f"There are groups 1 to {len(proposal.parts)}.")
    parts = [proposal.parts[number - 1] for number in dict.fromkeys(take)]
    given = [*names, *[None] * len(parts)]
    leaving = [Leaving(part.tracks, name) for part, name in zip(parts, given, strict=False)]
    tell(edits.split_person(context, proposal.person_id, leaving, revision=proposal.revision), as_json)


def _list_groups(proposal: SplitProposal, as_json: bool) -> None:
    if as_json:
        rest = _group_as_dict(proposal.rest) if proposal.rest is not None else None
        groups = [_group_as_dict(part) for part in proposal.parts]
        print_json({"strictness": proposal.strictness, "groups": groups, "rest": rest})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("group", "faces", "videos", "tracks", "confirmed"):
        table.add_column(column, justify="right")
    table.add_column("such as faces")
    rows = [(str(number), part) for number, part in enumerate(proposal.parts, 1)]
    for number, part in [*rows, *([("rest", proposal.rest)] if proposal.rest is not None else [])]:
        counts = (part.face_count, part.video_count, len(part.tracks), part.confirmed)
        table.add_row(number, *map(str, counts), ", ".join(str(face.id) for face in part.samples))
    Console().print(table)
    if len(proposal.parts) > 1:
        click.echo(f"To make group 2 a new person: faaaaaces person split {proposal.person_id} --take 2")
    else:
        click.echo("All these faces seem to belong together.")


def _group_as_dict(part: SplitPart) -> dict[str, object]:
    return {
        "tracks": part.tracks,
        "faces": part.face_count,
        "videos": part.video_count,
        "confirmed": part.confirmed,
        "samples": [face.id for face in part.samples],
    }


COMMANDS = (move, new, confirm, remove, dismiss, split)
