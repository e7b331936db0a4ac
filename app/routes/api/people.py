"""The API's people and clusters."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request, url_for

from app.routes.api.bodies import read_query
from app.routes.current import current_context
from app.routes.etags import tagged
from app.routes.people_schemas import PeopleQuery, person_out
from app.routes.schemas import ClustersQuery, FaceOut, PageQuery, PersonOut, VideoOut, intervals_out
from app.services.grouping import request_clustering
from app.services.library import clusters_view, list_people, person_detail
from app.storage.views.shapes import Page

# what a cluster is; people have more
CLUSTER_FIELDS = {"person_id", "name", "label", "face_count", "video_count", "seconds", "cover_url", "page_url"}


def register(api: Blueprint) -> None:
    """Adds the addresses."""
    api.add_url_rule("/people", view_func=people, methods=["GET"])
    api.add_url_rule("/people/<id:person_id>", view_func=person, methods=["GET"])
    api.add_url_rule("/clusters", view_func=clusters, methods=["GET"])
    api.add_url_rule("/cluster_faces", view_func=cluster_faces, methods=["POST"])


def people() -> Response:
    """One page of people."""
    query = read_query(request, PeopleQuery)
    page = Page(query.page, query.per_page)
    found = list_people(current_context(), page, order=query.order, only=query.only, text=query.q)
    return jsonify(
        people=[PersonOut.of(row).model_dump(mode="json") for row in found.people],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


def person(person_id: int) -> Response:
    """A person with every appearance."""
    query = read_query(request, PageQuery)
    found = person_detail(current_context(), person_id, Page(query.page, query.per_page))
    appearances = [
        {
            "video": VideoOut.of(item.video).model_dump(
                mode="json", include={"video_id", "title", "file_name", "duration", "page_url", "stream_url"}
            ),
            "seconds": round(item.seconds, 3),
            "face_count": item.face_count,
            "intervals": intervals_out(item.intervals),
        }
        for item in found.appearances
    ]
    response = jsonify(
        person=person_out(found.person),
        appearances=appearances,
        page=found.page,
        pages=found.pages,
    )
    return tagged(response, found.person.revision)


def clusters() -> Response:
    """People with their best faces."""
    query = read_query(request, ClustersQuery)
    found = clusters_view(current_context(), Page(query.page, query.per_page), faces_per_person=query.faces_per_cluster)
    items = [
        {
            "cluster_id": cluster.person.id,
            **PersonOut.of(cluster.person).model_dump(mode="json", include=CLUSTER_FIELDS),
            "faces": [FaceOut.of(face).model_dump(mode="json") for face in cluster.faces],
        }
        for cluster in found.clusters
    ]
    return jsonify(
        clusters=items,
        total_clusters=found.total,
        total_faces=found.faces,
        unassigned_faces=found.unassigned,
        page=found.page,
        pages=found.pages,
    )


def cluster_faces() -> tuple[Response, int]:
    """Groups the whole library again."""
    job_id = request_clustering(current_context())
    return jsonify(job_id=job_id, status_url=url_for("api.job_status", job_id=job_id)), 202
