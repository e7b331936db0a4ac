"""Which networks are used: on the dashboard and in ``/ready``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.services.context import Context
from app.storage import spaces
from app.vision import get_pack
from tests.library import make_context
from tests.weights import files_in, put, small_network


@pytest.fixture
def auto(tmp_path: Path) -> Iterator[Context]:
    made = make_context(tmp_path, face_pack="auto", models_folder="models", deepface_home="home")
    yield made
    made.database.dispose()


def client_of(context: Context) -> FlaskClient:
    return create_app(context.settings, context).test_client()


def model_check(context: Context) -> dict[str, object]:
    found: dict[str, object] = client_of(context).get("/ready").get_json()["checks"]["model"]
    return found


def page(context: Context) -> str:
    return client_of(context).get("/").get_data(as_text=True)


def pin(context: Context, name: str) -> None:
    pack = get_pack(name)
    with context.database.write() as session:
        spaces.get_or_create(session, pack.space, pack.name, pack.dimension)


def test_auto_without_the_reference_weights_says_what_to_do(auto: Context) -> None:
    check = model_check(auto)
    assert check["ok"] is True and "`faaaaaces models pull`" in str(check["message"])
    text = page(auto)
    assert "<code>faaaaaces models pull</code>" in text and 'role="alert"' not in text


def test_auto_with_the_reference_weights_has_nothing_to_say(auto: Context, tmp_path: Path) -> None:
    for name in ("retinaface.onnx", "arcface_weights.onnx"):
        put(files_in(tmp_path), name, small_network(values=100))
    assert model_check(auto) == {"ok": True, "message": "The pack retinaface-arcface is installed."}
    assert "models pull" not in page(auto)


def test_another_pack_than_the_library_s_is_told_with_the_way_out(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    pin(context, "retinaface-arcface")
    check = model_check(context)
    assert check["ok"] is False and "`faaaaaces migrate-pack bundled`" in str(check["message"])
    text = page(context)
    assert 'role="alert"' in text and "<code>faaaaaces migrate-pack bundled</code>" in text
    context.database.dispose()


def test_a_pack_that_does_not_exist_is_told(tmp_path: Path) -> None:
    context = make_context(tmp_path, face_pack="yunet+nothing")
    check = model_check(context)
    assert check["ok"] is False and "yunet+nothing" in str(check["message"])
    assert client_of(context).get("/").status_code == 200
    context.database.dispose()


def test_missing_weights_of_a_named_pack_are_told(tmp_path: Path) -> None:
    context = make_context(tmp_path, face_pack="retinaface-arcface", models_folder="models", deepface_home="home")
    check = model_check(context)
    assert check["ok"] is False and "retinaface.onnx" in str(check["message"])
    assert str(tmp_path) not in str(check["message"])
    context.database.dispose()
