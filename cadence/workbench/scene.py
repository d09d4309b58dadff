"""Setting the scene for explaining: what is known of a contact now, or was known at an earlier instant, with the message
that is asked about, the policy, and what the record says.

It reads; what the rules make of it is asked in `explain`. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.decide.folding import ends_at
from cadence.decide.needs import needs
from cadence.facts import NEVER, NONE, Bools, Candidates, History, Ints, Ragged, Verdict, key
from cadence.policy.finding import nearest
from cadence.policy.load import from_content
from cadence.policy.policy import Policy
from cadence.queue.active import Active
from cadence.queue.endings import endings
from cadence.queue.load import Loaded, candidates, with_names
from cadence.store import policies
from cadence.store import round as rows_of
from cadence.store.find import Found, find_message
from cadence.store.past import history_at
from cadence.store.people import history_of
from cadence.store.places import passing_key
from cadence.store.round import Messages
from cadence.store.shown import Recorded, decisions_about, fate_of
from cadence.store.ways import ways_of

UNDATED = (
    "Zone, chosen hours and days, attributes, household and addresses aren't kept by date: they are those of today."
)
"""What a look at the past can't know."""
PASSED = "So it passes the rules that a release may pass; they aren't asked."
"""What a release comes to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants explained."""

    contact: Found
    message: int | None = None
    """A message of theirs; None: one that isn't written yet, or the one that waits and is due first."""
    category: str | None = None
    """Of a message that isn't written yet."""
    channel: str = "email"
    at: int | None = None
    """As of then; None: as of the message's decision where it has ended, else as of now."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that explaining one answer takes."""

    policy: Policy
    now: int
    """The instant asked about."""
    past: bool
    """It is an earlier one: the history is what was known then, and the policy the one active then."""
    history: History
    person: int
    """Row of the contact in history.people."""
    shard: int
    candidates: Candidates
    """The message at `row`, and what waits beside it."""
    row: int
    message: Mapping[str, Any] | None
    """The message's own row; None for one that isn't written."""
    recorded: Recorded | None
    """The last decision about it up to `now`."""
    notes: tuple[str, ...]
    """What else bears on it, in sentences."""
    channel: str
    """Of the message, and of those that aren't written yet."""
    way: tuple[int, int]
    """Keys of the address and the mailbox such messages go to; 0 where there is none."""

    def unwritten(self, categories: Sequence[str]) -> Candidates:
        """Messages to this contact that aren't written yet, one of each category, that never expire."""
        never = [NEVER] * len(categories)
        return _unwritten(self.policy, self.person, categories, self.channel, self.way, never)


def set_scene(conn: Connection, asked: Asked, policy: Policy, now: int) -> Scene:
    """Read what is needed. policy: for the present; an earlier instant is judged by the policy that was active then.

    Raises ValueError for a message that isn't this contact's, or that was made only later, or a category there isn't."""
    circle = (asked.contact.shard, asked.contact.circle)
    waiting = rows_of.waiting_in(conn, [circle])
    chosen = asked.message
    if chosen is None and asked.category is None and asked.at is None:
        chosen = _first_due(waiting, asked.contact.id)
    if chosen is None:
        return _of_unwritten(conn, asked, policy, now, waiting)
    message = _message(conn, asked, chosen)
    ended = message["state"][0] != "waiting"
    at = asked.at
    if at is None and ended:
        about = decisions_about(conn, chosen)
        at = about[-1].at if about else None
    if at is not None and at < message["created_at"][0]:
        raise ValueError(f"message {chosen} was made only later than that; leave out --at, or give a later instant")
    fate = fate_of(conn, message["shard"][0], chosen)
    notes = (f"It has ended as {fate.state}" + (f" ({fate.because})." if fate.because else "."),) if ended else ()
    if fate.released_at is not None and fate.released_at <= (now if at is None else at):
        notes = (*notes, f"{fate.released_by} released it: {fate.released_reason}. {PASSED}")
    elif at is not None:
        message = Messages({**message.columns, "released_at": [None]})
    if at is None:
        scene = _present(conn, asked, policy, now, message if ended else waiting, chosen, notes)
        if scene.recorded is None or scene.recorded.verdict is not Verdict.SEND or ended:
            return scene
        back = f"It was decided to send, and came back: {(fate.ask_because or '').replace('_', ' ')}."
        return replace(scene, notes=(*scene.notes, back))
    return _past(conn, asked, policy, at, message, notes)


def _first_due(waiting: Messages, contact: int) -> int | None:
    mine = [i for i in range(len(waiting)) if waiting["contact"][i] == contact]
    if not mine:
        return None
    first = min(mine, key=lambda i: (waiting["due_at"][i] is None, waiting["due_at"][i] or 0, waiting["id"][i]))
    return int(waiting["id"][first])


def _message(conn: Connection, asked: Asked, id_: int) -> Messages:
    place = find_message(conn, id_)  # an ended one stays where it was when its circle moves
    found = rows_of.messages_by_id(conn, [] if place is None else [(place[0], id_)])
    if not len(found) or found["contact"][0] != asked.contact.id:
        raise ValueError(f"there is no message {id_} to this contact; `cadence contact` lists those that there are")
    return found


def _present(
    conn: Connection, asked: Asked, policy: Policy, now: int, messages: Messages, chosen: int, notes: tuple[str, ...]
) -> Scene:
    """The message among all that waits in its circle, as a tick would ask."""
    found = asked.contact
    known = history_of(conn, [(found.shard, found.circle)], now, needs(policy), policy.defaults)
    loaded = _loaded(conn, found.shard, known.history, known.seen, messages)
    gone = endings(loaded, now)
    row = list(messages["id"]).index(chosen)
    if row in gone.ended and messages["state"][row] == "waiting":
        ending = gone.ended[row]
        notes = (*notes, f"It ends as {ending.state.value} when it is asked next: {ending.because}.")
    if row in gone.resting:
        notes = (*notes, f"Its campaign is {gone.resting[row]}, so it waits in any case until that is resumed.")
    stay = [r for r in range(len(messages)) if r == row or not (r in gone.ended or r in gone.resting)]
    due = [r == row or ((at := messages["due_at"][r]) is not None and at <= now) for r in stay]
    told = candidates(Active.of(policy), loaded, np.array(stay, np.int64), np.array(due, bool))
    recorded = _last(decisions_about(conn, chosen), now)
    person = int(loaded.person[row])
    mine = {name: column[row] for name, column in messages.columns.items()}
    at, way = stay.index(row), _way(told, stay.index(row))
    return Scene(
        policy, now, False, loaded.history, person, found.shard, told, at, mine, recorded, notes, mine["channel"], way
    )


def _past(conn: Connection, asked: Asked, policy: Policy, at: int, message: Messages, notes: tuple[str, ...]) -> Scene:
    """The message alone, with what was known when it was decided: what waited beside it then isn't kept."""
    found = asked.contact
    recorded = _last(decisions_about(conn, message["id"][0]), at)
    then, odd = policy_at(conn, at, policy, None if recorded is None or recorded.at != at else recorded.policy)
    known = history_at(conn, [(found.shard, found.circle)], at, needs(then), then.defaults)
    history = known.history
    if recorded is not None and recorded.at == at:
        # What this decision, or one after it, made at that very instant wasn't there yet.
        made = (history.touches.at == at) & (history.touches.id > recorded.id)
        history = replace(history, touches=history.touches.take(np.flatnonzero(~made)))
    loaded = _loaded(conn, found.shard, history, known.seen, message)
    told = candidates(Active.of(then), loaded, np.zeros(1, np.int64), np.ones(1, bool))
    mine = {name: column[0] for name, column in message.columns.items()}
    notes, channel, way = (*notes, *odd, UNDATED), mine["channel"], _way(told, 0)
    person = int(loaded.person[0])
    return Scene(then, at, True, loaded.history, person, found.shard, told, 0, mine, recorded, notes, channel, way)


def _way(told: Candidates, row: int) -> tuple[int, int]:
    return int(told.address[row]), int(told.mailbox[row])


def _of_unwritten(conn: Connection, asked: Asked, policy: Policy, now: int, waiting: Messages) -> Scene:
    """A message that isn't written yet."""
    found = asked.contact
    circle = [(found.shard, found.circle)]
    notes: tuple[str, ...] = ()
    if asked.at is None:
        history = history_of(conn, circle, now, needs(policy), policy.defaults).history
    else:
        policy, notes = policy_at(conn, asked.at, policy)
        now, history = asked.at, history_at(conn, circle, asked.at, needs(policy), policy.defaults).history
        notes = (*notes, UNDATED)
    history = with_names(history, rows_of.campaigns(conn))
    category = _category(policy, asked.category)
    person = int(np.flatnonzero(history.people.id == found.id)[0])
    zone = int(history.people.zones.row(person)[0])
    transactional = policy.categories[category].transactional
    expires = NEVER if transactional else ends_at(policy.defaults.expires, now, zone)
    way = _todays_way(conn, found, asked.channel) if asked.at is None else _known_way(history, person, asked.channel)
    told = _unwritten(policy, person, [category], asked.channel, way, [expires])
    if not way[0]:
        notes = (*notes, f"The contact has no address for {asked.channel}, so nothing could be sent there.")
    past, channel = asked.at is not None, asked.channel
    return Scene(policy, now, past, history, person, found.shard, told, 0, None, None, notes, channel, way)


def _category(policy: Policy, named: str | None) -> str:
    """The category asked about: without one the first marketing one, which is what a policy is mostly about."""
    if named is None:
        marketing = [c.name for c in policy.categories.values() if not c.transactional]
        if not (marketing or policy.categories):
            raise ValueError("the policy has no categories, so there is nothing to ask about")
        return (marketing or list(policy.categories))[0]
    by_name = {n: c.name for c in policy.categories.values() for n in (c.name, *c.was)}
    if named not in by_name:
        near = nearest(named, by_name)
        meant = f"did you mean {near!r}? " if near else ""
        raise ValueError(f"the policy has no category {named!r}; {meant}it has {', '.join(policy.categories)}")
    return by_name[named]


def policy_at(conn: Connection, at: int, present: Policy, named: str | None = None) -> tuple[Policy, tuple[str, ...]]:
    """The policy that was active at an instant, or of this hash; the present one, with a note, where none was yet or it
    can't be read any more."""
    hash_ = named or policies.active(conn, at)
    if hash_ is None:
        return present, ("No policy was active yet at that instant; today's is asked instead.",)
    if hash_ == present.hash:
        return present, ()
    content = policies.content_of(conn, hash_)
    try:
        return from_content(content or ""), ()
    except ValueError:
        return present, (f"Policy {hash_[:12]}, active then, can't be read any more; today's is asked instead.",)


def _last(decisions: Sequence[Recorded], at: int) -> Recorded | None:
    return next((d for d in reversed(decisions) if d.at <= at), None)


def _loaded(conn: Connection, shard: int, history: History, seen: Mapping[int, int], messages: Messages) -> Loaded:
    """Messages of one circle, which is in this shard now, with where they would go."""
    found = ways_of(conn, [(shard, contact) for contact in messages["contact"]])
    ways = tuple(found.get((c, ch)) for c, ch in zip(messages["contact"], messages["channel"], strict=True))
    places = {int(id_): row for row, id_ in enumerate(history.people.id)}
    person = np.array([places.get(c, -1) for c in messages["contact"]], np.int64)
    known = rows_of.campaigns(conn)
    return Loaded(messages, with_names(history, known), person, ways, known, seen)


def _todays_way(conn: Connection, found: Found, channel: str) -> tuple[int, int]:
    way = ways_of(conn, [(found.shard, found.id)]).get((found.id, channel))
    return (0, 0) if way is None else (passing_key(way.address), key(way.mailbox))


def _unwritten(
    policy: Policy,
    person: int,
    categories: Sequence[str],
    channel: str,
    way: tuple[int, int],
    expires: Sequence[int],
) -> Candidates:
    """Messages that aren't written: nothing but a category, a channel, and the address it would go to."""
    n = len(categories)
    same: Ints = np.zeros(n, np.int64)
    due: Bools = np.ones(n, bool)
    return Candidates(
        id=np.arange(1, n + 1, dtype=np.int64),
        contact=np.full(n, person, np.int64),
        channel=np.full(n, key(channel), np.int64),
        category=np.array([key(c) for c in categories], np.int64),
        campaign=same,
        thread=same,
        topic=same,
        content=same,
        tags=Ragged.of([[]] * n),
        address=np.full(n, way[0], np.int64),
        mailbox=np.full(n, way[1], np.int64),
        trigger_at=np.full(n, NONE, np.int64),
        priority=np.array([policy.categories[c].priority for c in categories], np.float64),
        value=np.zeros(n, np.float64),
        expires_at=np.array(expires, np.int64),
        created_at=same,
        about=same,
        released=np.zeros(n, bool),
        due=due,
        due_at=same,
    )


def _known_way(history: History, person: int, channel: str) -> tuple[int, int]:
    """An address of theirs on a channel, one that hasn't bounced before one that has; (0, 0) where there is none."""
    rows = history.addresses
    mine = np.flatnonzero((rows.contact == person) & (rows.channel == key(channel)))
    if not len(mine):
        return 0, 0
    best = max(mine.tolist(), key=lambda i: rows.bounced_at[i] == NONE)
    return int(rows.address[best]), int(rows.mailbox[best])
