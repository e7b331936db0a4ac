"""The ``faaaaaces`` command: the same services, without a server."""

from __future__ import annotations

import os
import signal
import sys

import click

from app import __version__
from app.cli_base import open_context, plain_errors
from app.cli_cluster import cluster_command, clustering
from app.cli_doctor import doctor_command
from app.cli_eval import eval_command
from app.cli_history import history_command, undo_command
from app.cli_ingest import ingest_command
from app.cli_migrate import migrate_pack_command
from app.cli_models import models
from app.cli_people import people_command, person_group
from app.cli_review import review_command
from app.cli_search import duplicates_command, search_command
from app.cli_watch import watch_command
from app.config import PROJECT_ROOT
from app.services.export import export_faces


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faaaaaces")
def main() -> None:
    """Who appears in my videos, when, and where else?

    All data lies under FAAAAACES_DATA, or in the program's folder.
    """


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


main.add_command(cluster_command)
main.add_command(clustering)
main.add_command(people_command)
main.add_command(person_group)
main.add_command(history_command)
main.add_command(undo_command)
main.add_command(search_command)
main.add_command(duplicates_command)
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
