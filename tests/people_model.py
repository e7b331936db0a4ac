"""What a library's people should be, as plain Python says: dictionaries, and events that remember what they changed."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

FACTS = ("name", "aliases", "notes", "birth_date", "hidden", "ignored", "favourite")
NO_FACTS: dict[str, Any] = dict.fromkeys(FACTS[:4]) | dict.fromkeys(FACTS[4:], False)
TOLD = ("name", "aliases", "notes", "birth_date", "favourite")


@dataclass
class State:
    """Who is who.

    Attributes:
        people: Facts by person.
        tracks: By track: whose it is, and whether a user said so.
        faces: By face: its track, and whether a user said that it is none.
        rules: By rule: kind, two tracks and two people.
    """

    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    tracks: dict[int, tuple[int | None, bool]] = field(default_factory=dict)
    faces: dict[int, tuple[int | None, bool]] = field(default_factory=dict)
    rules: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def tracks_of(self, person: int) -> list[int]:
        return [track for track, (who, _) in self.tracks.items() if who == person]

    def faces_of(self, track: int) -> list[int]:
        return [face for face, (where, _) in self.faces.items() if where == track]

    def drop_person(self, person: int) -> None:
        for track in self.tracks_of(person):
            self.tracks[track] = (None, False)
        self.rules = {key: rule for key, rule in self.rules.items() if person not in rule[3:]}
        del self.people[person]

    def drop_track(self, track: int) -> None:
        for face in self.faces_of(track):
            self.faces[face] = (None, self.faces[face][1])
        self.rules = {key: rule for key, rule in self.rules.items() if track not in rule[1:3]}
        del self.tracks[track]

    def drop_unneeded(self, people: Iterable[int]) -> None:
        for person in sorted(set(people) & set(self.people)):
            if not self.tracks_of(person) and not any(self.people[person][name] for name in TOLD):
                self.drop_person(person)


@dataclass
class Event:
    """The library before and after something was done."""

    before: State
    after: State
    undone: bool = False


class Model:
    """The library as it should be.

    Args:
        state: As it is at first.
        usable: Tracks that are good enough to be confirmed with their person.
    """

    def __init__(self, state: State, usable: Collection[int]) -> None:
        self.now = state
        self.usable = set(usable)
        self.events: dict[int, Event] = {}

    def begin(self) -> State:
        """The state that the next event starts from."""
        return copy.deepcopy(self.now)

    def file(self, event_id: int | None, before: State) -> None:
        """Remembers what was done as an event."""
        if event_id is not None:
            self.events[event_id] = Event(before, copy.deepcopy(self.now))
        else:
            assert before == self.now, "something changed without an event"

    def give(self, tracks: Iterable[int], person: int | None, *, confirmed: bool) -> set[int]:
        """Gives tracks to somebody; returns whose they were."""
        owners = set()
        for track in tracks:
            owners.add(self.now.tracks[track][0])
            self.now.tracks[track] = (person, confirmed)
        return {who for who in owners if who is not None}

    def merge(self, keeper: int, others: list[int]) -> None:
        facts = [self.now.people[who] for who in (keeper, *others)]
        mine = facts[0]
        name = next((one["name"] for one in facts if one["name"]), None)
        names = [one for each in facts for one in (each["name"], *(each["aliases"] or []))]
        other = [one for one in dict.fromkeys(names) if one and one != name]
        mine["notes"] = "\n\n".join(dict.fromkeys(one["notes"] for one in facts if one["notes"])) or None
        mine |= {"name": name, "aliases": other or None, "favourite": any(one["favourite"] for one in facts)}
        for track, (who, confirmed) in self.now.tracks.items():
            if who in (keeper, *others):
                self.now.tracks[track] = (keeper, confirmed or track in self.usable)
        for who in others:
            self.now.drop_person(who)

    def cut(self, pieces: dict[int, tuple[int, list[int]]]) -> None:
        """Faces were cut out of tracks: new track -> (old track, faces).

        The cut itself is no part of an event. What was done before, was done to the part as to the whole.
        """
        for new, (old, faces) in pieces.items():
            for state in (self.now, *(state for one in self.events.values() for state in (one.before, one.after))):
                if old in state.tracks:
                    state.tracks[new] = state.tracks[old]
                for face in faces:
                    if state.faces[face][0] == old:
                        state.faces[face] = (new, False)
            if old in self.usable:
                self.usable.add(new)

    def undo(self, event_id: int) -> None:
        """Takes an event back: what it changed goes back where it still is as the event had left it."""
        event = self.events[event_id]
        event.undone = True
        before, after, now = event.before, event.after, self.now
        touched: set[int] = set()
        for person in before.people.keys() - after.people.keys() - now.people.keys():
            now.people[person] = copy.deepcopy(before.people[person])
            touched.add(person)
        for track in before.tracks.keys() - after.tracks.keys() - now.tracks.keys():
            now.tracks[track] = (None, False)
        gone = {key: rule for key, rule in before.rules.items() if key not in after.rules and key not in now.rules}
        now.rules |= {key: rule for key, rule in gone.items() if self._stands(rule)}
        self._set_facts(before, after, touched)
        self._set_tracks(before, after, touched)
        for face, was in before.faces.items():
            if was != after.faces[face] == now.faces[face] and (was[0] is None or was[0] in now.tracks):
                now.faces[face] = was
        for key in before.rules.keys() & after.rules.keys() & now.rules.keys():
            fields = zip(before.rules[key], after.rules[key], now.rules[key], strict=True)
            now.rules[key] = tuple(was if was != left == current else current for was, left, current in fields)
        for key in after.rules.keys() - before.rules.keys():
            if now.rules.get(key) == after.rules[key]:
                del now.rules[key]
        for track in after.tracks.keys() - before.tracks.keys():
            if now.tracks.get(track) == (None, False) and not now.faces_of(track):
                now.drop_track(track)
        for person in after.people.keys() - before.people.keys():
            if now.people.get(person) == after.people[person] and not now.tracks_of(person):
                now.drop_person(person)
        now.drop_unneeded(touched)

    def _set_facts(self, before: State, after: State, touched: set[int]) -> None:
        for person in before.people.keys() & after.people.keys() & self.now.people.keys():
            for name, was in before.people[person].items():
                if was != after.people[person][name] == self.now.people[person][name]:
                    self.now.people[person][name] = was
                    touched.add(person)

    def _set_tracks(self, before: State, after: State, touched: set[int]) -> None:
        now = self.now
        for track in before.tracks.keys() | after.tracks.keys():
            was, left = (state.tracks.get(track, (None, False)) for state in (before, after))
            if track not in now.tracks or was == left or now.tracks[track] != left:
                continue
            person = was[0] if was[0] is None or was[0] in now.people else left[0]
            touched.update(who for who in (left[0], person) if who is not None)
            now.tracks[track] = (person, was[1])

    def _stands(self, rule: tuple[Any, ...]) -> bool:
        tracks = all(end is None or end in self.now.tracks for end in rule[1:3])
        return tracks and all(end is None or end in self.now.people for end in rule[3:])
