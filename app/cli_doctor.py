"""``faaaaaces doctor``: finds and repairs what crashes left."""

from __future__ import annotations

import sys

import click

from app.cli_base import open_context, plain_errors, print_json
from app.services.doctor import Report, examine


@click.command("doctor")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--force", is_flag=True, help="Go on also where most files are unknown or all are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@plain_errors
def doctor_command(dry_run: bool, force: bool, as_json: bool) -> None:
    """Finds and repairs what is left after crashes: files without rows, rows without files, jobs that nobody works on.

    It may run while workers run: what is younger than an hour is left alone. The exit status is 1 when something could
    not be repaired.
    """
    report = examine(open_context(), dry_run=dry_run, force=force)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if report.failed:
        sys.exit(1)


def _print(report: Report) -> None:
    for finding in report.findings:
        click.echo(finding.message)
    if not report.findings:
        click.echo("All is well.")
    elif report.dry_run:
        click.echo("Nothing was changed.")
