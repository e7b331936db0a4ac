"""Makes tracks of many faces and of one face comparable.

The mean of a track's faces has lost most of what differs from face to face (pose, blur, expression): the means of two
men filmed in one room are nearer than two single pictures of one man. One threshold for both would either merge the
former or tear the latter. What counts is the mean distance between the *faces* of two tracks, and that is known
without the faces: it is the product of the plain means, whose squared length is ``1 - noise * (n - 1) / n`` for ``n``
faces that are on average ``noise`` apart. So every mean is shortened by as much, and average linkage over tracks
becomes average linkage over faces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.domain import FloatArray, IntArray


def plain_means(embeddings: FloatArray, face_counts: IntArray, *, noise: float) -> FloatArray:
    """Gives means of tracks the length that averaging left them, so that they compare like single faces.

    Args:
        embeddings: ``float32`` (n, d), rows of unit length: means of tracks, or single faces.
        face_counts: ``int64`` (n,), at least 1: faces behind each row.
        noise: Cosine distance by which two faces of one track differ on average, 0..1; a property of the pack.

    Returns:
        ``float32`` (n, d), rows no longer than 1; single faces are unchanged.

    Raises:
        ValueError: If a count is below 1 or ``noise`` is not in 0..1.
    """
    counts: npt.NDArray[np.float64] = np.asarray(face_counts, dtype=np.float64)
    if (counts < 1).any():
        raise ValueError("every node has at least one face")
    if not 0.0 <= noise < 1.0:
        raise ValueError("noise must be in 0..1")
    length = np.sqrt(1.0 - noise * (counts - 1.0) / counts)
    shortened: FloatArray = (embeddings * length[:, None]).astype(np.float32)
    return shortened
