"""The one exception tree.

Every failure that a user may meet is an :class:`AppError` with a sentence that says what happened and what to do.
A library's own exception is translated where it occurs, with the cause kept (``raise ... from error``); only
``app.routes.errors`` knows which HTTP status belongs to which class.
"""

from __future__ import annotations


class AppError(Exception):
    """Base of everything that this application raises on purpose.

    Attributes:
        code: Stable, machine-readable name of the kind of failure, in snake_case.
        message: One sentence for a person. Never holds a traceback, a secret or a path of the server.
    """

    code = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(AppError):
    """A setting is missing, malformed or contradicts another one."""

    code = "invalid_configuration"


class DatabaseAwayError(ConfigError):
    """The database cannot be reached: its address is wrong, or it is away for a while."""

    retryable = True


class InvalidInputError(AppError):
    """The request or the command line is wrong; the caller can mend it."""

    code = "invalid_input"


class MisusedKeyError(InvalidInputError):
    """An ``Idempotency-Key`` came again with another request."""

    code = "idempotency_key_reused"


class UnauthorizedError(AppError):
    """The caller did not prove who they are."""

    code = "unauthorized"


class NotFoundError(AppError):
    """The thing asked for does not exist (any more)."""

    code = "not_found"


class ConflictError(AppError):
    """The request contradicts the present state, such as renaming a deleted person."""

    code = "conflict"


class GoneError(NotFoundError):
    """The thing was there once and will not come back, such as an upload whose time ran out."""

    code = "gone"


class OutdatedError(ConflictError):
    """What the caller wants to change was changed by somebody else since they looked at it."""

    code = "outdated"


class BusyError(ConflictError):
    """Another request is at work on the same thing at this moment; a little later it may go."""

    code = "busy"


class ChecksumError(InvalidInputError):
    """The bytes that arrived are not those that the sender sent."""

    code = "checksum_mismatch"


class TooLargeError(AppError):
    """An upload, a download or a picture is over its limit.

    Attributes:
        limit_bytes: The limit that was passed, or ``None`` where it is not a number of bytes.
    """

    code = "too_large"

    def __init__(self, message: str, limit_bytes: int | None = None) -> None:
        super().__init__(message)
        self.limit_bytes = limit_bytes


class DiskFullError(AppError):
    """There is no room left on a disk of this machine."""

    code = "disk_full"
    retryable = True

    def __init__(self, message: str = "The disk is full. Delete videos or make room, then try again.") -> None:
        super().__init__(message)


class StorageError(AppError):
    """The place where videos and pictures are kept is missing, closed to us or away.

    Attributes:
        retryable: True where trying again later can help.
    """

    code = "storage_unavailable"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class MediaError(AppError):
    """A video or picture cannot be read."""

    code = "unreadable_media"


class NoVideoStreamError(MediaError):
    """The file is readable but has nothing to look at, such as a sound file."""

    code = "no_video_stream"


class EmptyMediaError(MediaError):
    """The file has no bytes, or the archive no picture."""

    code = "empty_media"


class NoFaceError(MediaError):
    """The picture that was handed in shows no face, or none where it should."""

    code = "no_face"


class CodecMissingError(MediaError):
    """The video is stored in a form that the FFmpeg of this installation cannot decode."""

    code = "codec_missing"


class EncryptedMediaError(MediaError):
    """The file is protected against copying, or locked with a password."""

    code = "encrypted_media"


class TooLongError(MediaError):
    """The video is longer than ``MAX_DURATION_MINUTES``."""

    code = "too_long"


class FrameTooLargeError(MediaError):
    """The pictures of the video have more pixels than ``MAX_FRAME_MEGAPIXELS``."""

    code = "frame_too_large"


class FetchError(AppError):
    """An address could not be fetched.

    Attributes:
        retryable: True where trying again later can help (time-out, 5xx), False where it cannot (404, private).
    """

    code = "fetch_failed"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class ForbiddenAddressError(FetchError):
    """The address points to where this server must not go (private network, ``file:`` and so on)."""

    code = "forbidden_address"


class ModelError(AppError):
    """A model's weights are missing, damaged or give no usable answer."""

    code = "model_unavailable"


class PackMismatchError(AppError):
    """The library was made with another pack than the settings name."""

    code = "pack_mismatch"


class JobLostError(AppError):
    """This worker no longer owns the job it works on: another one took it over, or it was deleted."""

    code = "job_lost"


class JobCancelledError(AppError):
    """A person cancelled the job; a deliberate stop, not a failure."""

    code = "cancelled"


class JobPausedError(AppError):
    """A person paused the job; it goes on from its checkpoint when they say so."""

    code = "paused"


class WorkerStoppingError(AppError):
    """This worker was told to stop; the job waits for the next one and goes on at its checkpoint."""

    code = "worker_stopping"
