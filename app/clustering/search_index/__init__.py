"""Finds the nearest of many vectors, exactly: what the search by picture works on.

``codes`` keeps them small, on the disk, ``short`` very small, in memory; ``nearest`` looks through these and checks what
may be nearest against the vectors themselves.
"""

from app.clustering.search_index.codes import Codes
from app.clustering.search_index.nearest import Near, Vectors, merged
from app.clustering.search_index.short import ShortCodes

__all__ = ["Codes", "Near", "ShortCodes", "Vectors", "merged"]
