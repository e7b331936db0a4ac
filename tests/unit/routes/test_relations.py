from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from app.services.context import Context
from tests.alike import Crowd, alike, stranger
from tests.library import Library

ADA = stranger(1)


@pytest.fixture
def crowd(library: Library) -> Crowd:
    return Crowd(library)


@pytest.fixture
def ada(crowd: Crowd) -> int:
    video = crowd.library.video(duration=60.0, interval=1.0)
    ada = crowd.library.person("Ada")
    crowd.track(ADA, ada, video, 1.0, 2.0)
    crowd.track(alike(ADA, 0.7), crowd.library.person("Eve"), video, 2.0, 3.0)
    return ada


def test_appearances(client: FlaskClient, ada: int) -> None:
    (one,) = client.get(f"/api/people/{ada}/appearances").get_json()["appearances"]
    assert (one["video"]["title"], one["video"]["page_url"]) == ("Launch day", "/videos/1")
    assert one["intervals"] == [{"start": 1.0, "end": 3.0}]
    assert (one["seconds"], one["face_count"], one["track_count"], one["confirmed_tracks"]) == (2.0, 2, 1, 0)
    (track,) = one["tracks"]
    assert (track["track_id"], track["timestamp"], track["confirmed"]) == (1, 1.0, False)
    assert client.get(track["image_url"]).status_code == 200
    assert "tracks" not in client.get(f"/api/people/{ada}/appearances?tracks=0").get_json()["appearances"][0]


def test_faces_by_cursor(client: FlaskClient, ada: int) -> None:
    address = f"/api/people/{ada}/faces?order=track&limit=1"
    first = client.get(address).get_json()
    second = client.get(f"{address}&cursor={first['next_cursor']}").get_json()
    assert [face["timestamp"] for piece in (first, second) for face in piece["faces"]] == [1.0, 2.0]
    assert second["next_cursor"] is None
    (face,) = first["faces"]
    assert (face["track_id"], face["confirmed"], face["usable"], face["quality_reasons"]) == (1, False, True, [])
    assert client.get(face["image_url"]).status_code == 200


def test_together(client: FlaskClient, ada: int) -> None:
    (one,) = client.get(f"/api/people/{ada}/together").get_json()["together"]
    assert one["person"]["name"] == "Eve"
    assert (one["shared_videos"], one["shared_seconds"], one["shared_frames"]) == (1, 1.0, 1)
    graph = client.get("/api/people/together").get_json()
    assert [person["name"] for person in graph["people"]] == ["Ada", "Eve"]
    assert graph["edges"] == [{"one": 1, "other": 2, "shared_videos": 1, "shared_seconds": 1.0, "shared_frames": 1}]


def test_similar(client: FlaskClient, crowd: Crowd, ada: int) -> None:
    (one,) = client.get(f"/api/people/{ada}/similar").get_json()["similar"]
    assert (one["person"]["name"], one["known"]) == ("Eve", "seen_together")
    assert 0 < one["similarity"] < 70, "a mean of two faces says less than one face"


@pytest.mark.parametrize("name", ["appearances", "faces", "together"])
def test_days(client: FlaskClient, ada: int, name: str) -> None:
    def found(query: str) -> int:
        body = client.get(f"/api/people/{ada}/{name}?{query}").get_json()
        return len(body[name])

    assert found("from=2020-01-01&to=2100-01-01") > 0
    assert found("to=2020-01-01") == 0
    assert client.get(f"/api/people/{ada}/{name}?from=yesterday").status_code == 422


@pytest.mark.parametrize("name", ["appearances", "faces", "together", "similar"])
def test_nobody(client: FlaskClient, name: str) -> None:
    assert client.get(f"/api/people/7/{name}").status_code == 404


@pytest.mark.parametrize("query", ["faces?order=beauty", "faces?limit=0", "together?by=love", "faces?cursor=no"])
def test_what_is_refused(client: FlaskClient, ada: int, query: str) -> None:
    assert client.get(f"/api/people/{ada}/{query}").status_code in (400, 422)


def test_the_number_of_statements_does_not_grow(client: FlaskClient, context: Context, crowd: Crowd, ada: int) -> None:
    addresses = [f"/api/people/{ada}/{name}" for name in ("appearances", "faces", "together", "similar")]
    addresses.append("/api/people/together")
    few = [statements(client, context, address) for address in addresses]
    for seed in range(2, 6):
        video = crowd.library.video(duration=60.0, interval=1.0)
        for _ in range(3):
            crowd.track(ADA, ada, video)
            crowd.track(stranger(seed), crowd.library.person(), video)
    many = [statements(client, context, address) for address in addresses]
    assert many == few
    assert max(many) <= 12


def statements(client: FlaskClient, context: Context, address: str) -> int:
    """How many statements an answer takes, what is remembered between answers aside."""
    client.get(address)
    counted: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", count := lambda *args: counted.append(args[2]))
    assert client.get(address).status_code == 200
    event.remove(context.database.engine, "before_cursor_execute", count)
    return len(counted)
