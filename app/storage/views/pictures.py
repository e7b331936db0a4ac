"""Questions about the stills of a set of pictures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import BoundingBox
from app.models import Face, Person, Picture
from app.storage.views.shapes import Page


@dataclass(frozen=True, slots=True)
class PictureFace:
    """A face of a picture.

    Attributes:
        face_id: Its id.
        box: Where it is, pixels of the picture.
        person_id: Whose it is, once known.
        name: That person's name, where it has one.
        crop_key: Its picture.
    """

    face_id: int
    box: BoundingBox
    person_id: int | None
    name: str | None
    crop_key: str

    @property
    def label(self) -> str:
        """Who it is, in words."""
        if self.person_id is None:
            return "Not known"
        return self.name or f"Person {self.person_id}"


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A still of a set.

    Attributes:
        number: From 0, in the order of the set; its faces have it as their ``timestamp``.
        file_name: Of its file.
        shown_key: A JPEG of moderate size, once it was looked at.
        width: Pixels, upright.
        height: Pixels, upright.
        taken_at: ISO 8601, without a zone unless the camera told one.
        error: Why it cannot be read.
        faces: Its faces, from left to right.
    """

    number: int
    file_name: str
    shown_key: str | None
    width: int | None
    height: int | None
    taken_at: str | None
    error: str | None
    faces: tuple[PictureFace, ...]


def count_pictures(session: Session, video_id: int) -> int:
    """How many stills a set has."""
    return session.scalar(select(func.count(Picture.id)).where(Picture.video_id == video_id)) or 0


def pictures_of(session: Session, video_id: int, page: Page) -> list[PictureRow]:
    """One page of stills with their faces, in order: two statements."""
    statement = select(Picture).where(Picture.video_id == video_id).order_by(Picture.number)
    found = session.scalars(statement.limit(page.size).offset(page.offset)).all()
    faces = _faces(session, video_id, found[0].number, found[-1].number) if found else {}
    return [
        PictureRow(
            number=one.number,
            file_name=one.file_name,
            shown_key=one.blob_key,
            width=one.width,
            height=one.height,
            taken_at=one.taken_at,
            error=one.error,
            faces=tuple(sorted(faces.get(one.number, ()), key=lambda face: face.box.x1)),
        )
        for one in found
    ]


def _faces(session: Session, video_id: int, first: int, last: int) -> dict[int, list[PictureFace]]:
    columns = (Face.sample, Face.id, Face.x1, Face.y1, Face.x2, Face.y2, Face.person_id, Person.name, Face.crop_key)
    statement = (
        select(*columns)
        .outerjoin(Person, Person.id == Face.person_id)
        .where(Face.video_id == video_id, Face.sample >= first, Face.sample <= last, ~Face.dismissed)
    )
    found: dict[int, list[PictureFace]] = defaultdict(list)
    for sample, face_id, x1, y1, x2, y2, person_id, name, key in session.execute(statement).all():
        found[sample].append(PictureFace(face_id, BoundingBox(x1, y1, x2, y2), person_id, name, key))
    return found
