"""What is no longer true of messages that wait: expired, superseded, stopped by an event, of a campaign that ended or
rests.

Asked before anything is decided, and once more right at hand-over. It changes nothing itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cadence.facts import NEVER, NONE, EventKind, key
from cadence.providers.provider import shown
from cadence.queue.load import Loaded
from cadence.queue.states import State

KEEP_OLDEST = "oldest:"
"""A collapse key that begins so keeps the oldest message instead of the newest."""
RESTING: tuple[str, ...] = ("paused", "draft")
"""States of a campaign in which its messages wait."""
UNWRITTEN = "missing template"
"""In place of a rule: what holds a message whose letter couldn't be written as its campaign's files were."""


def cannot_be_written(why: str) -> str:
    """Why such a message waits, in a sentence."""
    return shown(f"it can't be written now: {why}")


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a message ends."""

    state: State
    because: str


@dataclass(frozen=True, slots=True)
class Endings:
    """Which rows end, and which wait for their campaign."""

    ended: dict[int, Ending]
    resting: dict[int, str]
    """Row -> the campaign's state."""


def endings(loaded: Loaded, now: int) -> Endings:
    """What these messages' circumstances, not their rules, say at `now`; rows are places in loaded.messages."""
    ended: dict[int, Ending] = {}
    resting: dict[int, str] = {}
    for row in _concerned(loaded, now):
        if (ending := _ending(loaded, row, now)) is not None:
            ended[row] = ending
        elif (state := _campaign_state(loaded, row)) in RESTING:
            resting[row] = state
    for row in _superseded(loaded, ended):
        ended[row] = Ending(State.SUPERSEDED, "another message of the same collapse key stays")
        resting.pop(row, None)
    return Endings(ended, resting)


def unwritten(loaded: Loaded, lacks: Callable[[str], str | None]) -> dict[int, str]:
    """Rows whose letter couldn't be written before, and can't be still, each with why. lacks: why a campaign's letters can't be
    written now; None: they can."""
    m = loaded.messages
    held = [row for row, rule in enumerate(m["rule"]) if rule == UNWRITTEN]
    why = {name: lacks(name) for name in {m["campaign"][row] for row in held}}
    return {row: cannot_be_written(told) for row in held if (told := why[m["campaign"][row]]) is not None}


def _concerned(loaded: Loaded, now: int) -> list[int]:
    """The rows that one of these circumstances may concern: mostly few, and the others need no look."""
    m = loaded.messages
    still = {name for name, found in loaded.campaigns.items() if found.state != "running"}
    concerned = (loaded.person < 0) | (m.ints("expires_at", NEVER) <= now)
    told = zip(loaded.ways, m["stop_on"], m["campaign"], strict=True)
    concerned |= np.array([way is None or bool(words) or name in still for way, words, name in told], bool)
    return np.flatnonzero(concerned).tolist()


def _ending(loaded: Loaded, row: int, now: int) -> Ending | None:
    m = loaded.messages
    if loaded.person[row] < 0:
        return Ending(State.WITHDRAWN, "the contact is no longer there")
    if (m["expires_at"][row] or NEVER) <= now:
        return Ending(State.EXPIRED, _expired(m["doubt_at"][row] is not None))
    if _campaign_state(loaded, row) == "ended":
        return Ending(State.WITHDRAWN, f"campaign {m['campaign'][row]} ended")
    if (word := _stopped_by(loaded, row)) is not None:
        return Ending(State.STOPPED, f"stop_on {word}")
    if loaded.ways[row] is None:
        return Ending(State.REFUSED, f"the contact has no address for {m['channel'][row]}")
    return None


def _expired(in_doubt: bool) -> str:
    if in_doubt:
        return "its expiry passed; whether an earlier hand-over reached the contact is not known"
    return "its expiry passed before it was welcome"


def _campaign_state(loaded: Loaded, row: int) -> str:
    """A campaign that isn't registered (a caller's own) runs."""
    found = loaded.campaigns.get(loaded.messages["campaign"][row] or "")
    return "running" if found is None else found.state


def _stopped_by(loaded: Loaded, row: int) -> str | None:
    """The event of its `stop_on` that came after it was made."""
    words = loaded.messages["stop_on"][row]
    if not words:
        return None
    person, since = int(loaded.person[row]), loaded.messages["created_at"][row]
    for word in json.loads(words):
        latest = loaded.history.people.latest.get(EventKind[word.upper()])
        if latest is not None and latest[person] != NONE and latest[person] > since:
            return str(word)
    return None


def _superseded(loaded: Loaded, ended: dict[int, Ending]) -> list[int]:
    """Rows that give way to another of the same contact and collapse key."""
    m = loaded.messages
    kept: dict[tuple[int, str], int] = {}
    out: list[int] = []
    if not any(m["collapse"]):
        return out
    ages = np.lexsort((m.ints("id", NONE), m.ints("created_at", NONE)))
    for row in ages.tolist():
        collapse = m["collapse"][row]
        if not collapse or row in ended:
            continue
        place = (m["contact"][row], _together(loaded, row))
        if place not in kept:
            kept[place] = row
        elif collapse.startswith(KEEP_OLDEST):
            out.append(row)
        else:
            out.append(kept[place])
            kept[place] = row
    return out


def _together(loaded: Loaded, row: int) -> str:
    """What a message's collapse key says; that of its campaign says the same under each name which that had."""
    collapse, name = str(loaded.messages["collapse"][row]), loaded.messages["campaign"][row] or ""
    one = loaded.history.campaigns.get(key(name))
    whole = one is not None and collapse.endswith(f"campaign:{name}")
    return f"{collapse.removesuffix(name)}{one}" if whole else collapse
