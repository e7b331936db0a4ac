"""``faaaaaces cluster`` and ``faaaaaces clustering``: group the library, look at what would change, decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.domain import RunState
from app.services.grouping import cluster_library
from app.services.grouping.runs import (
    RunView,
    apply_run,
    discard_run,
    get_run,
    list_runs,
    undo_run,
)

LISTED = 20
TITLES = {
    "merges": "Join others",
    "splits": "Split off",
    "gains": "Gain",
    "losses": "Lose",
    "appearances": "Appear",
}


@click.command("cluster")
@click.option("--preview", is_flag=True, help="Only show what would change; it waits until you apply or discard it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@plain_errors
def cluster_command(as_json: bool, preview: bool) -> None:
    """Groups all faces of the library anew; people keep their names."""
    context = open_context()
    summary = cluster_library(context, preview=preview)
    if as_json:
        told = {name: value for name, value in vars(summary).items() if value is not None}
        print_json(told)
        return
    click.echo(
        f"{summary.people} people in {summary.tracks} tracks; {summary.new_people} new, "
        f"{summary.changed} tracks changed hands."
    )
    if summary.run_id is not None and (summary.waiting or summary.contradictions):
        _print_state(get_run(context, summary.run_id))


@click.group("clustering")
def clustering() -> None:
    """Groupings of the library: what they would change or did; apply, discard, undo."""


@clustering.command("list")
@click.option("--all", "everything", is_flag=True, help=f"Not only the last {LISTED}.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def list_command(everything: bool, as_json: bool) -> None:
    """Lists groupings, newest first."""
    runs = list_runs(open_context(), 1, 100_000 if everything else LISTED).runs
    if as_json:
        print_json([_as_dict(run) for run in runs])
        return
    if not runs:
        click.echo("The library has not been grouped yet. Do it: faaaaaces cluster")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "when", "state", "what"):
        table.add_column(column, justify="right" if column == "id" else "left")
    for run in runs:
        table.add_row(str(run.id), f"{run.created_at:%Y-%m-%d %H:%M}", _state(run), run.sentence)
    Console().print(table)


@clustering.command("show")
@click.argument("run_id", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def show_command(run_id: int, as_json: bool) -> None:
    """Shows who merges, splits, gains, loses and appears."""
    run = get_run(open_context(), run_id)
    if as_json:
        print_json(_as_dict(run, whole=True))
        return
    click.echo(f"Grouping {run.id}, {_state(run)}: {run.sentence}")
    for kind, title in TITLES.items():
        entries = run.summary.get(kind, [])
        if entries:
            click.echo(f"{title}:")
        for entry in entries:
            click.echo(f"  {_line(entry)}")
        if (more := run.summary.get("counts", {}).get(kind, 0) - len(entries)) > 0:
            click.echo(f"  and {more} more")
    _print_state(run)


@clustering.command("apply")
@click.argument("run_id", type=click.IntRange(min=1))
@plain_errors
def apply_command(run_id: int) -> None:
    """Carries out a grouping that waits."""
    run = apply_run(open_context(), run_id)
    click.echo(f"Applied: {run.summary['applied']} tracks changed hands.")
    _print_state(run)


@clustering.command("discard")
@click.argument("run_id", type=click.IntRange(min=1))
@plain_errors
def discard_command(run_id: int) -> None:
    """Refuses a grouping that waits; the same is not proposed again by itself."""
    discard_run(open_context(), run_id)
    click.echo("Discarded: nothing changed.")


@clustering.command("undo")
@click.argument("run_id", type=click.IntRange(min=1))
@plain_errors
def undo_command(run_id: int) -> None:
    """Takes a grouping back that was applied; newer edits stay."""
    run = undo_run(open_context(), run_id)
    kept = run.summary["kept"]
    stays = f" {kept} things that were changed since stay as they are." if kept else ""
    click.echo(f"Undone.{stays}")


def _print_state(run: RunView) -> None:
    """What a user must know, and do, about a grouping."""
    if run.waits_because is not None:
        click.echo(
            f"It waits for your look: {run.waits_because} See faaaaaces clustering show {run.id}, "
            f"then faaaaaces clustering apply {run.id}, or discard {run.id}."
        )
    if run.left_out:
        click.echo(f"Left as they are, for they were edited since: {run.left_out} tracks.")
    if run.summary.get("refused"):
        click.echo(
            f"Left as they are, for you refused it before: {run.summary['refused']} tracks. "
            "See them all the same: faaaaaces cluster --preview"
        )
    for wrong in run.summary.get("contradictions", []):
        tracks = " and ".join(str(track) for track in wrong["track_ids"])
        click.echo(f"Contradiction, tracks {tracks}: {wrong['message']}")


def _state(run: RunView) -> str:
    return "waits for a look" if run.state is RunState.PREVIEW else run.state.value


def _line(entry: Mapping[str, Any]) -> str:
    who, to = _who(entry["from"]), _who(entry["to"])
    return f"{who} -> {to}: {entry['faces']} faces in {entry['tracks']} tracks"


def _who(person: Mapping[str, Any] | None) -> str:
    if person is None:
        return "nobody"
    if person["new"] is not None:
        return f"new person {person['new']}"
    return str(person["name"] or f"person {person['person_id']}")


def _as_dict(run: RunView, *, whole: bool = False) -> dict[str, Any]:
    summary = dict(run.summary)
    if not whole:
        summary = {name: value for name, value in summary.items() if name not in TITLES}
    return {
        "run_id": run.id,
        "state": run.state.value,
        "message": run.sentence,
        "job_id": run.job_id,
        "event_id": run.event_id,
        "error": run.error,
        "created_at": run.created_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        **dict(run.params),
        **summary,
    }
