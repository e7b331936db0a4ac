"""What commands that change people share: telling what was done."""

from __future__ import annotations

from typing import Any

import click

from app.cli_base import print_json
from app.services.people import Edited

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


def tell(edited: Edited, as_json: bool) -> None:
    """Prints what an edit came to, and how to take it back."""
    if as_json:
        print_json(edited_as_dict(edited))
        return
    if edited.event_id is None:
        click.echo("Nothing to change.")
        return
    click.echo(f"{edited.summary}.")
    for note in edited.notes:
        click.echo(note)
    if edited.same_name:
        others = " ".join(str(person) for person in edited.same_name)
        click.echo(f"Others have this name. The same person? faaaaaces person merge {edited.person_id} {others}")
    click.echo(f"To take it back: faaaaaces undo {edited.event_id}")


def edited_as_dict(edited: Edited) -> dict[str, Any]:
    """What an edit came to, for programs."""
    return {
        "event_id": edited.event_id,
        "summary": edited.summary,
        "person_id": edited.person_id,
        "changed": edited.people,
        "gone": edited.gone,
        "same_name": edited.same_name,
        "notes": edited.notes,
    }
