"""Whether a plan may be carried out at once, and what to say where it may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from app.clustering.known import NEW, NOBODY
from app.services.grouping.plan import BoolArray, Plan, changed_shares
from app.storage.rules import HouseRules


def reason_to_wait(
    plan: Plan, house: HouseRules, faces: Mapping[int, int], names: Mapping[int, str], share: float
) -> str | None:
    """Why a person should look at a plan before it is carried out; ``None`` where nothing named changes much.

    Args:
        plan: The plan.
        house: What users said.
        faces: How many faces everybody has now.
        names: Of all people who have one.
        share: Of a named person's faces that may go or come at once, 0..1.
    """
    shares = changed_shares(plan, house.named_ids, dict(faces))
    much = {person: part for person, part in shares.items() if part > share}
    if much:
        worst = min(much, key=lambda person: (-much[person], person))
        others = f" and {len(much) - 1} more" if len(much) > 1 else ""
        part = f"{100 * much[worst]:.0f} %" if much[worst] < 1 else "all"
        return f"{part} of the faces of {names.get(worst, 'somebody')}{others} would change hands."
    taken = np.isin(plan.tracks, house.confirmed) & (plan.before != NOBODY)
    if taken.any():
        number = int(taken.sum())
        tracks = "A track that was" if number == 1 else f"{number} tracks that were"
        return f"{tracks} confirmed would change hands, for two faces of one frame cannot be one person."
    return None


def refused_changes(plan: Plan, refused: Iterable[Plan]) -> BoolArray:
    """Which changes users have refused before: the same track, from the same person to the same one, or to a new one."""
    mine = _keys(plan)
    theirs = {key for one in refused for key in _keys(one)}
    return np.array([key in theirs for key in mine], np.bool_)


def _keys(plan: Plan) -> list[tuple[int, int, int]]:
    after = np.maximum(plan.after, NEW)
    return list(zip(plan.tracks.tolist(), plan.before.tolist(), after.tolist(), strict=True))
