"""Groupings by the API and on the page of people."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.services.grouping import cluster_library
from app.services.jobs import run_job
from tests.alike import Crowd, alike, stranger
from tests.library import Library

ADA = stranger(1)


@pytest.fixture
def crowd(library: Library) -> Crowd:
    return Crowd(library)


@pytest.fixture
def waiting(crowd: Crowd) -> tuple[int, int, int]:
    """A preview: somebody without a name would join Ada."""
    ada, other = crowd.person(ADA, 2, name="Ada"), crowd.person(alike(ADA, 0.99))
    summary = cluster_library(crowd.library.context)
    assert summary.waiting
    assert summary.run_id
    return summary.run_id, ada, other


def test_a_preview_tells_who_joins_whom_with_faces_to_look_at(client: FlaskClient, waiting) -> None:
    run_id, ada, other = waiting
    body = client.get(f"/api/clustering/runs/{run_id}").get_json()
    run = body["run"]
    assert (run["state"], run["tracks_changed"], run["counts"]["merges"]) == ("preview", 1, 1)
    assert "Ada" in run["waits_because"]
    (merge,) = body["merges"]
    assert (merge["from"]["person_id"], merge["to"]["person_id"], merge["to"]["name"]) == (other, ada, "Ada")
    assert (merge["face_count"], merge["track_count"]) == (1, 1)
    assert client.get(merge["faces"][0]["image_url"]).status_code == 200
    assert [body[kind] for kind in ("splits", "gains", "losses", "appearances")] == [[]] * 4


def test_apply_and_undo(client: FlaskClient, waiting) -> None:
    run_id, ada, other = waiting
    address = f"/api/clustering/runs/{run_id}"
    assert client.post(f"{address}/apply").get_json()["run"]["state"] == "applied"
    assert client.get(f"/api/people/{other}").status_code == 404
    assert client.get(f"/api/people/{ada}").get_json()["person"]["face_count"] == 3
    assert client.post(f"{address}/apply").status_code == 409
    assert client.post(f"{address}/undo").get_json()["run"]["state"] == "undone"
    assert client.get(f"/api/people/{other}").status_code == 200
    assert client.post(f"{address}/undo").status_code == 409


def test_discard_and_list(client: FlaskClient, waiting) -> None:
    run_id, *_ = waiting
    assert client.post(f"/api/clustering/runs/{run_id}/discard").get_json()["run"]["state"] == "discarded"
    body = client.get("/api/clustering/runs").get_json()
    assert (body["total"], body["page"], body["pages"]) == (1, 1, 1)
    assert [(run["run_id"], run["state"]) for run in body["runs"]] == [(run_id, "discarded")]


def test_a_run_is_started(client: FlaskClient, crowd: Crowd) -> None:
    crowd.track(ADA, None, crowd.library.video())
    answer = client.post("/api/clustering/runs", json={"preview": True})
    assert answer.status_code == 202
    job_id = answer.get_json()["job_id"]
    assert client.post("/api/cluster_faces").get_json()["job_id"] == job_id
    assert client.post("/api/clustering/runs").get_json()["job_id"] == job_id
    run_job(crowd.library.context, job_id)
    (run,) = client.get("/api/clustering/runs").get_json()["runs"]
    assert (run["job_id"], run["state"]) == (job_id, "preview")


@pytest.mark.parametrize("address", ["/api/clustering/runs/9", "/api/clustering/runs/9/apply"])
def test_what_is_not_there(client: FlaskClient, address: str) -> None:
    answer = client.post(address) if address.endswith("apply") else client.get(address)
    assert answer.status_code == 404


def test_the_page_of_people_asks_for_a_decision(client: FlaskClient, waiting) -> None:
    run_id, _, other = waiting
    page = client.get("/people").get_data(as_text=True)
    assert "waits for your look" in page
    assert f'action="/people/groupings/{run_id}/apply"' in page
    answer = client.post(f"/people/groupings/{run_id}/discard", follow_redirects=True).get_data(as_text=True)
    assert "Everything stays as it is." in answer
    assert "waits for your look" not in answer
    late = client.post(f"/people/groupings/{run_id}/apply", follow_redirects=True).get_data(as_text=True)
    assert "This grouping is discarded" in late
    assert client.get(f"/api/people/{other}").status_code == 200


def test_applied_from_the_page(client: FlaskClient, waiting) -> None:
    run_id, _, other = waiting
    answer = client.post(f"/people/groupings/{run_id}/apply", follow_redirects=True).get_data(as_text=True)
    assert "The new order is applied." in answer
    assert client.get(f"/api/people/{other}").status_code == 404
