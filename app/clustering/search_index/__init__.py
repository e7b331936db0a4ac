"""Finds the nearest of many vectors, exactly: what the search by picture works on.

``codes`` keeps them small, in inverted lists that need not be read into memory; ``nearest`` looks through them and
checks what may be nearest against the vectors themselves.
"""

from app.clustering.search_index.codes import Codes
from app.clustering.search_index.nearest import Near, Vectors, merged

__all__ = ["Codes", "Near", "Vectors", "merged"]
