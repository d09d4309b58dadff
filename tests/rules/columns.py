"""A View out of mappings as policy tests write them, for one contact and the others of its circle.

Only what the rules ask about is there; nothing is loaded or parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cadence.calendar import zone_index
from cadence.facts import (
    ENGAGEMENT,
    HELD,
    NEVER,
    NONE,
    Addresses,
    Candidates,
    Coded,
    Consents,
    EventKind,
    Events,
    History,
    Holds,
    Lookups,
    People,
    Ragged,
    Touches,
    Wish,
    key,
    micros,
)
from cadence.rules.registry import RULES
from cadence.rules.rule import Category, Keys, Rule
from cadence.rules.view import View

CATEGORIES = {name: Category(name) for name in ("newsletter", "promotion", "follow_up")} | {
    "service": Category("service", transactional=True, counted=False, exempt=frozenset({"all"}))
}
COLUMNS = ("channel", "category", "campaign", "thread", "topic", "content")


def at(text: str | int | datetime) -> int:
    """An instant in microseconds; a text without an offset is UTC."""
    if isinstance(text, int):
        return text
    moment = datetime.fromisoformat(text) if isinstance(text, str) else text
    return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _people(contacts: Sequence[Mapping[str, Any]], latest: Mapping[EventKind, Any]) -> People:
    n = len(contacts)
    zones = [[zone_index(z) for z in c.get("timezones", [c.get("timezone", "UTC")])] for c in contacts]
    none = np.zeros(n, np.int64)
    return People(
        id=np.arange(1, n + 1),
        circle=np.zeros(n, np.int32),
        zones=Ragged.of(zones, np.int32),
        country=Coded.of([c.get("country") for c in contacts]),
        region=Coded.of([c.get("region") for c in contacts]),
        locale=Coded.of([None] * n),
        household=np.array([key(c.get("household")) for c in contacts], np.int64),
        account=np.array([key(c.get("account")) for c in contacts], np.int64),
        wish=np.arange(n, dtype=np.int32),
        wishes=tuple(c.get("wish", Wish()) for c in contacts),
        snooze_until=np.array([at(c["snooze"]) if "snooze" in c else NONE for c in contacts], np.int64),
        attributes={},
        orders=none,
        spend=none.astype(np.float64),
        first_purchase=none + NONE,
        latest=latest,
    )


def _ints(rows: Iterable[Any]) -> Any:
    return np.array(list(rows), np.int64)


def _keys(rows: Sequence[Mapping[str, Any]], name: str, default: str = "") -> Any:
    return _ints(key(r.get(name, default)) for r in rows)


def _touches(rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Touches:
    facts = [{**f, "category": f["touch"]} for _, f in rows]
    return Touches(
        id=_ints(f.get("id", i + 1) for i, f in enumerate(facts)),
        contact=_ints(c for c, _ in rows),
        at=_ints(at(f["at"]) for f in facts),
        mailbox=_keys(facts, "address"),
        triggered=np.array([f.get("triggered", False) for f in facts], bool),
        tags=Ragged.of([[key(t) for t in f.get("tags", ())] for f in facts]),
        **{name: _keys(facts, name, "email" if name == "channel" else "") for name in COLUMNS},
    )


def _addresses(contacts: Sequence[Mapping[str, Any]], bounced: Mapping[tuple[int, str], int]) -> Addresses:
    rows = [(i, channel, value) for i, c in enumerate(contacts) for channel, value in c.get("addresses", {}).items()]
    return Addresses(
        contact=_ints(i for i, _, _ in rows),
        channel=_ints(key(c) for _, c, _ in rows),
        address=_ints(key(v) for _, _, v in rows),
        mailbox=_ints(key(v.lower()) for _, _, v in rows),
        bounced_at=_ints(bounced.get((i, c), NONE) for i, c, _ in rows),
    )


def _consents(rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Consents:
    """`consented` is an undated one."""
    said = []
    for contact, fact in rows:
        word = next(w for w in ("opt_in", "opt_out", "consented") if w in fact)
        name = fact[word]
        is_channel = name in ("email", "sms", "phone", "post", "push", "in_person")
        category = 0 if is_channel or name == "all" else key(name)
        channel = key(name) if is_channel else key(fact.get("channel"))
        said.append((contact, NONE if word == "consented" else at(fact["at"]), word == "opt_out", category, channel))
    said.sort()
    given = np.array([not s[2] for s in said], bool)
    return Consents(
        _ints(s[0] for s in said),
        _ints(s[1] for s in said),
        given,
        _ints(s[3] for s in said),
        _ints(s[4] for s in said),
    )


def _lookups(rows: Sequence[tuple[int, Mapping[str, Any]]]) -> Lookups:
    told = sorted((c, at(f["at"]), f["screened"]["listed"], key(f["screened"]["register"])) for c, f in rows)
    return Lookups(
        _ints(r[0] for r in told),
        _ints(r[1] for r in told),
        _ints(r[3] for r in told),
        np.array([r[2] for r in told], bool),
    )


def _candidates(messages: Sequence[Mapping[str, Any]], contacts: Sequence[Mapping[str, Any]]) -> Candidates:
    n = len(messages)
    whose = [contacts[m.get("contact", 0)] for m in messages]
    channels = [m.get("channel", "email") for m in messages]
    own = [c.get("addresses", {}).get(channel, "") for c, channel in zip(whose, channels, strict=True)]
    to = [m.get("address", address) for m, address in zip(messages, own, strict=True)]
    none = np.zeros(n, np.int64)
    return Candidates(
        id=np.arange(n),
        contact=_ints(m.get("contact", 0) for m in messages),
        tags=Ragged.of([[key(t) for t in m.get("tags", ())] for m in messages]),
        address=_ints(key(a) for a in to),
        mailbox=_ints(key(a.lower()) for a in to),
        trigger_at=_ints(at(m["trigger"]) if "trigger" in m else NONE for m in messages),
        priority=none.astype(np.float64),
        value=none.astype(np.float64),
        expires_at=none + NEVER,
        created_at=none,
        about=_keys(messages, "about"),
        released=np.zeros(n, bool),
        due=np.ones(n, bool),
        due_at=np.full(n, NONE, np.int64),
        **{name: _keys(messages, name, "email" if name == "channel" else "") for name in COLUMNS},
    )


def view(
    history: Sequence[Mapping[str, Any]] = (),
    message: Mapping[str, Any] | None = None,
    now: str | int = "2026-03-10T12:00",
    contact: Mapping[str, Any] | None = None,
    circle: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]] = (),
    categories: Mapping[str, Category] = CATEGORIES,
    messages: Sequence[Mapping[str, Any]] = (),
    renamed: Mapping[str, str] | None = None,
    campaigns: Mapping[str, str] | None = None,
) -> View:
    """What rules see of these contacts: the first is written to, the others are of its circle. `message` is row 0."""
    contacts = [contact or {}, *(c for c, _ in circle)]
    facts = [(0, f) for f in history] + [(i, f) for i, (_, h) in enumerate(circle, start=1) for f in h]
    words = {k.word: k for k in EventKind}
    events = [(c, at(f["at"]), words[f["event"]]) for c, f in facts if "event" in f]
    latest = {k: np.full(len(contacts), NONE, np.int64) for k in EventKind}
    for c, when, kind in events:
        latest[kind][c] = max(latest[kind][c], when)
    events = sorted(e for e in events if e[2] in ENGAGEMENT)
    holds = [(c, f) for c, f in facts if "hold" in f]
    touched = sorted(((c, f) for c, f in facts if "touch" in f), key=lambda r: (r[0], at(r[1]["at"])))
    bounced = {(c, f["bounce"]): at(f["at"]) for c, f in facts if "bounce" in f}
    return View(
        at(now),
        History(
            people=_people(contacts, latest),
            addresses=_addresses(contacts, bounced),
            consents=_consents([(c, f) for c, f in facts if {"opt_in", "opt_out", "consented"} & f.keys()]),
            holds=Holds(
                _ints(c for c, _ in holds),
                _ints(key(f["hold"]) for _, f in holds),
                _ints(key(f.get("id", f["hold"])) for _, f in holds),
                _ints(at(f["until"]) if "until" in f else HELD for _, f in holds),
            ),
            touches=_touches(touched),
            events=Events(
                _ints(e[0] for e in events),
                _ints(e[1] for e in events),
                np.array([e[2] for e in events], np.int16),
                _ints(0 for _ in events),
                np.zeros(len(events)),
            ),
            lookups=_lookups([(c, f) for c, f in facts if "screened" in f]),
            campaigns=_renames(campaigns),
        ),
        _candidates(messages or [{"category": "newsletter", **(message or {})}], contacts),
        {k: c for c in categories.values() for k in c.keys},
        _renames(renamed),
    )


def _renames(renamed: Mapping[str, str] | None) -> dict[int, int]:
    return {key(old): key(new) for old, new in (renamed or {}).items()}


def rule(kind: str, keys: Mapping[str, Any] | None = None, **carried: Any) -> Rule:
    """A rule of this kind with its own keys as YAML has them."""
    ready = (RULES[kind].Keys or Keys).model_validate(keys or {})
    return Rule(kind, ready.default_name() or kind, ready, **carried)


def asked(what: Rule, seen: View, t: str | int | None = None, row: int = 0) -> int:
    """The rule's answer for one candidate, from t (now, if not given) on."""
    start = seen.now if t is None else at(t)
    return int(RULES[what.kind].welcome_at(what, seen, np.array([row], np.int64), np.array([start], np.int64))[0])


def evidence(what: Rule, seen: View, t: str | int | None = None, row: int = 0) -> Any:
    """The push for the rule's answer."""
    start = seen.now if t is None else at(t)
    columns = ([row], [start], [asked(what, seen, start, row)])
    (push,) = RULES[what.kind].pushes(what, seen, *(np.array(c, np.int64) for c in columns))
    return push
