"""From what people tell (a contact, its history, a message) to the columns that a round decides.

Policy tests and `decide` come in here; the daemon never does, for it reads columns from the store. Nothing is decided
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadence.addresses import address_of, mailbox_of
from cadence.calendar import parse_days, parse_hours, zone_index, zone_name, zones_of_country
from cadence.calendar.shown import on_calendar
from cadence.decide.folding import (
    Folded,
    at_of,
    consents_of,
    ends_at,
    events_of,
    fold,
    holds_of,
    lookups_of,
    touches_of,
)
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import (
    CHANNELS,
    NEVER,
    NONE,
    Addresses,
    Candidates,
    Coded,
    EventKind,
    History,
    Ints,
    People,
    Ragged,
    Wish,
    key,
)
from cadence.policy.moments import Moment
from cadence.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Telling:
    """One circle and its messages, ready to be decided, and how to speak of them afterwards."""

    history: History
    candidates: Candidates
    now: int
    messages: Mapping[int, str]
    """Id of each candidate -> the id it was told with."""
    touches: Mapping[int, Mapping[str, Any]]
    """What is shown of each touch in evidence, by id; of a message sent in this round by its id, negated."""
    zone: str
    locale: str


@dataclass(frozen=True, slots=True)
class _Person:
    contact: ToldContact
    history: Sequence[ToldEvent]
    zones: tuple[int, ...]
    household: int
    account: int


def tell(
    policy: Policy,
    contact: ToldContact,
    history: Sequence[ToldEvent],
    messages: Sequence[ToldMessage],
    now: Moment,
    circle: Sequence[ToldMember] = (),
) -> Telling:
    """Columns of one contact with its circle, and its messages, all due at `now`.

    Times without an offset are local to the contact they are told of. A contact without an address on a channel is
    given one of its own, since it isn't the question. Raises ValueError where the policy's default zone is none."""
    people = _people(policy, contact, history, circle)
    at = at_of(now, people[0].zones[0])
    folded = [_folded(p, at) for p in people]
    addresses, mailboxes = _addresses(people, folded)
    told = History(
        people=_columns(policy, people, folded),
        addresses=addresses,
        consents=consents_of(folded),
        holds=holds_of(folded),
        touches=touches_of(folded, mailboxes),
        events=events_of(folded),
        lookups=lookups_of(folded),
    )
    ordered = sorted(enumerate(messages), key=lambda pair: _turn(pair[1].id))
    named = {number: m.id or f"message {i + 1}" for number, (i, m) in enumerate(ordered, start=1)}
    candidates = _candidates(policy, [m for _, m in ordered], told, at, people[0].zones[0])
    shown = [t["shown"] for f in folded for t in f.touches]
    touches = {n: {**s, "id": s["id"] or n} for n, s in enumerate(shown, start=1)}
    touches |= {-n: {"id": named[n], "at": on_calendar(at), "category": m.category, "channel": m.channel}
                for n, (_, m) in enumerate(ordered, start=1)}  # fmt: skip
    locale = contact.locale or policy.defaults.locale
    return Telling(told, candidates, at, named, touches, zone_name(people[0].zones[0]), locale)


def _turn(name: str | None) -> tuple[int, int, str]:
    """Messages go by their ids where nothing else tells them apart: numbers by size, before texts."""
    if name is not None and name.isascii() and name.isdecimal():
        return 0, int(name), name
    return 1, 0, name or ""


def _people(
    policy: Policy, contact: ToldContact, history: Sequence[ToldEvent], circle: Sequence[ToldMember]
) -> list[_Person]:
    """The contact first, then the others of its circle."""
    household = _shared("household", contact.household, circle)
    account = _shared("account", contact.account, circle)
    people = [_Person(contact, history, _zones(policy, contact), household, account)]
    for member in circle:
        theirs = member.contact
        home = household if "household" in member.shares else key(theirs.household)
        firm = account if "account" in member.shares else key(theirs.account)
        people.append(_Person(theirs, member.history, _zones(policy, theirs), home, firm))
    return people


def _shared(what: str, given: str | None, circle: Sequence[ToldMember]) -> int:
    """The key of the contact's household or account; one of its own where it is shared without having been named."""
    if given is None and any(what in m.shares for m in circle):
        return key(f"the {what} they share")
    return key(given)


def _zones(policy: Policy, contact: ToldContact) -> tuple[int, ...]:
    """Their zone or zones; else the policy's, or all of their country where the policy is strict about that."""
    names = contact.timezones or ([contact.timezone] if contact.timezone else [])
    if not names and policy.defaults.unknown_zone == "strict":
        country = contact.country or policy.defaults.country
        names = list(zones_of_country(country)) if country else []
    return tuple(zone_index(n) for n in names or [policy.defaults.timezone])


def _folded(person: _Person, now: int) -> Folded:
    contact = person.contact
    wish = Wish(None, parse_hours(contact.hours), parse_days(contact.days))
    out = fold(person.history, person.zones[0], now, wish)
    for channel, categories in contact.consents.items():
        for category in categories:
            named = 0 if category == "all" else key(category)
            out.consents.append((NONE, True, named, 0 if channel == "all" else key(channel)))
    return out


def _columns(policy: Policy, people: Sequence[_Person], folded: Sequence[Folded]) -> People:
    n = len(people)
    contacts = [p.contact for p in people]
    wishes = tuple(dict.fromkeys(f.wish for f in folded if f.wish != Wish()))
    bought = [[(at, amount) for at, kind, _, amount in f.events if kind is EventKind.PURCHASE] for f in folded]
    kinds = {kind for f in folded for _, kind, _, _ in f.events}
    return People(
        id=np.arange(1, n + 1, dtype=np.int64),
        circle=np.zeros(n, np.int32),
        zones=Ragged.of([p.zones for p in people], np.int32),
        country=Coded.of([c.country or policy.defaults.country for c in contacts]),
        region=Coded.of([c.region for c in contacts]),
        locale=Coded.of([c.locale or policy.defaults.locale for c in contacts]),
        household=np.array([p.household for p in people], np.int64),
        account=np.array([p.account for p in people], np.int64),
        wish=np.array([wishes.index(f.wish) if f.wish in wishes else -1 for f in folded], np.int32),
        wishes=wishes,
        snooze_until=np.array([f.snooze_until for f in folded], np.int64),
        attributes={name: _column(contacts, name) for name in sorted({a for c in contacts for a in c.attributes})},
        orders=np.array([len(b) for b in bought], np.int64),
        spend=np.array([sum(amount for _, amount in b) for b in bought], np.float64),
        first_purchase=np.array([min((at for at, _ in b), default=NONE) for b in bought], np.int64),
        latest={kind: np.array([_latest(f, kind) for f in folded], np.int64) for kind in sorted(kinds)},
    )


def _latest(folded: Folded, kind: EventKind) -> int:
    return max((at for at, k, _, _ in folded.events if k is kind), default=NONE)


def _column(contacts: Sequence[ToldContact], name: str) -> Any:
    out = np.empty(len(contacts), object)
    for row, contact in enumerate(contacts):
        out[row] = contact.attributes.get(name)
    return out


def _addresses(people: Sequence[_Person], folded: Sequence[Folded]) -> tuple[Addresses, Mapping[tuple[int, str], int]]:
    """A row per contact and channel, and the mailbox each contact's touches on a channel went to."""
    rows = []
    for row, (person, facts) in enumerate(zip(people, folded, strict=True)):
        for channel in CHANNELS:
            given = person.contact.addresses.get(channel)
            if given is None:
                text = box = f"an address of contact {row} alone on {channel}"
            else:
                text = address_of(channel, given)
                box = mailbox_of(channel, text)
            rows.append((row, key(channel), key(text), key(box), facts.bounced.get(channel, NONE), channel))
    columns = [np.array([r[i] for r in rows], np.int64) for i in range(5)]
    return Addresses(*columns), {(r[0], r[5]): r[3] for r in rows}


def _candidates(policy: Policy, messages: Sequence[ToldMessage], told: History, now: int, zone: int) -> Candidates:
    """The messages of the first contact, numbered from 1."""
    n = len(messages)
    mine = told.addresses.contact == 0
    at = {int(c): (int(a), int(m)) for c, a, m in zip(
        told.addresses.channel[mine], told.addresses.address[mine], told.addresses.mailbox[mine], strict=True
    )}  # fmt: skip

    def keys(name: str) -> Ints:
        return np.array([key(getattr(m, name)) for m in messages], np.int64)

    return Candidates(
        id=np.arange(1, n + 1, dtype=np.int64),
        contact=np.zeros(n, np.int64),
        channel=keys("channel"),
        category=keys("category"),
        campaign=keys("campaign"),
        thread=keys("thread"),
        topic=keys("topic"),
        content=keys("content"),
        tags=Ragged.of([[key(t) for t in m.tags] for m in messages]),
        address=np.array([at[key(m.channel)][0] for m in messages], np.int64),
        mailbox=np.array([at[key(m.channel)][1] for m in messages], np.int64),
        trigger_at=np.array([at_of(m.trigger.at, zone) if m.trigger else NONE for m in messages], np.int64),
        priority=np.array([_priority(policy, m) for m in messages], np.float64),
        value=np.array([m.value for m in messages], np.float64),
        expires_at=np.array([_expiry(policy, m, now, zone) for m in messages], np.int64),
        created_at=np.array([at_of(m.at, zone) if m.at else now for m in messages], np.int64),
        about=keys("about"),
        released=np.zeros(n, bool),
        due=np.ones(n, bool),
        due_at=np.full(n, NONE, np.int64),
    )


def _priority(policy: Policy, message: ToldMessage) -> float:
    """The message's, else its category's."""
    if message.priority is not None:
        return message.priority
    category = policy.by_key.get(key(message.category))
    return 50.0 if category is None else category.priority


def _expiry(policy: Policy, message: ToldMessage, now: int, zone: int) -> int:
    """From now on; transactional messages don't expire by default."""
    if message.expires is not None:
        return ends_at(message.expires, now, zone)
    category = policy.by_key.get(key(message.category))
    if category is not None and category.transactional:
        return NEVER
    return ends_at(policy.defaults.expires, now, zone)
