"""``POST /api/search``: pictures of every form, what is known already, limits, and mistakes said in a sentence."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from app.domain import Image
from app.factory import create_app
from app.models import Face, Person, Track
from app.services.search import pictures
from app.storage import vectors
from tests.library import Library, jpeg, make_context
from tests.website import Website

SIDE = 300


class Known:
    """A library that knows two people, and a client of its server."""

    def __init__(self, folder: Path, models: Path, two: Image) -> None:
        context = make_context(folder, models_folder=str(models), allowed_fetch_hosts="127.0.0.1")
        self.library = Library(context)
        self.client: FlaskClient = create_app(context.settings, context).test_client()
        self.picture = jpeg(two)
        faces = sorted(context.engine().analyse([two])[0], key=lambda face: face.detection.box.x1)
        self.people, self.faces, self.videos = [], [], []
        for name, face in zip(("Eileen", "Grace"), faces, strict=True):
            person, video = self.library.person(name), self.library.video(f"film of {name}", data=None)
            ids = self.library.track(video, person, [1.0, 2.0, 3.0])
            with context.database.write() as session:
                for number in ids:
                    row = session.get_one(Face, number)
                    row.embedding, row.crop_key = vectors.encode(face.embedding), f"faces/{video}/{number}.jpg"
                session.get_one(Track, row.track_id).embedding = vectors.encode(face.embedding)
            self.people.append(person)
            self.faces.append(ids)
            self.videos.append(video)
        self.embedding = [float(value) for value in faces[0].embedding]
        self.middles = [((f.detection.box.x1 + f.detection.box.x2) / 2, f.detection.box.y1 + 5) for f in faces]

    def ask(self, **fields: Any) -> Any:
        """Sends JSON; returns the body of a good answer."""
        answer = self.client.post("/api/search", json=fields)
        assert answer.status_code == 200, answer.json
        return answer.json["faces"]

    def refused(self, **fields: Any) -> tuple[int, str, str]:
        """Sends JSON; returns the status, code and message of a refusal."""
        answer = self.client.post("/api/search", json=fields)
        return answer.status_code, answer.json["error"]["code"], answer.json["error"]["message"]

    def send(self, data: bytes, **fields: str) -> Any:
        """Sends a picture as a form."""
        return self.client.post("/api/search", data={"image": (io.BytesIO(data), "who.jpg"), **fields})


@pytest.fixture(scope="module")
def known(
    tmp_path_factory: pytest.TempPathFactory, models_cache: Path, astronaut: Image, grace_hopper: Image
) -> Iterator[Known]:
    from PIL import Image as PilImage

    two = [np.asarray(PilImage.fromarray(one).resize((SIDE, SIDE))) for one in (astronaut, grace_hopper)]
    made = Known(tmp_path_factory.mktemp("search"), models_cache, np.ascontiguousarray(np.hstack(two)))
    yield made
    made.library.context.database.dispose()


def names(faces: Any) -> list[str]:
    return [face["people"][0]["name"] for face in faces]


def test_every_face_of_a_picture_is_looked_up(known: Known) -> None:
    answer = known.send(known.picture, top="4")
    assert answer.status_code == 200, answer.json
    faces = answer.json["faces"]
    assert sorted(names(faces)) == ["Eileen", "Grace"]
    assert [face["face"] for face in faces] == [0, 1]
    first = next(face for face in faces if face["people"][0]["name"] == "Eileen")
    assert first["people"][0]["similarity"] > 90
    assert first["people"][0]["moments"] == 3
    assert len(first["moments"]) == 4
    moment = first["moments"][0]
    assert (moment["face_id"], moment["video_id"], moment["timestamp"]) == (known.faces[0][0], known.videos[0], 1.0)
    assert moment["image_url"] == f"/media/faces/{known.videos[0]}/{known.faces[0][0]}.jpg"
    assert first["box"]["x1"] < first["box"]["x2"] <= SIDE


def test_one_face_can_be_pointed_at(known: Known) -> None:
    for place, name in zip(known.middles, ("Eileen", "Grace"), strict=True):
        answer = known.send(known.picture, point=f"{place[0]},{place[1]}")
        assert names(answer.json["faces"]) == [name]
    both = names(known.send(known.picture).json["faces"])
    assert names(known.send(known.picture, face="1").json["faces"]) == both[1:]


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
def test_a_picture_comes_as_text(known: Known, prefix: str) -> None:
    text = prefix + base64.b64encode(known.picture).decode()
    assert sorted(names(known.ask(image=text, top=1))) == ["Eileen", "Grace"]


def test_a_picture_comes_from_an_address(known: Known) -> None:
    with Website() as site:
        address = site.serve("/who.jpg", known.picture, "image/jpeg")
        assert sorted(names(known.ask(url=address))) == ["Eileen", "Grace"]
        assert known.refused(url=site.url("/missing.jpg"))[:2] == (502, "fetch_failed")
    assert known.refused(url="http://10.0.0.1/who.jpg")[:2] == (422, "forbidden_address")
    assert known.refused(url="file:///etc/passwd")[0] == 422


def test_a_face_of_the_library_finds_others_like_it(known: Known) -> None:
    (found,) = known.ask(face_id=known.faces[0][0], min_similarity=50)
    assert [moment["face_id"] for moment in found["moments"]] == known.faces[0][1:]
    assert "box" not in found


def test_a_person_finds_people_like_them_but_not_themselves(known: Known) -> None:
    (found,) = known.ask(person_id=known.people[0])
    assert [person["name"] for person in found["people"]] == ["Grace"]
    assert {moment["person_id"] for moment in found["moments"]} == {known.people[1]}


def test_a_vector_of_any_length_is_enough(known: Known) -> None:
    (found,) = known.ask(embedding=[7 * value for value in known.embedding])
    assert found["people"][0]["name"] == "Eileen"


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        pytest.param({"videos": [1]}, {1}, id="one video"),
        pytest.param({"people": [2]}, {2}, id="one person"),
        pytest.param({"one_per": "track"}, {1, 2}, id="tracks"),
        pytest.param({"one_per": "video", "top": 1}, {1}, id="the best video"),
        pytest.param({"after": "2000-01-01"}, {1, 2}, id="since then"),
        pytest.param({"before": "2000-01-01"}, set(), id="before then"),
        pytest.param({"min_similarity": 50}, {1}, id="alike"),
        pytest.param({"approximate": True}, {1, 2}, id="approximate"),
    ],
)
def test_limits_hold(known: Known, limits: dict[str, Any], wanted: set[int]) -> None:
    (found,) = known.ask(embedding=known.embedding, **limits)
    assert {moment["video_id"] for moment in found["moments"]} == {known.videos[number - 1] for number in wanted}
    if "one_per" in limits:
        assert len(found["moments"]) == len(wanted)


@pytest.mark.parametrize("field", ["hidden", "ignored"])
def test_people_out_of_sight_are_found_only_when_asked_for(known: Known, field: str) -> None:
    database = known.library.context.database
    with database.write() as session:
        setattr(session.get_one(Person, known.people[0]), field, True)
    try:
        (found,) = known.ask(embedding=known.embedding)
        assert {moment["video_id"] for moment in found["moments"]} == {known.videos[1]}
        assert known.ask(embedding=known.embedding, hidden=True)[0]["people"][0]["name"] == "Eileen"
        assert known.ask(embedding=known.embedding, people=[known.people[0]])[0]["people"][0]["name"] == "Eileen"
    finally:
        with database.write() as session:
            setattr(session.get_one(Person, known.people[0]), field, False)


def test_a_picture_without_a_face_is_refused_with_what_to_do(known: Known) -> None:
    answer = known.send(jpeg(np.full((200, 200, 3), 120, np.uint8)))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "no_face")
    assert "at least 20 pixels wide" in answer.json["error"]["message"]
    beside = known.send(known.picture, point="1,1")
    assert beside.json["error"]["code"] == "no_face"
    assert "middles of the faces" in beside.json["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        pytest.param({}, 400, "Send one picture", id="nothing"),
        pytest.param({"face_id": 1, "person_id": 1}, 422, "not face_id and person_id", id="two things"),
        pytest.param({"face_id": 10**6}, 404, "no such face", id="no such face"),
        pytest.param({"person_id": 10**6}, 404, "no such person", id="no such person"),
        pytest.param({"embedding": [1.0, 2.0]}, 400, "has 128 numbers, this one has 2", id="too short"),
        pytest.param({"embedding": [0.0] * 128}, 400, "not all zero", id="zero"),
        pytest.param({"image": "no base64!"}, 400, "not valid base64", id="no base64"),
        pytest.param({"image": base64.b64encode(b"no picture").decode()}, 422, "not a picture", id="no picture"),
        pytest.param({"image": ""}, 422, "empty", id="empty"),
        pytest.param({"embedding": [1.0] * 128, "videos": [999]}, 404, "no video 999", id="no such video"),
        pytest.param({"embedding": [1.0] * 128, "top": 0}, 422, "top", id="top"),
        pytest.param({"embedding": [1.0] * 128, "face": 0}, 422, "choose a face of a picture", id="pointing"),
        pytest.param({"embedding": [1.0] * 128, "colour": "red"}, 422, "colour", id="unknown field"),
        pytest.param(
            {"embedding": [1.0] * 128, "after": "2026-02-01", "before": "2026-01-01"}, 400, "first day", id="days"
        ),
    ],
)
def test_mistakes_are_said(known: Known, fields: dict[str, Any], status: int, words: str) -> None:
    answer = known.refused(**fields)
    assert answer[0] == status, answer
    assert words in answer[2]


def test_there_are_not_so_many_faces(known: Known) -> None:
    answer = known.send(known.picture, face="7")
    assert answer.status_code == 400
    assert "shows 2 faces" in answer.json["error"]["message"]


def test_too_large_a_picture_is_refused(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 1_000)
    assert known.send(known.picture).status_code == 413
    assert known.refused(image=base64.b64encode(known.picture).decode())[0] == 413
