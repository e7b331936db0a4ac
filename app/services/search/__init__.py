"""Finds faces in the library: those of a picture, or those that are like one that is known already."""

from app.services.search.asking import (
    search_embedding,
    search_face,
    search_faces,
    search_person,
    search_picture,
)
from app.services.search.matching import search_index, what_can_be_found
from app.services.search.pictures import decode_base64, fetch_picture, read_picture
from app.services.search.shapes import (
    FaceMatches,
    Matches,
    Moment,
    OnePer,
    PersonMatch,
    SearchOptions,
)
from app.services.search.upkeep import tidy_search
from app.storage.lookup import Limits

__all__ = [
    "FaceMatches",
    "Limits",
    "Matches",
    "Moment",
    "OnePer",
    "PersonMatch",
    "SearchOptions",
    "decode_base64",
    "fetch_picture",
    "read_picture",
    "search_embedding",
    "search_face",
    "search_faces",
    "search_index",
    "search_person",
    "search_picture",
    "tidy_search",
    "what_can_be_found",
]
