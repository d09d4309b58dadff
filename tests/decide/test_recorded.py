"""What is told, column by column, and what is said of tellings that can't be: read over once, and recorded beside this file.

CADENCE_RECORD=1 writes there what comes now; read the difference before you commit it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import cadence
from cadence.calendar import tz_version, zone_name
from cadence.decide.api import DecidingPolicy, Misunderstood
from cadence.decide.telling import tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import HELD, NEVER, NONE, Coded, EventKind, Ragged, instant, key
from cadence.policy.moments import moment_of

NOW = "2026-03-27T12:00+01:00"
POLICY = {
    "version": 1,
    "defaults": {"timezone": "Europe/Stockholm", "country": "SE", "locale": "sv", "expires": "14d"},
    "categories": {"news": {"priority": 30}, "care": {"transactional": True}, "follow_up": {"was": ["chase"]}},
    "segments": [{"name": "everyone"}],
}
CONTACT = {
    "id": "anna",
    "addresses": {"email": "Anna+x@Example.com", "sms": "+46 70 000 00 01"},
    "timezones": ["America/New_York", "Asia/Kathmandu"],
    "country": "US",
    "region": "NY",
    "locale": "en-US",
    "household": "elm 5",
    "account": 17,
    "attributes": {"orders": 5, "name": "Anna"},
    "consents": {"email": ["news", "all"], "all": "care"},
    "hours": ["09:00-12:00", "17:00-24:00"],
    "days": ["mon", "sun"],
}
HISTORY: list[dict[str, Any]] = [
    {"at": "2026-03-02T12:00", "touch": "news", "campaign": "spring", "content": "hats", "tags": ["a", "b"], "id": 7},
    {"at": "2026-03-02T12:00", "touch": "news", "campaign": "spring", "content": "hats", "id": "7"},
    {"at": "2026-03-02T12:30", "touch": "news", "channel": "sms", "id": "7", "triggered": True},
    {"at": "2026-03-03", "touch": "chase", "thread": "t", "topic": "debt", "outcome": "answered"},
    {"at": "2026-03-03T10:00", "touch": "chase", "outcome": "voicemail"},
    {"at": "2026-03-03T11:00", "touch": "chase", "outcome": "not_connected"},
    {"at": "2026-03-29T02:30+02:00", "touch": "news", "outcome": "answered", "channel": "in_person"},
    {"at": NOW, "engagement": "purchase", "amount": 12.5, "currency": "SEK"},
    {"at": "2026-03-01T12:00", "engagement": "purchase", "amount": 7, "currency": "SEK", "channel": "email"},
    {"at": "2026-03-28T12:00+01:00", "engagement": "purchase", "amount": 100},
    {"at": "2026-03-04T12:00", "engagement": "click", "channel": "email"},
    {"at": "2026-03-04T12:01", "open": True},
    {"at": "2026-03-05T12:00", "conversation": True, "channel": "phone"},
    {"at": "2026-03-05T13:00", "inquiry": True},
    {"at": "2026-03-05T14:00", "refusal": True},
    {"at": "2026-03-06T12:00", "opt_in": "news", "channel": "sms"},
    {"at": "2026-03-06T12:00", "opt_out": "news", "channel": "sms"},
    {"at": "2026-03-06T12:00", "opt_in": "email"},
    {"at": "2026-03-06T12:30", "opt_out": "all", "channel": "push"},
    {"at": "2026-03-06T13:00", "do_not_contact": True},
    {"at": "2026-03-06T14:00", "complaint": True, "channel": "email"},
    {"at": "2026-03-07T12:00", "bounce": "hard"},
    {"at": "2026-03-07T13:00", "bounce": "hard", "channel": "email"},
    {"at": "2026-03-07T14:00", "bounce": "hard", "channel": "post"},
    {"at": "2026-03-07T15:00", "bounce": "soft", "channel": "sms"},
    {"at": "2026-03-08T12:00", "hold": "bereavement"},
    {"at": "2026-03-08T12:00", "hold": "manual", "id": "a", "until": "2026-03-27"},
    {"at": "2026-03-08T12:00", "hold": "manual", "id": "b"},
    {"at": "2026-03-08T12:00", "hold": "manual", "id": "c", "until": "2026-03-26"},
    {"at": "2026-03-08T12:00", "hold": "legal", "id": "d"},
    {"at": "2026-03-08T12:00", "hold": "manual", "id": "e", "until": NOW},
    {"at": "2026-03-08T13:00", "release": "manual", "id": "b"},
    {"at": "2026-03-08T13:00", "release": "legal"},
    {"at": "2026-03-09T12:00", "incident": "I-1"},
    {"at": "2026-03-09T12:00", "incident": "I-2"},
    {"at": "2026-03-09T13:00", "incident_resolved": "I-2"},
    {"at": "2026-03-09T12:00", "ticket": "opened", "id": "T-1"},
    {"at": "2026-03-09T13:00", "ticket": "answered", "id": "T-1"},
    {"at": "2026-03-09T12:00", "ticket": "opened", "id": "T-2"},
    {"at": "2026-03-09T13:00", "ticket": "solved", "id": "T-2"},
    {"at": "2026-03-10T12:00", "promise": "made", "id": "P-1", "due": "2026-03-20"},
    {"at": "2026-03-10T12:00", "promise": "made", "id": "P-2", "due": "2026-03-27"},
    {"at": "2026-03-10T12:00", "promise": "made", "id": "P-3", "due": "2026-03-20"},
    {"at": "2026-03-11T12:00", "promise": "kept", "id": "P-3"},
    {"at": "2026-03-10T12:00", "promise": "made", "id": "P-4", "due": "2026-03-20"},
    {"at": "2026-03-21T12:00", "promise": "broken", "id": "P-4"},
    {"at": "2026-03-11T12:00", "promise": "kept", "id": "P-8"},
    {"at": "2026-03-11T12:00", "incident_resolved": "I-8"},
    {"at": "2026-03-11T12:00", "ticket": "solved", "id": "T-8"},
    {"at": "2026-03-11T12:00", "release": "unheard"},
    {"at": "2026-03-12T12:00", "snooze": "1mo"},
    {"at": "2026-03-13T12:00", "snooze": "2026-04-01"},
    {"at": "2026-03-12T12:00", "less_often": "1 per 30d"},
    {"at": "2026-03-13T12:00", "less_often": "2 per calendar month"},
    {"at": "2026-03-14T12:00", "screened": {"register": "nix", "listed": True}},
    {"at": "2026-03-14T12:00", "screened": {"register": "nix", "listed": False}},
]
CIRCLE = [
    {
        "contact": {
            "id": "bo",
            "addresses": {"email": "anna@example.com"},
            "account": 3,
            "country": "UA",
            "locale": "uk",
        },
        "shares": ["household"],
        "history": [{"at": "2026-03-02T12:00", "touch": "news"}, {"at": "2026-03-02T13:00", "opt_out": "all"}],
    },
    {"contact": {"id": "cy", "timezone": "Asia/Tokyo", "household": "oak 1"}, "shares": ["account"]},
]
MESSAGES: list[dict[str, Any]] = [
    {"category": "news", "id": "10", "at": "2026-03-20T12:00", "campaign": "spring", "content": "hats", "tags": "a"},
    {"category": "care", "id": "9", "channel": "sms", "value": 2.5, "about": "I-1", "thread": "t", "topic": "debt"},
    {
        "category": "follow_up",
        "id": "b",
        "expires": "2026-03-28",
        "trigger": {"kind": "cart", "at": "2026-03-26T12:00"},
    },
    {"category": "follow_up", "channel": "post", "priority": 0, "expires": "1mo"},
]
WORDS = {key(w): w for w in ("news", "care", "follow_up", "chase", "spring", "hats", "t", "debt", "a", "b", "c", "email",
         "sms", "phone", "post", "push", "in_person", "elm 5", "17", "3", "oak 1", "nix", "I-1", "T-1", "P-1", "bereavement",
         "manual", "incident", "ticket", "promise", "legal", "the household they share", "anna@example.com",
         "Anna+x@Example.com", "anna+x@example.com", "+46700000001")} | {NONE: "none", NEVER: "never", HELD: "held"}  # fmt: skip


def shown(value: Any) -> str:
    """One entry of a column: a word for a key, a text for an instant."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, EventKind):
        return plain.word
    if isinstance(plain, int) and not isinstance(plain, bool):
        if plain in WORDS:
            return WORDS[plain]
        if 1_700_000_000_000_000 < plain < 1_900_000_000_000_000:
            return instant(plain).isoformat()
    return str(plain)


def columns(value: Any, name: str) -> Iterator[str]:
    """All columns of what was told, a line each."""
    if isinstance(value, Ragged):
        rows = [value.values[a:b].tolist() for a, b in zip(value.start[:-1], value.start[1:], strict=True)]
        if name.endswith("zones"):  # the codes are the release's
            rows = [[zone_name(code) for code in row] for row in rows]
        yield f"{name} ({value.values.dtype}): {[[shown(v) for v in row] for row in rows]}"
    elif isinstance(value, Coded):
        yield f"{name} ({value.codes.dtype}): {[value.text(i) for i in range(len(value.codes))]}"
    elif is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            yield from columns(getattr(value, f.name), f"{name}.{f.name}" if name else f.name)
    elif isinstance(value, dict):
        for k, inner in value.items():
            yield from columns(inner, f"{name}[{shown(k)}]")
    elif hasattr(value, "dtype"):
        yield f"{name} ({value.dtype}): {', '.join(shown(v) for v in value)}"
    else:
        yield f"{name}: {value if not isinstance(value, int) else shown(value)}"


def recorded(name: str, lines: list[str]) -> list[str]:
    """What is recorded under this name."""
    page = Path(__file__).parent / "recorded" / f"{name}.txt"
    if os.environ.get("CADENCE_RECORD"):
        page.parent.mkdir(exist_ok=True)
        page.write_text("\n".join(lines) + "\n", "utf-8")
    return page.read_text("utf-8").splitlines()


def test_every_column_of_what_is_told_is_what_was_read_over() -> None:
    now = moment_of(NOW)
    assert now is not None
    told = tell(
        cadence.policy_of(POLICY).policy,
        ToldContact.model_validate(CONTACT),
        [ToldEvent.model_validate(e) for e in HISTORY],
        [ToldMessage.model_validate(m) for m in MESSAGES],
        now,
        [ToldMember.model_validate(m) for m in CIRCLE],
    )
    lines = list(columns(told, ""))
    assert lines == recorded("columns", lines)


@pytest.fixture(scope="module")
def policy() -> DecidingPolicy:
    return cadence.policy_of(POLICY)


AT = {"at": "2026-03-02T12:00"}
WRONG: dict[str, dict[str, Any]] = {
    f"contact {contact}": {"contact": contact}
    for contact in (
        {"timezone": "Europe/Stokholm"}, {"timezone": "UTC", "timezones": ["UTC"]}, {"timezones": []}, {"country": "XX"},
        {"id": ""}, {"id": True}, {"household": 1.5}, {"addresses": {"email": "nobody"}}, {"addresses": {"sms": "x"}},
        {"addresses": {"mail": "a@example.com"}}, {"consents": {"email": [""]}}, {"consents": {"email": 3}},
        {"consents": {"mail": ["news"]}}, {"hours": ["9-12"]}, {"hours": ["12:00-09:00"]}, {"hours": ["09:00"]},
        {"hours": "09:00-12:00"}, {"hours": ["24:00-24:00"]}, {"hours": ["09:60-12:00"]}, {"hours": ["09:00-24:01"]},
        {"days": ["monday"]}, {"days": "mon"}, {"days": ["xyzzy"]}, {"day": ["mon"]}, {"region": ""},
        {"country": None, "colour": "red"}, {"attributes": {1: 2}}, {"attributes": {"size": {2: "x"}}}, {7: "x"},
        {"attributes": {None: 1}}, {"attributes": {"sizes": [0, {1: 2}]}}, {"addresses": {"email": {"a"}}}, {"attributes": {"born": {"a"}}},
    )
} | {
    f"event {event}": {"history": [AT | event]}
    for event in (
        {}, {"touch": "news", "open": True}, {"touch": ""}, {"touch": "news", "amount": 3}, {"engagement": "clack"},
        {"engagement": "click", "amount": 3}, {"engagement": "purchase", "amount": float("inf")}, {"open": False},
        {"opt_out": "sms", "channel": "email"}, {"opt_in": "sms", "channel": "email"}, {"bounce": "heavy"},
        {"hold": "manual", "due": "2026-03-05"}, {"ticket": "opened"}, {"promise": "kept"}, {"promise": "made", "id": 1},
        {"incident": ""}, {"incident": "a", "id": "b"}, {"snooze": "soon"}, {"snooze": 3}, {"less_often": "seldom"},
        {"less_often": "0 per 7d"}, {"less_often": "1 per 7x"}, {"less_often": "1234567 per 7d"}, {"less_often": "1 per "},
        {"less_often": "-1 per 7d"}, {"less_often": "1.5 per 7d"}, {"less_often": 7}, {"less_often": "NONE"}, {"less_often": "3 weekly"}, {"less_often": "3"},
        {"less_often": "123456 per 7d"}, {"open": True, "amount": 3, "due": "2026-03-05"},
        {"less_often": "\u0663 per 7d"}, {"less_often": "\u00b3 per 7d"}, {"less_often": " per 7d"}, {"ticket": "solved"},
        {"screened": {"register": "nix"}}, {"screened": {"register": "", "listed": True}}, {"touch": "news", "at": "then"},
        {"touch": "news", "at": 3}, {"touch": "news", "tags": [""]}, {"touch": "news", "outcome": "lost"}, {"touched": "x"},
    )
} | {
    f"message {message}": {"message": {"category": "news"} | message}
    for message in (
        {"category": "newz"}, {"category": ""}, {"channel": "fax"}, {"expires": "later"}, {"expires": 14}, {"tags": 1},
        {"priority": float("nan")}, {"value": "much"}, {"trigger": {"kind": "cart"}}, {"trigger": "cart"}, {"to": "x"},
    )
} | {
    f"now {now!r}": {"now": now} for now in ("soon", None, "2026-13-01T10:00", True)
} | {
    "member": {"circle": [{"contact": {}, "shares": ["address"]}]},
    "member's event": {"circle": [{"contact": {}, "history": [AT]}]},
    "a set": {"contact": {"attributes": {"x"}}},
}  # fmt: skip


def test_the_words_for_every_telling_that_can_not_be_are_those_that_were_read_over(policy: DecidingPolicy) -> None:
    lines = []
    for name, change in WRONG.items():
        try:
            said = policy.decide(**{"contact": {}, "message": {"category": "news"}, "now": NOW} | change)
            lines.append(f"{name}: {said.verdict}")
        except Misunderstood as wrong:
            lines.append(f"{name}: {str(wrong).replace(tz_version(), 'TZ')}")
    assert lines == recorded("wrong", lines)


def test_what_python_gives_means_what_texts_mean(policy: DecidingPolicy) -> None:
    """Datetimes, dates, tuples and nested mappings."""
    now = datetime(2026, 3, 27, 11, tzinfo=UTC)
    question = {
        "contact": {"consents": {"email": ("news",)}, "timezone": "Europe/Stockholm"},
        "history": [{"at": datetime(2026, 3, 2, 11, tzinfo=UTC), "snooze": now.date()}],
        "message": {"category": "news"},
    }
    texts = {**question, "history": [{"at": "2026-03-02T12:00+01:00", "snooze": "2026-03-27"}]}
    decision = policy.decide(**question, now=now)
    assert decision == policy.decide(**texts, now=NOW)
    assert decision.until is not None
    assert decision.until.isoformat() == "2026-03-27T23:00:00+00:00"
