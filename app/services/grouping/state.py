"""The library at one moment, as a grouping needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.clustering.neighbours import GraphBuilder, build_graph
from app.config import Settings
from app.services.grouping.decide import Decision, decide, threshold_of
from app.services.grouping.plan import Plan
from app.services.models.choose import pack_of_space
from app.storage import clustering_runs as run_rows
from app.storage import rules as rule_rows
from app.storage import spaces as space_rows
from app.storage import tracks as track_rows
from app.storage.rules import HouseRules
from app.storage.tracks import TrackNodes
from app.vision import Pack


@dataclass(frozen=True)
class LibraryState:
    """What a grouping of the whole library starts from.

    Attributes:
        pack: The pack of the library's space; ``None`` before its first face, as ``nodes``.
        nodes: All tracks of the space.
        house: What users said.
        since: The last event that is in it.
        refused: Plans that users discarded or took back.
    """

    pack: Pack | None = None
    nodes: TrackNodes | None = None
    house: HouseRules = field(default_factory=HouseRules)
    since: int = 0
    refused: tuple[Plan, ...] = ()

    @property
    def faces(self) -> dict[int, int]:
        """Faces of everybody, by person."""
        if self.nodes is None or not len(self.nodes):
            return {}
        people, place = np.unique(self.nodes.person_ids, return_inverse=True)
        counts = np.bincount(place, weights=self.nodes.face_counts).astype(np.int64)
        return dict(zip(people.tolist(), counts.tolist(), strict=True))

    def decide(self, settings: Settings, graph_of: GraphBuilder = build_graph) -> Decision:
        """Whose each track should be; ``graph_of`` builds the neighbour graph."""
        if self.pack is None or self.nodes is None:
            return Decision(np.empty(0, np.int64))
        return decide(settings, self.pack, self.nodes, self.house, graph_of=graph_of)

    def plan(self, decision: Decision) -> Plan:
        """What a decision changes."""
        return Plan.of(self.nodes, decision) if self.nodes is not None else Plan.unpack(None)

    def params(self, settings: Settings) -> dict[str, Any]:
        """How it is grouped, as a run remembers it."""
        found: dict[str, Any] = {"algorithm": settings.clustering_algorithm, "since": self.since}
        if self.pack is not None:
            found |= {"pack": self.pack.name, "threshold": round(threshold_of(settings, self.pack), 6)}
        return found


def read_state(settings: Settings, session: Session) -> LibraryState:
    """The library as it is."""
    space = space_rows.pinned(session)
    since = run_rows.last_event(session)
    if space is None:
        return LibraryState(since=since)
    return LibraryState(
        pack=pack_of_space(settings, space),
        nodes=track_rows.nodes(session, space),
        house=rule_rows.load(session, track_rows.seen_together(session)),
        since=since,
        refused=tuple(Plan.unpack(data) for data in run_rows.refused_plans(session)),
    )
