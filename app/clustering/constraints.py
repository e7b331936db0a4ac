"""Hard rules: who can never be one person, and who must be.

Rules are pairs of node numbers, ``int64`` (m, 2). They hold in every algorithm: distances are never consulted first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from app.domain import IntArray
from app.errors import ConflictError

Pairs = Iterable[tuple[int, int]] | IntArray


class ContradictionError(ConflictError):
    """Rules demand that two nodes are one person and that they are not.

    Attributes:
        pairs: The cannot-link pairs that must-link pairs break.
    """

    code = "contradictory_rules"

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        super().__init__(f"{len(pairs)} pair(s) of faces are marked both as one person and as two; remove one mark.")
        self.pairs = pairs


def as_pairs(pairs: Pairs, count: int) -> IntArray:
    """Cleans rules: lower node first, each pair once, sorted.

    Args:
        pairs: Pairs of node numbers in any order.
        count: Number of nodes.

    Returns:
        ``int64`` (m, 2).

    Raises:
        ValueError: If a node is not in ``0..count-1`` or is paired with itself.
    """
    listed = pairs if isinstance(pairs, np.ndarray) else list(pairs)
    array = np.asarray(listed, dtype=np.int64).reshape(-1, 2)
    if not len(array):
        return array
    if array.min() < 0 or array.max() >= count:
        raise ValueError("a rule names a node that does not exist")
    if (array[:, 0] == array[:, 1]).any():
        raise ValueError("a rule pairs a node with itself")
    return np.unique(np.sort(array, axis=1), axis=0)


def temporal_conflicts(video_ids: Sequence[int] | IntArray, samples: Sequence[Iterable[int]]) -> IntArray:
    """Finds tracks that can never be one person because both are visible in one sampled frame.

    Overlap in time alone is no conflict: a track that lost its face for a moment and the track that found it again
    may interleave, and are one person. Only a shared frame proves two.

    Args:
        video_ids: Video of each node, length n.
        samples: For each node the numbers of the frames in which it has a face.

    Returns:
        Cannot-link pairs, ``int64`` (m, 2), lower node first, sorted.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(video_ids) != len(samples):
        raise ValueError(f"{len(video_ids)} videos but {len(samples)} sets of samples")
    per_node = [np.unique(np.fromiter(numbers, dtype=np.int64)) for numbers in samples]
    sizes = [len(numbers) for numbers in per_node]
    nodes = np.repeat(np.arange(len(samples), dtype=np.int64), sizes)
    flat = np.concatenate(per_node) if per_node else np.empty(0, np.int64)
    return shared_frame_conflicts(nodes, np.repeat(np.asarray(video_ids, dtype=np.int64), sizes), flat)


def shared_frame_conflicts(face_nodes: IntArray, face_videos: IntArray, face_samples: IntArray) -> IntArray:
    """Same as :func:`temporal_conflicts`, from one row per face: what a database gives without grouping.

    Args:
        face_nodes: ``int64`` (faces,) node to which each face belongs.
        face_videos: ``int64`` (faces,) its video.
        face_samples: ``int64`` (faces,) its frame within the video.

    Returns:
        Cannot-link pairs, ``int64`` (m, 2), lower node first, sorted.
    """
    order = np.lexsort((face_nodes, face_samples, face_videos))
    nodes, videos, samples = face_nodes[order], face_videos[order], face_samples[order]
    pairs = []
    # Faces of one frame now stand in a row: compare each with its 1st, 2nd, ... follower until no frame is that long.
    for ahead in range(1, len(nodes)):
        together = (videos[ahead:] == videos[:-ahead]) & (samples[ahead:] == samples[:-ahead])
        if not together.any():
            break
        pairs.append(np.column_stack([nodes[:-ahead][together], nodes[ahead:][together]]))
    found = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
    return np.unique(found[found[:, 0] != found[:, 1]], axis=0)


def must_link_groups(count: int, must_link: IntArray) -> IntArray:
    """Numbers the groups that must-link rules form; nodes without a rule are groups of their own.

    Args:
        count: Number of nodes.
        must_link: Clean pairs, ``int64`` (m, 2).

    Returns:
        ``int64`` (count,), groups 0, 1, ... in the order of their first node.
    """
    ones = np.ones(len(must_link), dtype=np.int8)
    graph = coo_matrix((ones, (must_link[:, 0], must_link[:, 1])), shape=(count, count))
    return first_seen(connected_components(graph, directed=False)[1])


def find_contradictions(groups: IntArray, cannot_link: IntArray) -> list[tuple[int, int]]:
    """Lists the cannot-link pairs whose two nodes are in one group.

    Args:
        groups: ``int64`` (n,) group of each node; -1 is no group.
        cannot_link: Pairs, ``int64`` (m, 2).
    """
    left, right = groups[cannot_link[:, 0]], groups[cannot_link[:, 1]]
    broken = cannot_link[(left == right) & (left >= 0)]
    return [(int(a), int(b)) for a, b in broken]


def first_seen(labels: IntArray) -> IntArray:
    """Renumbers labels 0, 1, ... by first appearance; -1 stays -1."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    noise = int(len(values) > 0 and values[0] == -1)
    rank = np.empty(len(values), dtype=np.int64)
    rank[:noise] = -1
    rank[noise + np.argsort(first[noise:], kind="stable")] = np.arange(len(values) - noise)
    return rank[inverse]
