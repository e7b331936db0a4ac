"""Views of sets of pictures."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.context import Context
from app.storage.views import pictures as picture_views
from app.storage.views.pictures import PictureRow
from app.storage.views.shapes import Page


@dataclass(frozen=True, slots=True)
class PictureList:
    """One page of a set's stills.

    Attributes:
        pictures: In their order.
        total: How many there are.
        page: Which page this is.
        pages: How many pages there are.
        per_page: Stills on a page.
    """

    pictures: list[PictureRow]
    total: int
    page: int
    pages: int
    per_page: int


def list_pictures(context: Context, video_id: int, page: Page) -> PictureList:
    """One page of the stills of a set; none for a video."""
    with context.database.session() as session:
        total = picture_views.count_pictures(session, video_id)
        pictures = picture_views.pictures_of(session, video_id, page)
    return PictureList(pictures, total, page.number, max(1, -(-total // page.size)), page.size)
