"""``faaaaaces history`` and ``undo``: what was done to people, and taking it back."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.cli_edits import AS_JSON
from app.errors import ConflictError
from app.services import people as edits
from app.services.context import Context
from app.storage.events import EventRow

LIMIT = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="How many to list.")


@click.command("history")
@LIMIT
@AS_JSON
@plain_errors
def history_command(limit: int, as_json: bool) -> None:
    """Lists what was done to people, newest first."""
    list_events(edits.list_events(open_context(), size=limit).events, as_json)


@click.command("undo")
@click.argument("event", type=int, required=False)
@AS_JSON
@plain_errors
def undo_command(event: int | None, as_json: bool) -> None:
    """Takes something back that was done to people; what was changed since stays.

    EVENT is its number in the history; without it, the newest thing that was done.
    """
    context = open_context()
    done = edits.undo_event(context, event if event is not None else _newest(context))
    if as_json:
        counts = {"restored": done.restored, "kept": done.kept, "changed": done.people}
        print_json({"event_id": done.undo_event_id, "undone": done.event_id, "summary": done.summary, **counts})
        return
    click.echo(done.summary)
    if done.undo_event_id is not None:
        click.echo(f"To have it again: faaaaaces undo {done.undo_event_id}")


def list_events(events: Sequence[EventRow], as_json: bool) -> None:
    """Prints events."""
    if as_json:
        print_json([_event_as_dict(event) for event in events])
        return
    if not events:
        click.echo("Nothing was done to people yet.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("event", justify="right")
    for column in ("when", "what", ""):
        table.add_column(column)
    for event in events:
        when = f"{event.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(event.id), when, event.summary, "undone" if event.undone_at else "")
    Console().print(table)


def _event_as_dict(event: EventRow) -> dict[str, object]:
    return {
        "event_id": event.id,
        "kind": event.kind,
        "summary": event.summary,
        "created_at": event.created_at.isoformat(),
        "undone": event.undone_at is not None,
        "undo_of": event.undo_of,
        "people": list(event.people),
    }


def _newest(context: Context) -> int:
    """The newest thing that was done and not undone."""
    before: int | None = None
    while True:
        found = edits.list_events(context, size=100, before=before)
        for event in found.events:
            if event.undone_at is None and event.undo_of is None:
                return event.id
        if found.next is None:
            raise ConflictError("There is nothing to undo.")
        before = found.next
