"""An application over a library of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.services.context import Context
from tests.library import Library, make_context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path)
    yield made
    made.database.dispose()


@pytest.fixture
def library(context: Context) -> Library:
    return Library(context)


@pytest.fixture
def app(context: Context) -> Flask:
    return create_app(context.settings, context)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def locked_client(tmp_path: Path) -> Iterator[FlaskClient]:
    """A client of a server with a password."""
    made = make_context(tmp_path / "locked", app_password="open sesame")
    yield create_app(made.settings, made).test_client()
    made.database.dispose()
