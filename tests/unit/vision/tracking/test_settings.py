"""The rules of tracks, and what is refused."""

from __future__ import annotations

import pytest

from app.errors import ConfigError
from app.vision.track import TrackRules, TrackSettings


def test_what_is_left_out_is_as_it_comes() -> None:
    assert TrackRules.from_mapping({}) == TrackRules()
    assert TrackRules.from_mapping({"max_age": 5}) == TrackRules(max_age=5.0)


def test_distances_are_shares_of_the_pack_s() -> None:
    strict = TrackRules.from_mapping({"max_cosine_distance": 0.5, "nn_budget": 10, "n_init": 3})
    for same in (0.088, 0.7):
        settings = TrackSettings.for_distance(same, strict)
        assert settings.appearance_limit == pytest.approx(0.5 * same)
        assert settings.appearance_limit < settings.supported_limit < settings.poor_limit
        assert (settings.nn_budget, settings.n_init) == (10, 3)
    plain = TrackSettings.for_distance(0.1)
    assert (plain.appearance_limit, plain.supported_limit, plain.poor_limit) == pytest.approx((0.08, 0.12, 0.18))


WRONG = {
    "unknown": ({"max_dist": 0.2}, "'max_dist' is no setting of tracks. There are: max_cosine_distance, nn_budget"),
    "not a number": ({"max_age": "long"}, "max_age must be a number, more than 0 and not more than 3600; it is 'long'"),
    "nothing": ({"max_age": None}, "max_age must be a number"),
    "not a number, but equal to itself": ({"max_age": float("nan")}, "max_age must be a number"),
    "zero": ({"max_cosine_distance": 0}, "max_cosine_distance must be a number, more than 0"),
    "negative": ({"max_iou_distance": -0.1}, "max_iou_distance must be a number, 0 or more and not more than 1"),
    "too much": ({"max_iou_distance": 1.5}, "max_iou_distance must be"),
    "a share of a face": ({"n_init": 1.5}, "n_init must be a whole number from 1 to 100; it is 1.5"),
    "yes": ({"nn_budget": True}, "nn_budget must be a whole number"),
    "none at all": ({"nn_budget": 0}, "nn_budget must be a whole number from 1 to 10000; it is 0"),
    "a name that is none": ({7: 1}, "'7' is no setting"),
}


@pytest.mark.parametrize(("values", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_rules_are_refused_in_a_sentence(values: dict, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TrackRules.from_mapping(values)
    assert message in refused.value.message
