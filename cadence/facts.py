"""What is known: contacts, messages, touches, events, consents and holds, as columns, and the vocabulary they are
told in.

This module is the ground floor. It knows no rule, no policy, no table and no clock; everything above it speaks its
words. Columns are numpy arrays. Instants are int64 microseconds since 1970-01-01 UTC. Names (of categories, channels,
campaigns...) are int64 keys made by `key`, so that columns from anywhere can be compared without a shared dictionary;
0 is "has none".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NEVER: int = 2**63 - 1
"""Later than every instant and than HELD: this will not become welcome."""
HELD: int = NEVER - 1
"""Later than every instant: not yet known, until something ends."""
NONE: int = -(2**63)
"""No instant: it never happened. Lies before everything."""

SECOND: int = 1_000_000
MINUTE: int = 60 * SECOND
HOUR: int = 60 * MINUTE
DAY: int = 24 * HOUR
FIVE_YEARS: int = (5 * 365 + 2) * DAY
"""How far ahead a welcome instant is looked for before the answer is NEVER (design.md section 3)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=65_536)
def key(name: str | None) -> int:
    """The int64 key of a name: stable over processes and releases, positive, and 0 for None or an empty text."""
    if not name:
        return 0
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1 or 1


def micros(instant: datetime) -> int:
    """An aware datetime as microseconds since 1970 UTC. Raises ValueError for a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone; say which, for example {instant.isoformat()}+00:00")
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """Microseconds since 1970 UTC as an aware datetime. Raises ValueError for NEVER, HELD and NONE, which are no
    instants."""
    if at in (NEVER, HELD, NONE):
        raise ValueError("never, held and none are no instants")
    return _EPOCH + timedelta(microseconds=at)


class Verdict(IntEnum):
    """The three answers of a decision."""

    SEND = 0
    DEFER = 1
    SUPPRESS = 2

    @property
    def word(self) -> str:
        """As people and JSON read it: `send`, `defer`, `suppress`."""
        return self.name.lower()


class EventKind(IntEnum):
    """What can happen to a contact besides a touch. The numbers are stored: never change one, only add."""

    REPLY = 1
    CLICK = 2
    VISIT = 3
    PURCHASE = 4
    CALL_ANSWERED = 5
    CONVERSATION = 6
    INQUIRY = 7
    REFUSAL = 8
    OPEN = 9
    OPT_IN = 10
    OPT_OUT = 11
    COMPLAINT = 12
    DO_NOT_CONTACT = 13
    BOUNCE_HARD = 14
    BOUNCE_SOFT = 15
    HOLD = 16
    RELEASE = 17
    INCIDENT = 18
    INCIDENT_RESOLVED = 19
    TICKET_OPENED = 20
    TICKET_ANSWERED = 21
    TICKET_SOLVED = 22
    PROMISE_MADE = 23
    PROMISE_KEPT = 24
    PROMISE_BROKEN = 25
    SNOOZE = 26
    LESS_OFTEN = 27
    SCREENED = 28

    @property
    def word(self) -> str:
        """As policies and files write it, for example `call_answered`."""
        return self.name.lower()


ENGAGEMENT: tuple[EventKind, ...] = (
    EventKind.REPLY,
    EventKind.CLICK,
    EventKind.VISIT,
    EventKind.PURCHASE,
    EventKind.CALL_ANSWERED,
    EventKind.CONVERSATION,
    EventKind.INQUIRY,
)
"""What counts as an answer of the contact. Opens are not among them: machines open mail too."""

CHANNELS: tuple[str, ...] = ("email", "sms", "push", "phone", "post", "in_person")
CHANNEL_KEYS: Mapping[int, str] = {key(c): c for c in CHANNELS}


class TouchOutcome(StrEnum):
    """What became of one attempt to reach a person; on the phone also how the call went."""

    SENT = "sent"
    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"
    WITHDRAWN = "withdrawn"


class HoldKind(StrEnum):
    """The kinds of hold the engine itself opens; companies name further ones."""

    TICKET = "ticket"
    INCIDENT = "incident"
    PROMISE = "promise"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Ragged:
    """A column of lists: row i holds values[start[i]:start[i + 1]]. start is int64[n + 1]."""

    start: Ints
    values: npt.NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], dtype: npt.DTypeLike = np.int64) -> Ragged:
        """Lists of numbers as a ragged column of the given dtype."""
        start = np.zeros(len(rows) + 1, np.int64)
        if rows:
            np.cumsum([len(r) for r in rows], out=start[1:])
        return cls(start, np.array([v for r in rows for v in r], dtype))

    def __len__(self) -> int:
        return len(self.start) - 1

    def row(self, i: int) -> npt.NDArray[Any]:
        """The values of row i."""
        return self.values[self.start[i] : self.start[i + 1]]

    def take(self, rows: Ints) -> Ragged:
        """The same column for these rows, in this order."""
        index, start = expand(self.start[:-1][rows], self.start[1:][rows])
        return Ragged(start, self.values[index])

    def owner(self) -> Ints:
        """For each value the row it belongs to, int64[len(values)]."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.start))


def expand(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """All indices of the half-open ranges [begin[i], end[i]), one after another, and where each range starts
    (int64[n + 1])."""
    lengths = end - begin
    start = np.zeros(len(begin) + 1, np.int64)
    np.cumsum(lengths, out=start[1:])
    index = np.arange(start[-1], dtype=np.int64) + np.repeat(begin - start[:-1], lengths)
    return index, start


def starts(owner: Ints, n: int) -> Ints:
    """Where the rows of each owner begin in a column that is sorted by owner (0 to n - 1): int64[n + 1]."""
    start = np.zeros(n + 1, np.int64)
    if len(owner):
        last = np.append((owner[1:] != owner[:-1]).nonzero()[0], len(owner) - 1)
        start[owner[last] + 1] = last + 1
        np.maximum.accumulate(start, out=start)
    return start


def among(column: npt.NDArray[np.integer[Any]], values: Iterable[int]) -> Bools:
    """Which rows of a column hold one of a few values: bool[n]."""
    found = np.zeros(len(column), np.bool_)
    for value in values:
        found |= column == value
    return found


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts: codes int32[n] into names; -1 is missing."""

    codes: Codes
    names: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Coded:
        """Texts (None: missing) as codes into the sorted distinct ones."""
        names = tuple(sorted({t for t in texts if t is not None}))
        at = {n: i for i, n in enumerate(names)}
        return cls(np.array([-1 if t is None else at[t] for t in texts], np.int32), names)

    def __len__(self) -> int:
        return len(self.codes)

    def text(self, i: int) -> str | None:
        """The text of row i, or None."""
        code = int(self.codes[i])
        return None if code < 0 else self.names[code]


Column = Floats | Coded | npt.NDArray[np.object_]
"""An attribute of contacts: float64 (NaN missing), coded texts, or any Python values (None missing; lists, dates,
booleans)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a contact asked for themselves: a cap they chose, and the hours and days that suit them."""

    less_often: tuple[int, str] | None = None
    """max and window text, for example (1, "30d")."""
    hours: tuple[tuple[int, int], ...] = ()
    """Half-open ranges of minutes of the local day; 1440 is midnight at its end."""
    days: frozenset[int] = frozenset()
    """Weekdays, Monday is 0; empty is any."""


@dataclass(frozen=True, slots=True)
class People:
    """The contacts of the circles at hand, sorted by circle: all members of each circle, written to or not. n rows."""

    id: Ints
    circle: Codes
    """Row of the circle, 0.. in order; contacts of one circle are neighbours."""
    zones: Ragged
    """int32 indices of `calendar.zone_index`; the first is the one local days and calendar periods go by. Never empty:
    whoever builds this column puts in the policy's default."""
    country: Coded
    region: Coded
    locale: Coded
    household: Ints
    """Key of the household, 0 without."""
    account: Ints
    wish: Codes
    """Row in `wishes`, -1 without."""
    wishes: tuple[Wish, ...]
    snooze_until: Ints
    """NONE without."""
    attributes: Mapping[str, Column]
    """Given attributes, by name: those the policy mentions, or all."""
    orders: Ints
    """Purchases ever, up to now."""
    spend: Floats
    """Their amounts, summed, ever."""
    first_purchase: Ints
    """NONE where there is none."""
    latest: Mapping[EventKind, Ints]
    """The latest event of each kind up to now, NONE where there is none; kinds left out never happened to anyone
    here."""

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of those contacts, sorted by contact."""

    contact: Ints
    """Row in People."""
    channel: Ints
    address: Ints
    """Of the address as it is written to (normalised), its `passing_key`, or the `key` of all: a hard bounce stops this one."""
    mailbox: Ints
    """Key of the mailbox behind it in any spelling: who shares it is one person to evasion, caps and gap."""
    bounced_at: Ints
    """When it bounced hard, NONE if it didn't."""


@dataclass(frozen=True, slots=True)
class Consents:
    """What contacts have said, sorted by contact, then in the order of language.md section 5 (at, stops last at one
    instant).

    A complaint and a do-not-contact stand here as stops that name everything. Undated ones lie at NONE."""

    contact: Ints
    at: Ints
    given: Bools
    """True for an opt-in, False for a stop."""
    category: Ints
    """Key, 0 for all."""
    channel: Ints
    """Key, 0 for all."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What holds marketing now, sorted by contact: open tickets and incidents, overdue promises, holds by hand."""

    contact: Ints
    kind: Ints
    """Key of the kind: ticket, incident, promise, manual, or what the company calls it."""
    about: Ints
    """Key of its id, or of its kind where it has none: a message `about` it is not held by it."""
    until: Ints
    """When it ends by itself; HELD where that isn't known."""


@dataclass(frozen=True, slots=True)
class Touches:
    """Attempts to reach those contacts, recorded by now and not withdrawn, sorted by contact, then at, then number."""

    id: Ints
    contact: Ints
    at: Ints
    channel: Ints
    category: Ints
    campaign: Ints
    thread: Ints
    topic: Ints
    content: Ints
    mailbox: Ints
    """Key of the mailbox it went to, 0 where unknown."""
    triggered: Bools
    tags: Ragged

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Ints) -> Touches:
        """The same columns for these rows."""
        return Touches(
            **{
                name: getattr(self, name).take(rows) if name == "tags" else getattr(self, name)[rows]
                for name in self.__slots__
            }
        )


@dataclass(frozen=True, slots=True)
class Events:
    """Engagement and other events of those contacts up to now, sorted by contact, then at, then number.

    Consents, stops and holds are not here: what stands of them is in Consents and Holds."""

    contact: Ints
    at: Ints
    kind: npt.NDArray[np.int16]
    channel: Ints
    amount: Floats
    """Of a purchase, else 0."""

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Lookups:
    """Look-ups of those contacts in registers that outsiders keep, up to now, sorted by contact, then at; of those at
    one instant the ones that found them come last."""

    contact: Ints
    at: Ints
    register: Ints
    """Key of the register's name."""
    listed: Bools
    """Whether the contact stood on it."""

    @classmethod
    def none(cls) -> Lookups:
        """No look-up at all."""
        empty = np.zeros(0, np.int64)
        return cls(empty, empty, empty, np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Messages to be decided, and, with `due` False, those that wait besides (arbitration looks at them)."""

    id: Ints
    contact: Ints
    """Row in People."""
    channel: Ints
    category: Ints
    campaign: Ints
    thread: Ints
    topic: Ints
    content: Ints
    tags: Ragged
    address: Ints
    """Of the address it would go to, as in Addresses; 0 where the contact has none on that channel."""
    mailbox: Ints
    trigger_at: Ints
    """When what triggered it happened, NONE for a message without a trigger."""
    priority: Floats
    value: Floats
    expires_at: Ints
    """NEVER without."""
    created_at: Ints
    about: Ints
    """Key of the hold it is about, 0 without."""
    released: Bools
    """An admin let it pass the rules that a release may pass."""
    due: Bools
    due_at: Ints
    """When one that isn't due will be asked: it goes no earlier. Not looked at where `due`."""

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Ints) -> Candidates:
        """The same columns for these rows."""
        return replace(
            self,
            **{
                name: getattr(self, name).take(rows) if name == "tags" else getattr(self, name)[rows]
                for name in self.__slots__
            },
        )


@dataclass(frozen=True, slots=True)
class History:
    """All that a decision may see of the circles at hand, recorded by now."""

    people: People
    addresses: Addresses
    consents: Consents
    holds: Holds
    touches: Touches
    events: Events
    lookups: Lookups = field(default_factory=Lookups.none)
    campaigns: Mapping[int, int] = field(default_factory=dict)
    """Of campaigns that were renamed, by the key of each of their names, the one that all of them count by."""


@dataclass(frozen=True, slots=True)
class Push:
    """One rule's last answer on the way to the welcome instant: a line of evidence."""

    rule: str
    kind: str
    welcome_at: int
    """An instant, HELD or NEVER."""
    touches: tuple[int, ...] = ()
    """Ids of the touches that fill its window."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """The figures its sentence needs: plain numbers and texts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one candidate's decision came to, before it is written down."""

    message: int
    verdict: Verdict
    welcome_at: int
    """The welcome instant; HELD or NEVER."""
    rule: str | None
    """The binding rule's name; None for a send that nothing pushed."""
    pushes: tuple[Push, ...]
    watched: tuple[Push, ...] = ()
    """What rules that only watch would have answered."""


def columns_of(rows: Iterable[Mapping[str, Any]], names: Sequence[str], missing: int = 0) -> dict[str, Ints]:
    """int64 columns out of mappings, by name; a row without a name holds `missing`."""
    listed = list(rows)
    return {name: np.array([r.get(name, missing) for r in listed], np.int64) for name in names}
