"""From rows to columns: messages and the history of their circles, as the decision core wants them.

Loads just what the active policy needs, for just these circles, in a few statements. It judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.decide.needs import Needs
from cadence.facts import NEVER, NONE, Bools, Candidates, History, Ints, Ragged, key
from cadence.policy import conditions
from cadence.policy.conditions import Condition
from cadence.queue.active import Active, with_condition
from cadence.store import round as rows
from cadence.store.bulk import floats
from cadence.store.campaigns import old_names
from cadence.store.people import NOT_READ, Standing, history_of
from cadence.store.places import Places, keys, passing_keys
from cadence.store.round import Campaign, Messages
from cadence.store.touched import Copies
from cadence.store.ways import Way


@dataclass(frozen=True, slots=True)
class Loaded:
    """Messages, the history of their circles, and what else says whether they go."""

    messages: Messages
    history: History
    person: Ints
    """int64[messages]: row in history.people, -1 where the contact is gone."""
    ways: tuple[Way | None, ...]
    """Where each would go; None: no address on its channel."""
    campaigns: Mapping[str, Campaign]
    seen: Mapping[int, int]
    """By circle id the number of its last fact that is in the history."""
    standing: Standing = NOT_READ
    """What is written down of each person of the history."""
    copies: Copies | None = None
    """Of which circles the recent touches are copied; None: nothing is written about them."""

    def still_if(self) -> dict[str, Condition]:
        """By campaign, of those that want something to be still true when a message is about to go, what it is."""
        return _still_if(self.messages, self.campaigns)


def load(
    conn: Connection, active: Active, wanted: Needs, messages: Messages, circles: Sequence[tuple[int, int]], now: int
) -> Loaded:
    """Load what deciding these messages of these circles, given as (shard, id), takes."""
    known = rows.campaigns(conn)
    for condition in _still_if(messages, known).values():
        wanted = with_condition(wanted, condition)
    found_history = history_of(conn, circles, now, wanted, active.policy.defaults)
    history = with_names(found_history.history, known)
    found = found_history.ways
    ways = tuple(found.get((c, ch)) for c, ch in zip(messages["contact"], messages["channel"], strict=True))
    people = Places(history.people.id).find(messages.ints("contact", NONE))
    standing, copies = found_history.standing, found_history.copies
    return Loaded(messages, history, people, ways, known, found_history.seen, standing, copies)


def candidates(active: Active, loaded: Loaded, rows_: Ints, due: Bools) -> Candidates:
    """These rows of the messages as the core's columns; due: bool, one for each of them."""
    m, places = loaded.messages, rows_.tolist()
    whole = places == list(range(len(m)))

    def taken(column: Sequence[Any]) -> Sequence[Any]:
        return column if whole else [column[i] for i in places]

    def of(name: str) -> Sequence[Any]:
        return taken(m[name])

    ways = taken(loaded.ways)
    usual = {category: active.priority_of(category) for category in set(of("category"))}
    priority = [usual[c] if p is None else p for p, c in zip(of("priority"), of("category"), strict=True)]
    named = {name: keys(of(name)) for name in _NAMES}
    return Candidates(
        **named,
        id=m.ints("id", NONE)[rows_],
        contact=loaded.person[rows_],
        tags=Ragged.of([[key(t) for t in json.loads(tags)] if tags else () for tags in of("tags")]),
        address=passing_keys([w and w.address for w in ways]),
        mailbox=keys([w and w.mailbox for w in ways]),
        trigger_at=m.ints("trigger_at", NONE)[rows_],
        priority=np.array(priority, np.float64),
        value=floats(of("value"), 0.0),
        expires_at=m.ints("expires_at", NEVER)[rows_],
        created_at=m.ints("created_at", NONE)[rows_],
        released=m.ints("released_at", NONE)[rows_] != NONE,
        due=due,
        due_at=m.ints("due_at", NONE)[rows_],
    )


_NAMES = ("channel", "category", "campaign", "thread", "topic", "content", "about")


def _still_if(messages: Messages, known: Mapping[str, Campaign]) -> dict[str, Condition]:
    found = {name: still_if_of(known[name].content) for name in set(messages["campaign"]) if name in known}
    return {name: condition for name, condition in found.items() if condition is not None}


@lru_cache(maxsize=1_024)
def still_if_of(content: str) -> Condition | None:
    """The condition of a campaign's `still_if`, out of its JSON; None where it has none."""
    found = json.loads(content).get("still_if")
    return None if not found else conditions.parse(found["where"])


def with_names(history: History, known: Mapping[str, Campaign]) -> History:
    """The history with what campaigns were called before: all names of one count as one, however often it was renamed."""
    together: dict[str, set[str]] = {}
    for campaign in known.values():
        if old := old_names(campaign.content):
            names = {campaign.name, *old}
            names = names.union(*(together.get(name, ()) for name in names))
            together |= dict.fromkeys(names, names)
    return replace(history, campaigns={key(name): key(min(names)) for name, names in together.items()})
