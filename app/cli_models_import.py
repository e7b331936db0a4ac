"""``faaaaaces models import`` and ``faaaaaces models list``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from app.cli_base import load_cli_settings, plain_errors, print_json, stop
from app.services.models.choose import model_files
from app.services.models.importing import Candidate, Imported, import_file, inspect_file
from app.services.models.listing import list_models, list_packs

_CHECKSUM_DIGITS = 12
_NARROW = ("network", "size", "sha256")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What to take the file for, where it fits more than one network.")
@click.option("--yes", is_flag=True, help="Agree to licences and replacements without being asked.")
@plain_errors
def import_command(file: Path, name: str | None, yes: bool) -> None:
    """Adds the file of a network: YuNet, RetinaFace-MobileNet0.25, SCRFD, MobileFaceNet, SFace, ArcFace, FaceNet.

    Takes .onnx, and for RetinaFace-MobileNet0.25 .pth. The file is only read; nothing in it is run before it is known
    what it is. It is tried out on faces, and kept when it tells people apart.
    """
    files = model_files(load_cli_settings())
    candidate = inspect_file(files, file, name)
    _show(candidate)
    _ask(candidate, yes)
    imported = import_file(files, candidate)
    _show_report(imported)
    click.echo(f"Imported as {imported.manifest.name}.")
    ready = [pack.name for pack in list_packs(files) if pack.complete]
    click.echo(f"Packs that can be used now: {', '.join(ready)}.")


def _show(candidate: Candidate) -> None:
    file = candidate.file
    known = "known by its checksum" if file.known else "recognised by what it takes and gives"
    click.echo(f"{candidate.kind.title}, {known}")
    for label, value in (
        ("file", f"{file.path.name}, {_megabytes(file.size)}"),
        ("sha256", file.sha256),
        ("source", file.source),
        ("licence", file.licence),
    ):
        click.echo(f"  {label:8} {value}")


def _show_report(imported: Imported) -> None:
    report = imported.report
    if report is None:
        return
    click.echo(
        f"Tried out as {report.pack}: pictures of one person are at most {report.same_farthest:.3f} apart, of two people at "
        f"least {report.other_nearest:.3f}; points are {report.point_error:.2f} eye distances off."
    )
    if report.remark:
        click.echo(f"Note: {report.remark}")


def _ask(candidate: Candidate, yes: bool) -> None:
    """Has a person agree with what is doubtful."""
    for doubt in candidate.doubts:
        click.echo(f"  Warning: {doubt}", err=True)
    if not candidate.doubts or yes:
        return
    if not sys.stdin.isatty():
        stop("Nothing was imported, for nobody is there to agree; with --yes it goes on without being asked.")
    if not click.confirm("Import it?"):
        stop("Nothing was imported.")


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@plain_errors
def list_command(as_json: bool) -> None:
    """Lists the networks on this machine and the packs they make up."""
    files = model_files(load_cli_settings())
    models, packs = list_models(files), list_packs(files)
    if as_json:
        print_json({"models": [asdict(model) for model in models], "packs": [asdict(pack) for pack in packs]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("network", "size", "sha256", "licence", "from"):
        table.add_column(column, justify="right" if column == "size" else "left", no_wrap=column in _NARROW)
    for model in models:
        size, checksum = _megabytes(model.size) if model.size else "", (model.sha256 or "")[:_CHECKSUM_DIGITS]
        table.add_row(model.name, size, checksum, model.licence, model.source)
    Console().print(table)
    click.echo()
    for pack in packs:
        click.echo(f"{'✓' if pack.complete else '✗'} {pack.name}")
        if pack.missing:
            click.echo(f"  {pack.missing}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
