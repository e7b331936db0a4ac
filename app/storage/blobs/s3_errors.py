"""What a store in a bucket says when something is wrong, in our words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from fsspec.exceptions import FSTimeoutError

from app.errors import NotFoundError, StorageError
from app.storage.disk import is_full

NO_BUCKET = "The bucket that BLOB_STORE names does not exist. Make it, or correct BLOB_STORE."
NO_RIGHTS = "The store of BLOB_STORE refuses access. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and their rights on the bucket."
NO_KEYS = "There are no keys for the store of BLOB_STORE. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
AWAY = "The store of BLOB_STORE does not answer. Check BLOB_STORE_ENDPOINT and the network, or try again later."


@contextlib.contextmanager
def said_plainly(missing: str = "The file is no longer there.") -> Iterator[None]:
    """Turns the exceptions of s3fs, botocore and aiohttp into ours.

    Args:
        missing: What to say where the store knows no such blob.

    Raises:
        NotFoundError: There is no such blob.
        StorageError: The bucket is missing, closed to us or away.
    """
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in _codes(error):
            raise StorageError(NO_BUCKET) from error
        raise NotFoundError(missing) from error
    except PermissionError as error:
        raise StorageError(NO_RIGHTS) from error
    except (NoCredentialsError, PartialCredentialsError, TokenRetrievalError) as error:
        raise StorageError(NO_KEYS) from error
    except (ClientError, BotoCoreError, FSTimeoutError) as error:
        raise StorageError(AWAY, retryable=True) from error
    except OSError as error:  # among them all of aiohttp's
        if is_full(error):
            raise
        raise StorageError(AWAY, retryable=True) from error


def _codes(error: BaseException) -> str:
    cause = error.__cause__
    return str(cause.response.get("Error", {}).get("Code")) if isinstance(cause, ClientError) else ""
