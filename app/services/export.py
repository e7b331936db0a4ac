"""Writes what the library knows as CSV or JSON, row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Literal

from app.errors import InvalidInputError
from app.services.context import Context
from app.storage import faces as face_rows
from app.storage.faces import FaceRecord

FACE_COLUMNS = (
    "face_id",
    "video_id",
    "file_name",
    "timestamp",
    "x1",
    "y1",
    "x2",
    "y2",
    "confidence",
    "quality",
    "quality_reasons",
    "track_id",
    "person_id",
    "name",
    "attributes",
    "picture",
    "aliases",
    "confirmed",
)


def export_faces(context: Context, format_name: Literal["csv", "json"]) -> Iterator[str]:
    """All faces, by video and time.

    Args:
        context: The context.
        format_name: ``csv`` with a header line, or ``json``, a list of objects with the same fields.

    Yields:
        Pieces of text; joined they are the whole file. Times are seconds; of a face in a set
        of pictures the number of its picture, from 0, whose file name is in ``picture``. Boxes are pixels of the source frame,
        ``quality_reasons`` a list (in CSV joined by blanks), ``attributes`` an object (in CSV as JSON), ``aliases`` a list
        of the person's other names (in CSV joined by ``; ``), ``confirmed`` whether a user said that it is this person
        (in CSV ``true`` or ``false``); what is unknown is empty or null. Faces of which a user said that they are none are
        left out.

    Raises:
        InvalidInputError: The format is unknown.
    """
    if format_name == "csv":
        yield from _as_csv(_rows(context))
    elif format_name == "json":
        yield from _as_json(_rows(context))
    else:
        raise InvalidInputError("The format must be csv or json.")


def _rows(context: Context) -> Iterator[dict[str, Any]]:
    with context.database.session() as session:
        for record in face_rows.records(session):
            yield _flattened(record)


def _flattened(record: FaceRecord) -> dict[str, Any]:
    known = {
        "face_id": record.face.id,
        "file_name": record.file_name,
        "name": record.person_name,
        "picture": record.picture_name,
        "aliases": record.aliases,
        "confirmed": record.confirmed,
    }
    return {
        column: known[column] if column in known else _rounded(getattr(record.face, column)) for column in FACE_COLUMNS
    }


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _as_csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FACE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        guesses = json.dumps(row["attributes"], ensure_ascii=False) if row["attributes"] else None
        reasons = " ".join(row["quality_reasons"])
        writer.writerow(
            {
                **row,
                "quality_reasons": reasons,
                "name": _harmless(row["name"]),
                "picture": _harmless(row["picture"]),
                "attributes": guesses,
                "aliases": _harmless("; ".join(row["aliases"])),
                "confirmed": "true" if row["confirmed"] else "false",
            }
        )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _harmless(text: str | None) -> str | None:
    """Keeps spreadsheets from taking a name for a formula."""
    return f"'{text}" if text and text[0] in "=+-@\t\r" else text


def _as_json(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield (",\n " if number else "\n ") + json.dumps(row, ensure_ascii=False)
    yield "\n]\n"
