"""Starts FAAAAACES on one machine: ``python run.py``. One Ctrl-C stops all of it.

The web server also loads its application from here (:func:`web_app`), so a production set-up may run
``gunicorn 'run:web_app()'`` instead.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def web_app() -> Flask:
    """The Flask application, for a WSGI server."""
    from app.config import load_settings
    from app.factory import create_app

    return create_app(load_settings())


def main() -> int:
    """Runs web page, worker and scheduler until a signal comes.

    Returns:
        Exit status: 0 after Ctrl-C, 1 when a part kept failing, 2 when the settings or the surroundings are wrong.
    """
    try:
        from app.config import load_settings
        from app.errors import AppError
        from app.serve import serve
    except ModuleNotFoundError as error:
        sys.stderr.write(f"The package {error.name} is missing. Use `make run`, or: pip install -r requirements.txt\n")
        return 2
    try:
        return serve(load_settings())
    except AppError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    except KeyboardInterrupt:  # while it was still starting; nothing runs yet
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
