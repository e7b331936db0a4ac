"""``faaaaaces models``: the networks that this machine has."""

from __future__ import annotations

import click


@click.group()
def models() -> None:
    """Fetches, imports, lists and checks neural networks."""
