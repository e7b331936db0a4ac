"""Makes the web application."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, request

from app import __version__
from app.config import Settings
from app.routes import formats
from app.routes.api import make_api
from app.routes.auth import gate, install_auth
from app.routes.current import EXTENSION, IdConverter
from app.routes.errors import install_error_handlers
from app.routes.health import make_health
from app.routes.media import make_media
from app.routes.pages import make_pages
from app.routes.schemas import media_url
from app.routes.security import install_guards, load_secret_key
from app.routes.tus import make_tus
from app.routes.uploads import install_uploads
from app.services.context import Context, build_context
from app.services.folders import ARCHIVE_SUFFIXES, VIDEO_SUFFIXES
from app.tasks.celery_app import make_celery
from app.tasks.queue import CeleryQueue

THEMES = ("light", "dark")
FILTERS = (
    formats.timestamp,
    formats.clock,
    formats.duration,
    formats.size,
    formats.number,
    formats.plural,
    formats.iso,
    formats.day,
    formats.percent,
    formats.host,
    formats.reasons,
    formats.job_line,
    formats.clock_time,
    formats.step_numbers,
)


def create_app(settings: Settings, context: Context | None = None) -> Flask:
    """Makes the application for a WSGI server that serves each request in a thread of its own.

    Args:
        settings: The settings.
        context: The parts to work with; made from the settings, and the database brought up to date, where ``None``.

    Returns:
        The application; its context is ``app.extensions["faaaaaces"]``. Who runs it may put a function into
        ``app.extensions["faaaaaces_stopping"]`` that says when the server is about to stop, so that event streams end.
    """
    app = Flask("app", template_folder="templates", static_folder="static")
    key = load_secret_key(settings.faaaaaces_data / "data")
    app.config.update(
        SECRET_KEY=key,
        SESSION_COOKIE_NAME="faaaaaces_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SEND_FILE_MAX_AGE_DEFAULT=None,
    )
    app.url_map.converters["id"] = IdConverter
    app.extensions[EXTENSION] = context or _own_context(settings)
    _install_templates(app, settings)
    install_guards(app, settings)
    install_uploads(app)
    install_auth(app, settings, key)
    install_error_handlers(app)
    for blueprint in (make_pages(), make_api(), make_media(), make_tus(), make_health()):
        app.register_blueprint(blueprint)
    return app


def _own_context(settings: Settings) -> Context:
    context = build_context(settings, CeleryQueue(make_celery(settings)))
    context.database.upgrade()
    return context


def _install_templates(app: Flask, settings: Settings) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for function in FILTERS:
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals.update(
        settings=settings,
        media_url=media_url,
        upload_suffixes=sorted(VIDEO_SUFFIXES | ARCHIVE_SUFFIXES | {".gif"}),
        job_titles=formats.KINDS,
        states=formats.STATES,
        queue_titles=formats.QUEUES,
        step_titles=formats.STEP_TITLES,
        step_words=formats.STEP_STATES,
    )

    def common() -> dict[str, object]:
        theme = request.cookies.get("theme")
        return {
            "theme": theme if theme in THEMES else None,
            "version": __version__,
            "has_password": gate() is not None,
        }

    app.context_processor(common)
