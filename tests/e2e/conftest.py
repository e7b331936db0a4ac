"""A browser, films with two people in them, and a running application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from app.domain import Image
from tests.browser import Troubles, find_chromium, launch
from tests.films import make_film
from tests.redis_server import RedisServer

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a process. Where there is none, the tests fail and say how to install it."""
    try:
        find_chromium()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages; at the end of the test no page may have had any trouble that ``expected`` does not name."""
    contexts, troubles = [], []

    def begin(
        *,
        width: int = 1440,
        height: int = 900,
        theme: str = "light",
        scripts: bool = True,
        expected: str | tuple[str, ...] = (),
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, java_script_enabled=scripts
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        troubles.append((Troubles(page), (expected,) if isinstance(expected, str) else expected))
        return page

    yield begin
    for context in contexts:
        context.close()
    found = [
        text for trouble, expected in troubles for text in trouble.found if not any(word in text for word in expected)
    ]
    assert found == []


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, grace_hopper: Image) -> Path:
    """Eight seconds: Eileen Collins, then Grace Hopper."""
    return make_film(tmp_path_factory.mktemp("film") / "two women.mp4", [astronaut, grace_hopper])


@pytest.fixture(params=["embedded", "redis"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer | None]:
    """A test with it runs over both brokers: first the embedded one, then a Redis of its own."""
    if request.param == "embedded":
        yield None
        return
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def broker(redis: RedisServer | None) -> str | None:
    """The address of the broker; ``None`` for the embedded one."""
    return redis.url if redis else None
