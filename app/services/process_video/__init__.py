"""Looks at one video: samples frames, finds faces, follows them as tracks.

Work is committed chunk by chunk, the checkpoint in the same transaction as the faces. An attempt that is killed loses
at most the chunk in its hands, and the next one goes on at the checkpoint: chunks are cut by sample number, so it cuts
them at the same places and stores the very same faces. A long video is cut into segments in the same way.
"""

from app.services.process_video.crops import CROP_SIDE, Placed, crop_face, crop_window, write_thumbnail
from app.services.process_video.linking import Owner, link_tracks
from app.services.process_video.rows import observed, track_row
from app.services.process_video.run import process_segment, process_video

__all__ = [
    "CROP_SIDE",
    "Owner",
    "Placed",
    "crop_face",
    "crop_window",
    "link_tracks",
    "observed",
    "process_segment",
    "process_video",
    "track_row",
    "write_thumbnail",
]
