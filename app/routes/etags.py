"""Two people who edit at once lose nothing: the headers ``ETag`` and ``If-Match``.

The ETag of a person is the number of their changes. Whoever sends it back as ``If-Match`` changes what they have seen, or
is told with 412 that it was changed meanwhile.
"""

from __future__ import annotations

from flask import Response, request

NEVER = -1  # no person has been changed so often


def expected_revision() -> int | None:
    """The number of changes that the caller has seen; ``None`` where they did not say."""
    given = request.if_match
    if not given or given.star_tag:
        return None
    return max((int(tag) for tag in given if tag.isascii() and tag.isdigit() and len(tag) < 10), default=NEVER)


def tagged(response: Response, revision: int | None) -> Response:
    """Adds the ETag."""
    if revision is not None:
        response.set_etag(str(revision))
    return response
