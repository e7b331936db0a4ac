"""``faaaaaces models``: the networks that this machine has."""

from __future__ import annotations

import click

from app.cli_models_check import check_command
from app.cli_models_import import import_command, list_command
from app.cli_pull import pull_command


@click.group()
def models() -> None:
    """Fetches, imports, lists and checks neural networks."""


models.add_command(pull_command)
models.add_command(import_command)
models.add_command(list_command)
models.add_command(check_command)
