"""The API's videos: hand in, list, look at, delete."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.errors import AppError
from app.routes.api.bodies import read_body, read_options, read_query
from app.routes.current import current_context
from app.routes.errors import error_body, status_of
from app.routes.schemas import (
    ErrorOut,
    FaceOut,
    FacesQuery,
    LookingBody,
    PageQuery,
    PictureOut,
    RejectionOut,
    SourceOut,
    SubmissionOut,
    UrlBody,
    UrlsBody,
    VideoOut,
    lane_out,
)
from app.routes.uploads import receive_uploads
from app.services.again import look_again
from app.services.erase import delete_video
from app.services.ingest import Submission
from app.services.ingest_links import submit_url, submit_urls
from app.services.library import list_pictures, list_videos, video_detail, video_faces, video_row
from app.storage.views.shapes import Page


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/upload_video", view_func=upload_video, methods=["POST"])
    api.add_url_rule("/process_url", view_func=process_url, methods=["POST"])
    api.add_url_rule("/process_urls", view_func=process_urls, methods=["POST"])
    api.add_url_rule("/videos", view_func=videos, methods=["GET"])
    api.add_url_rule("/videos/<id:video_id>", view_func=remove_video, methods=["DELETE"])
    api.add_url_rule("/videos/<id:video_id>/again", view_func=look_at_again, methods=["POST"])
    api.add_url_rule("/videos/<id:video_id>/pictures", view_func=video_pictures, methods=["GET"])
    api.add_url_rule("/video_info/<id:video_id>", view_func=video_info, methods=["GET"])
    api.add_url_rule("/videos/<id:video_id>", "video", view_func=video_info, methods=["GET"])


def upload_video() -> tuple[Response, int]:
    """Takes one or many files."""
    accepted: list[SubmissionOut] = []
    rejected: list[RejectionOut] = []
    errors: list[AppError] = []
    for result in receive_uploads(read_options):
        if result.submission is not None:
            accepted.append(SubmissionOut.of(result.submission, file_name=result.file_name))
        elif result.error is not None:
            errors.append(result.error)
            rejected.append(RejectionOut(file_name=result.file_name, error=_error(result.error)))
    return _answer(accepted, rejected, errors)


def process_url() -> tuple[Response, int]:
    """Takes one address."""
    body = read_body(request, UrlBody)
    submission = submit_url(current_context(), body.url, body.options)
    return jsonify(SubmissionOut.of(submission, url=body.url).model_dump(mode="json", exclude={"file_name"})), 202


def process_urls() -> tuple[Response, int]:
    """Takes many addresses; a bad one does not spoil the others."""
    body = read_body(request, UrlsBody, text_field="urls")
    batch_id, results = submit_urls(current_context(), body.urls, body.options, title=body.title)
    accepted, rejected, errors = [], [], []
    for url, result in zip(body.urls, results, strict=True):
        if isinstance(result, Submission):
            accepted.append(SubmissionOut.of(result, url=url))
        else:
            errors.append(result)
            rejected.append(RejectionOut(url=url, error=_error(result)))
    return _answer(accepted, rejected, errors, flat=False, batch_id=batch_id)


def videos() -> Response:
    """One page of videos."""
    query = read_query(request, PageQuery)
    found = list_videos(current_context(), Page(query.page, query.per_page))
    return jsonify(
        videos=[VideoOut.of(video).model_dump(mode="json") for video in found.videos],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


def video_info(video_id: int) -> Response:
    """A video with its people and faces."""
    query = read_query(request, FacesQuery)
    detail = video_detail(current_context(), video_id)
    faces = video_faces(current_context(), video_id, limit=query.faces_limit, offset=query.faces_offset)
    return jsonify(
        video=VideoOut.of(detail.video).model_dump(mode="json"),
        sources=[SourceOut.of(source).model_dump(mode="json", exclude_none=True) for source in detail.sources],
        people=[lane_out(lane) for lane in detail.lanes],
        faces=[FaceOut.of(face).model_dump(mode="json") for face in faces],
        total_faces=detail.video.face_count,
    )


def video_pictures(video_id: int) -> Response:
    """One page of the stills of a set of pictures, each with its faces; empty for a video."""
    query = read_query(request, PageQuery)
    video_row(current_context(), video_id)
    found = list_pictures(current_context(), video_id, Page(query.page, query.per_page))
    return jsonify(
        pictures=[PictureOut.of(picture).model_dump(mode="json") for picture in found.pictures],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


def look_at_again(video_id: int) -> tuple[Response, int]:
    """Looks through a video anew, with other settings."""
    body = read_body(request, LookingBody)
    submission = look_again(current_context(), video_id, body.options)
    return jsonify(SubmissionOut.of(submission).model_dump(mode="json", exclude={"file_name", "url"})), 202


def remove_video(video_id: int) -> tuple[str, int]:
    """Deletes a video with all that came of it."""
    delete_video(current_context(), video_id)
    return "", 204


def _error(error: AppError) -> ErrorOut:
    return ErrorOut(code=error.code, message=error.message)


def _answer(
    accepted: list[SubmissionOut],
    rejected: list[RejectionOut],
    errors: list[AppError],
    *,
    flat: bool = True,
    **extra: Any,
) -> tuple[Response, int]:
    """202 when anything was accepted; else the first failure with its own status."""
    lists = {
        "submissions": [item.model_dump(mode="json", exclude_none=True) for item in accepted],
        "rejected": [item.model_dump(mode="json", exclude_none=True) for item in rejected],
    }
    if not accepted:
        first = errors[0]
        return jsonify({**error_body(first.code, first.message), "rejected": lists["rejected"]}), status_of(first)
    single = lists["submissions"][0] if flat and len(accepted) == 1 else {}
    return jsonify({**extra, **single, **lists}), 202
