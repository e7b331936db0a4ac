"""What all commands share: opening the library, errors as one line, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from app.config import Settings, load_settings
from app.errors import AppError
from app.log import configure_logging
from app.services.context import Context, build_context
from app.services.models.choose import choose, named_pack
from app.services.models.engines import pinned_space
from app.vision import Pack

P = ParamSpec("P")
R = TypeVar("R")


def load_cli_settings() -> Settings:
    """The settings; what is logged goes to the error stream."""
    settings = load_settings()
    configure_logging(os.environ.get("LOG_LEVEL", "WARNING"))
    return settings


def open_context() -> Context:
    """The library that the settings name, its tables brought up to date."""
    settings = load_cli_settings()
    context = build_context(settings)
    context.database.upgrade()
    return context


def pack_or_chosen(settings: Settings, name: str | None) -> Pack:
    """The pack of a name; without one that of the library, or before its first face the one that the settings choose."""
    if name:
        return named_pack(settings, name)
    return choose(settings, pinned_space(open_context().database)).pack


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turns our errors into one line on the error stream and exit status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AppError as error:
            stop(error.message)
        except BrokenPipeError:  # such as `faaaaaces export faces --format csv | head`
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - keeps Python from flushing into the closed pipe
            sys.exit(0)

    return run


def stop(message: str) -> NoReturn:
    """Prints one line on the error stream and ends with status 1."""
    click.echo(f"faaaaaces: {message}", err=True)
    sys.exit(1)


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))
