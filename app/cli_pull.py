"""``faaaaaces models pull``: fetches the weights of a pack ahead of the first video."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from app.cli_base import load_cli_settings, plain_errors
from app.config import Settings
from app.errors import ModelError
from app.pack_names import REFERENCE
from app.services.models.choose import missing_parts, model_files, named_pack
from app.services.models.fetching import try_out
from app.services.models.pull import Network, pull
from app.services.models.records import Records
from app.services.models.sources import weights_of

STOPPED = 130


@click.command("pull")
@click.argument("pack", default=REFERENCE)
@click.option("--accept", is_flag=True, help="Take files that differ from what was recorded when they first came.")
@plain_errors
def pull_command(pack: str, accept: bool) -> None:
    """Fetches the weights of a pack; without a name, those of the reference pack.

    They go where DeepFace looks for them: .deepface/weights under DEEPFACE_HOME, or under the home. An interrupted
    download goes on when this is run again.
    """
    settings = load_cli_settings()
    try:
        _pull(settings, pack, accept)
    except KeyboardInterrupt:
        click.echo("\nStopped. What has come is kept; run the command again to go on.", err=True)
        sys.exit(STOPPED)


def _pull(settings: Settings, name: str, accept: bool) -> None:
    pack, files = named_pack(settings, name), model_files(settings)
    weights = weights_of(pack)
    if not weights:
        click.echo(missing_parts(pack, files) or f"Nothing to fetch: {name} works with what is installed.")
        return
    console, records = Console(stderr=True), Records(files.cache)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        bars = {weight.name: progress.add_task(weight.name, total=None, start=False) for weight in weights}
        waits = progress.add_task("waiting for another program that fetches", visible=False, total=None)

        def tell(file: str, done: int, total: int | None) -> None:
            progress.start_task(bars[file])
            progress.update(bars[file], completed=done, total=total)

        network = Network(settings.allowed_fetch_hosts)
        fetched = pull(
            files,
            weights,
            network,
            progress=tell,
            waiting=lambda: progress.update(waits, visible=True),
            accept_changed=accept,
        )
    for weight in weights:
        record = records.get(weight.name)
        figures = f"{record.size / 1e6:.1f} MB, sha256 {record.sha256}" if record else "not recorded"
        click.echo(f"{weight.name}: {'fetched' if weight.name in fetched else 'there already'}, {figures}")
    with console.status("Trying it out..."):
        tried = try_out(settings, pack)
    if tried:
        click.echo(f"{pack.name}: tried out on two known faces, good")
    elif (refused := records.refusal(pack.space)) is not None:
        raise ModelError(f"The pack {pack.name} was tried out before and is refused: {refused}")
