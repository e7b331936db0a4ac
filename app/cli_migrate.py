"""``faaaaaces migrate-pack``: measures the library with another pack, people and names stay."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from app.cli_base import open_context, plain_errors, print_json
from app.pack_names import AUTO
from app.services.context import Context
from app.services.migrate_pack import MigrationReport, Progress, give_up, is_needed, load_engine, migrate, preview
from app.services.models.choose import named_pack

STOPPED = 130
MOST_LISTED = 20


@click.command("migrate-pack")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before the change.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; needs --dry-run or --yes.")
@plain_errors
def migrate_pack_command(name: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Measures all faces with the pack NAME instead of the one that the library has.

    People, names, tracks and the pictures stay. Until the very end the library goes on with its old pack; if this is
    stopped, the same command goes on where it was. Faces whose picture and video are both gone keep what is known of
    them and are listed.
    """
    if as_json and not (dry_run or yes):
        raise click.UsageError("--json needs --dry-run or --yes.")
    context = open_context()
    try:
        if not is_needed(context, named_pack(context.settings, name)):
            _nothing_to_do(context, name, dry_run, as_json)
            return
        report = _run(context, name, dry_run, yes, as_json)
    except KeyboardInterrupt:
        click.echo("\nStopped. What is measured is kept; run the command again to go on.", err=True)
        sys.exit(STOPPED)
    if as_json:
        print_json(report.as_dict())
    elif report.applied:
        _print(Console(), report)
        _print_next_step(context, name)
    elif dry_run:
        _print(Console(), report)
        click.echo(f"Nothing was changed. To do it takes about {_duration(report.estimated_seconds)}.")
    else:
        click.echo("Nothing was changed. What is measured is kept for the next run.")


def _nothing_to_do(context: Context, name: str, dry_run: bool, as_json: bool) -> None:
    thrown = 0 if dry_run else give_up(context)
    if as_json:
        print_json({"applied": False, "needed": False})
        return
    click.echo(f"The library is measured with {name} already; there is nothing to change.")
    if thrown:
        click.echo("The change to another pack that was begun is given up.")


def _run(context: Context, name: str, dry_run: bool, yes: bool, as_json: bool) -> MigrationReport:
    engine = load_engine(context, name)
    console = Console(stderr=True)
    with _bar(console) as (bars, tell):
        if dry_run:
            return preview(context, engine, tell)

        def confirm(report: MigrationReport) -> bool:
            bars.stop()
            _print(Console(), report)
            agreed = click.confirm("Change the library now?", default=False, err=True)
            bars.start()
            return agreed

        return migrate(context, engine, confirm=None if yes else confirm, tell=tell)


@contextmanager
def _bar(console: Console) -> Iterator[tuple[Bars, Callable[[Progress], None]]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("loading", total=None)

        def tell(progress: Progress) -> None:
            bars.update(bar, description=progress.step, completed=progress.done, total=progress.total)

        yield bars, tell


def _print(console: Console, report: MigrationReport) -> None:
    before, after = report.before, report.after
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for state in (before, after):
        table.add_column(state.pack, justify="right")
    rows = (
        ("faces", report.faces, report.faces - report.sources.get("gone", 0)),
        ("tracks", report.tracks, report.tracks),
        ("tracks of sufficient quality", before.usable_tracks, after.usable_tracks),
        ("tracks that are somebody's", before.owned_tracks, after.owned_tracks),
        ("people", before.people, after.people),
        ("named people", before.named, after.named),
        ("named people with faces", before.named_seen, after.named_seen),
    )
    for label, old, new in rows:
        table.add_row(label, str(old), str(new))
    console.print(table)
    console.print(
        f"{report.changed_tracks} of {report.tracks} tracks {'changed' if report.applied else 'would change'} hands; "
        f"{report.new_people} new people.",
        highlight=False,
    )
    _print_sources(console, report)


def _print_sources(console: Console, report: MigrationReport) -> None:
    words = {
        "crop": "from their pictures",
        "frame": "from the videos",
        "kept": "known from an earlier change",
    }
    told = [f"{report.sources[source]} {text}" for source, text in words.items() if report.sources.get(source)]
    if told:
        console.print(f"Faces measured: {', '.join(told)}.", highlight=False)
    if report.gone:
        console.print(
            f"[yellow]{len(report.gone)} faces could not be measured: their pictures and videos are gone. They keep "
            "their people and take no part in grouping and search:[/yellow]",
            highlight=False,
        )
        for face in report.gone[:MOST_LISTED]:
            minutes, seconds = divmod(face.timestamp, 60)
            console.print(
                f"  face {face.face_id}: {face.title}, {minutes:.0f}:{seconds:04.1f}", highlight=False, markup=False
            )
        if len(report.gone) > MOST_LISTED:
            console.print(f"  and {len(report.gone) - MOST_LISTED} more; --json lists all.", highlight=False)


def _print_next_step(context: Context, name: str) -> None:
    settings = context.settings
    if settings.wanted_pack not in (AUTO, name):
        click.echo(
            f"Done. The settings still ask for {settings.wanted_pack}: set FACE_PACK={name} and start the program again."
        )
    else:
        click.echo("Done.")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
