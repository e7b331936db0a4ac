"""Relations: where somebody is seen, with whom, and who looks like them."""

from app.services.relations.likeness import Lookalike, lookalikes
from app.services.relations.moments import Appearances, Faces, Seen, SeenTrack, appearances, faces
from app.services.relations.together import (
    MAX_NODES,
    Companion,
    Edge,
    Together,
    TogetherGraph,
    Weight,
    companions,
    together_graph,
)

__all__ = [
    "MAX_NODES",
    "Appearances",
    "Companion",
    "Edge",
    "Faces",
    "Lookalike",
    "Seen",
    "SeenTrack",
    "Together",
    "TogetherGraph",
    "Weight",
    "appearances",
    "companions",
    "faces",
    "lookalikes",
    "together_graph",
]
