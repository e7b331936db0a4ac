"""The header ``Idempotency-Key``: a POST that is sent twice is done once."""

from __future__ import annotations

import hashlib
from typing import cast

from flask import Blueprint, Response, g, jsonify, request

from app.routes.current import current_context
from app.routes.uploads import UPLOAD_ENDPOINTS
from app.services import idempotency

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"


def install_idempotency(api: Blueprint) -> None:
    """Makes all POSTs of a blueprint answer a repeated request with what the first one was answered."""
    api.before_request(_before)
    api.after_request(_after)


def fingerprint() -> str:
    """What tells the present request from others.

    The method, the address with its query, and the body. Uploads are streamed to disk while they arrive and may be
    large, so of them only the length counts, not the bytes; nor does the content type, whose boundary is another one
    each time.
    """
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    if request.endpoint in UPLOAD_ENDPOINTS:
        digest.update(f"{request.content_length} bytes".encode())
    else:
        digest.update(request.get_data(cache=True))  # kept, so that the view can read it again
    return digest.hexdigest()


def _before() -> Response | None:
    key = request.headers.get(KEY)
    if request.method != "POST" or key is None:
        return None
    replay = idempotency.begin(current_context(), key, fingerprint())
    if replay is None:
        g.idempotency_key = key
        return None
    response = jsonify(replay.body) if replay.body is not None else Response(status=replay.status)
    response.status_code = replay.status
    response.headers[REPLAYED] = "true"
    return response


def _after(response: Response) -> Response:
    key = g.pop("idempotency_key", None)
    if key is None:
        return response
    # After a failure nothing was made: the key is free, and the request may be tried again under it.
    if 200 <= response.status_code < 300 and (response.is_json or not response.get_data()):
        body = cast("dict[str, object] | None", response.get_json(silent=True))
        idempotency.finish(current_context(), key, response.status_code, body)
    else:
        idempotency.abandon(current_context(), key)
    return response
