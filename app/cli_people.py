"""``faaaaaces people`` and ``person``: who is there, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast, get_args

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.cli_edits import AS_JSON, edited_as_dict, tell
from app.cli_history import LIMIT, list_events
from app.cli_person_faces import COMMANDS
from app.services import people as edits
from app.services.context import Context
from app.services.library import person_row
from app.services.library.people import list_people
from app.services.people import Facts, find_person
from app.services.people.editing import counted
from app.storage.views.people import PeopleFilter
from app.storage.views.shapes import Page, PersonRow

PAGE_SIZE = 500


@click.command("people")
@click.option(
    "--only",
    type=click.Choice(get_args(PeopleFilter)),
    default="all",
    help="Hidden and ignored ones only if asked for.",
)
@click.option("--search", "text", metavar="WORDS", help="Only those with these words in a name.")
@AS_JSON
@plain_errors
def people_command(only: str, text: str | None, as_json: bool) -> None:
    """Lists the people of the library, most seen first."""
    found = list(_all_people(open_context(), cast("PeopleFilter", only), text))
    if as_json:
        print_json([_person_as_dict(person) for person in found])
        return
    if not found:
        alone = only == "all" and not text
        click.echo("Nobody yet. Add a video: faaaaaces ingest FILE" if alone else "Nobody.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "name", "faces", "videos", "time"):
        table.add_column(column, justify="left" if column == "name" else "right")
    for person in found:
        counts = (str(person.face_count), str(person.video_count))
        table.add_row(str(person.id), person.name or "-", *counts, f"{person.seconds:.1f} s")
    Console().print(table)


@click.group("person")
def person_group() -> None:
    """Looks at one person and changes who is who. PERSON is a number, or a name that only one person has.

    Every change can be taken back: faaaaaces undo.
    """


@person_group.command()
@click.argument("person")
@AS_JSON
@plain_errors
def show(person: str, as_json: bool) -> None:
    """Tells what is known of a person."""
    context = open_context()
    row = person_row(context, find_person(context, person))
    if as_json:
        print_json({**_person_as_dict(row), "notes": row.notes})
        return
    click.echo(f"{row.label} (person {row.id})")
    for name, value in _facts(row):
        click.echo(f"  {name}: {value}")


@person_group.command()
@click.argument("person")
@click.argument("name")
@AS_JSON
@plain_errors
def rename(person: str, name: str, as_json: bool) -> None:
    """Names a person; an empty NAME takes the name away."""
    context = open_context()
    tell(edits.edit_person(context, find_person(context, person), Facts(name=name)), as_json)


@person_group.command("set")
@click.argument("person")
@click.option(
    "--alias", "aliases", multiple=True, metavar="NAME", help="Another name. May be repeated; all are replaced."
)
@click.option("--no-aliases", is_flag=True, help="No other name.")
@click.option("--notes", metavar="TEXT", help="Notes; an empty text for none.")
@click.option("--born", metavar="DATE", help="Birth date, such as 1980-12-31; an empty text where unknown.")
@click.option("--cover", type=int, metavar="FACE", help="The face to show; 0: chosen by itself.")
@AS_JSON
@plain_errors
def set_facts(
    person: str,
    aliases: tuple[str, ...],
    no_aliases: bool,
    notes: str | None,
    born: str | None,
    cover: int | None,
    as_json: bool,
) -> None:
    """Changes other names, notes, birth date and picture."""
    given: dict[str, Any] = {"notes": notes, "birth_date": born, "cover_face_id": cover}
    values = {name: value for name, value in given.items() if value is not None}
    if aliases or no_aliases:
        values["aliases"] = list(aliases)
    if cover == 0:
        values["cover_face_id"] = None
    context = open_context()
    tell(edits.edit_person(context, find_person(context, person), Facts(**values)), as_json)


@person_group.command()
@click.argument("person")
@click.argument("others", nargs=-1, required=True)
@click.option("--name", help="The name that stays.")
@click.option("--cover", type=int, metavar="FACE", help="The picture that stays.")
@AS_JSON
@plain_errors
def merge(person: str, others: tuple[str, ...], name: str | None, cover: int | None, as_json: bool) -> None:
    """Makes PERSON and OTHERS one; PERSON's number stays."""
    context = open_context()
    ids = [find_person(context, other) for other in others]
    tell(edits.merge_people(context, find_person(context, person), ids, name=name, cover_face_id=cover), as_json)


@person_group.command()
@click.argument("person")
@click.argument("others", nargs=-1, required=True)
@AS_JSON
@plain_errors
def different(person: str, others: tuple[str, ...], as_json: bool) -> None:
    """Says that people are different: no grouping ever joins them."""
    context = open_context()
    tell(edits.say_different(context, [find_person(context, one) for one in (person, *others)]), as_json)


@person_group.command()
@click.argument("person")
@AS_JSON
@plain_errors
def delete(person: str, as_json: bool) -> None:
    """Dissolves a person: their faces stay, are nobody's, and may be grouped anew."""
    context = open_context()
    tell(edits.delete_person(context, find_person(context, person)), as_json)


@person_group.command("history")
@click.argument("person")
@LIMIT
@AS_JSON
@plain_errors
def person_history(person: str, limit: int, as_json: bool) -> None:
    """Lists what was done to a person, newest first."""
    context = open_context()
    # somebody who is gone has a history too
    person_id = int(person) if person.isdigit() else find_person(context, person)
    list_events(edits.list_events(context, person_id=person_id, size=limit).events, as_json)


def _switch(name: str, text: str, field: str, value: bool) -> click.Command:
    """A command that sets one mark of many people."""

    @click.command(name, help=text)
    @click.argument("people", nargs=-1, required=True, metavar="PERSON...")
    @AS_JSON
    @plain_errors
    def command(people: tuple[str, ...], as_json: bool) -> None:
        context = open_context()
        ids = [find_person(context, person) for person in people]
        done = [edits.edit_person(context, person, Facts(**cast("dict[str, Any]", {field: value}))) for person in ids]
        if as_json:
            print_json([edited_as_dict(one) for one in done])
        else:
            for one in done:
                tell(one, as_json=False)

    return command


for _command in (
    *COMMANDS,
    _switch("hide", "Leaves people out of lists.", "hidden", True),
    _switch("unhide", "Shows hidden people again.", "hidden", False),
    _switch("ignore", "Ignores strangers for ever: never shown, never asked about.", "ignored", True),
    _switch("unignore", "Stops ignoring people.", "ignored", False),
    _switch("favourite", "Makes people favourites.", "favourite", True),
    _switch("unfavourite", "Makes people no favourites any more.", "favourite", False),
):
    person_group.add_command(_command)


def _all_people(context: Context, only: PeopleFilter, text: str | None) -> Iterator[PersonRow]:
    number = pages = 1
    while number <= pages:
        part = list_people(context, Page(number, PAGE_SIZE), only=only, text=text)
        yield from part.people
        number, pages = number + 1, part.pages


def _person_as_dict(person: PersonRow) -> dict[str, Any]:
    return {
        "person_id": person.id,
        "name": person.name,
        "faces": person.face_count,
        "videos": person.video_count,
        "seconds": round(person.seconds, 3),
        "aliases": list(person.aliases),
        "birth_date": person.birth_date,
        "favourite": person.favourite,
        "hidden": person.hidden,
        "ignored": person.ignored,
    }


def _facts(person: PersonRow) -> Iterator[tuple[str, str]]:
    """What there is to say, in words."""
    faces, videos = counted(person.face_count, "face"), counted(person.video_count, "video")
    yield "seen", f"{faces} in {videos}, {person.seconds:.1f} s"
    marks = [name for name in ("favourite", "hidden", "ignored") if getattr(person, name)]
    for name, value in (
        ("other names", ", ".join(person.aliases)),
        ("born", person.birth_date),
        ("marks", ", ".join(marks)),
        ("notes", person.notes),
    ):
        if value:
            yield name, value
