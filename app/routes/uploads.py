"""Reads uploads: each file part goes straight to its place on disk while it arrives."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from flask import Flask, Request, current_app, request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

from app.errors import AppError, ConflictError, DiskFullError, InvalidInputError, MediaError, TooLargeError
from app.routes.current import current_context
from app.services.ingest import Submission, finish_upload
from app.services.ingest_options import IngestOptions
from app.services.uploads import UploadSink, begin_upload

UPLOAD_ENDPOINTS = frozenset({"api.upload_video", "pages.add_file"})
# Bodies that are read piece by piece, so that their size does no harm.
STREAMED_ENDPOINTS = UPLOAD_ENDPOINTS | {"tus.create", "tus.chunk", "tus.override"}
# These take lists of thousands of links, also as a file, which is small enough for the memory.
LIST_ENDPOINTS = frozenset({"api.process_urls", "pages.add_urls"})
LIST_BODY = 8_000_000
# A picture to search with is looked at and not kept: as a file, or a third longer as text in JSON.
PICTURE_ENDPOINTS = frozenset({"api.search"})
PICTURE_BODY = 44_000_000
FILE_FIELDS = ("file", "video", "files", "videos")
SMALL_BODY = 1_000_000  # bytes; every request that is no upload
# After a file passed the limit its rest is read and thrown away, so that the sender hears the answer instead of a
# broken connection; but not without end.
MAX_THROWN_AWAY = 256_000_000


class UploadPart:
    """One file part; looks like a file to the parser.

    Attributes:
        sink: Where its bytes go; ``None`` where there was no room from the beginning.
        error: Why it was refused.
    """

    def __init__(self, sink: UploadSink | None, file_name: str, error: AppError | None = None) -> None:
        self.sink = sink
        self.file_name = file_name
        self.error = error
        self._thrown_away = 0

    def write(self, data: bytes) -> int:
        """Hands bytes on; after the limit was passed they are dropped."""
        if self.sink is not None and self.error is None:
            try:
                return self.sink.write(data)
            except (TooLargeError, DiskFullError) as error:
                self.error = error
        self._thrown_away += len(data)
        if self.error is not None and self._thrown_away > MAX_THROWN_AWAY:
            raise self.error
        return len(data)

    def seek(self, _offset: int, _whence: int = 0) -> int:
        """The parser rewinds a finished part; there is nothing to rewind."""
        return 0

    def close(self) -> None:
        """The sink is closed by whoever files or discards it."""


def _begin_part(file_name: str, expected: int | None) -> UploadPart:
    try:
        return UploadPart(begin_upload(current_context(), file_name, expected=expected), file_name)
    except (TooLargeError, DiskFullError) as error:
        return UploadPart(None, file_name, error)


class UploadRequest(Request):
    """A request whose file parts are written to the library's temporary folder as they arrive."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parts: list[UploadPart] = []

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that refuses a broken body instead of taking it for an empty one."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.endpoint in LIST_ENDPOINTS | PICTURE_ENDPOINTS:
            return io.BytesIO()
        if self.endpoint not in UPLOAD_ENDPOINTS:
            raise InvalidInputError("This address takes no files.")
        part = _begin_part(filename or "video", None if self.parts else total_content_length)
        self.parts.append(part)
        return cast("IO[bytes]", part)

    def discard_parts(self) -> None:
        """Deletes whatever was not filed, such as after a broken connection."""
        for part in self.parts:
            if part.sink is not None:
                part.sink.discard()


@dataclass(frozen=True)
class UploadResult:
    """What became of one file of a request: a submission, or what is wrong with it."""

    file_name: str
    submission: Submission | None
    error: AppError | None = None


def install_uploads(app: Flask) -> None:
    """Makes the application read uploads in this way."""
    app.request_class = UploadRequest

    def limit_body() -> None:
        if request.endpoint in LIST_ENDPOINTS:
            request.max_content_length = request.max_form_memory_size = LIST_BODY
        elif request.endpoint in PICTURE_ENDPOINTS:
            request.max_content_length = request.max_form_memory_size = PICTURE_BODY
        else:
            request.max_content_length = None if request.endpoint in STREAMED_ENDPOINTS else SMALL_BODY

    def clean_up(_error: BaseException | None = None) -> None:
        cast("UploadRequest", request).discard_parts()

    app.before_request(limit_body)
    app.teardown_request(clean_up)


def receive_uploads(read_options: Callable[[Mapping[str, str]], IngestOptions]) -> list[UploadResult]:
    """Reads all files of the present request and files them.

    Args:
        read_options: Reads how they shall be looked at out of the form's fields.

    Returns:
        One result per file, in the order of the form.

    Raises:
        InvalidInputError: The body is broken or holds no file.
    """
    try:
        files = [item for field in FILE_FIELDS for item in request.files.getlist(field) if item.filename]
    except ValueError as error:
        raise InvalidInputError("The upload arrived incomplete. Send it again.") from error
    if not files:
        raise InvalidInputError("No video came with the request. Send it in the form field “file”.")
    options = read_options(request.form)
    return [_file(item, options) for item in files]


def _file(item: FileStorage, options: IngestOptions) -> UploadResult:
    part = cast("UploadPart", item.stream)
    if part.sink is None or part.error is not None:
        return UploadResult(part.file_name, None, part.error)
    try:
        return UploadResult(part.file_name, finish_upload(current_context(), part.sink, options))
    except (InvalidInputError, TooLargeError, DiskFullError, MediaError, ConflictError) as error:
        current_app.logger.info("upload refused", extra={"code": error.code})
        return UploadResult(part.file_name, None, error)
