"""What is told of contacts, a frozen record per kind: what doors, receivers and admins hand to the store.

Nothing is checked here: addresses are normalised and zones, categories and instants are checked where they come in.
None and empty mean that the row says nothing of it, and what is known stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cadence.facts import EventKind

NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters that some database doesn't take as text: NUL, and halves of surrogate pairs."""
LONGEST_KEY: int = 300
"""Characters of what rows are found by. Two of them fit an entry of PostgreSQL's indexes, whatever the characters."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Who somebody is, how they are reached, where they live."""

    outside_id: str
    """Its id in the company's own systems; empty: known by its first address."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Normalised (`cadence.addresses.address_of`), by channel."""
    zones: tuple[str, ...] = ()
    country: str | None = None
    region: str | None = None
    locale: str | None = None
    household: str | None = None
    account: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Laid over what is known; first_name and last_name are among them."""
    hours: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    consents: tuple[tuple[str, str], ...] = ()
    """Undated opt-ins: (channel, category)."""


@dataclass(frozen=True, slots=True)
class TouchRow:
    """One attempt that somebody made to reach a contact."""

    outside_id: str
    at: int
    category: str | None = None
    channel: str = "email"
    campaign: str | None = None
    content: str | None = None
    thread: str | None = None
    topic: str | None = None
    tags: tuple[str, ...] = ()
    triggered: bool = False
    outcome: str | None = None
    source_id: str = ""
    """Its id in the system it comes from: told twice, it is one touch."""
    message: int | None = None
    """Our own message that it was the sending of: told by several systems, it is one touch."""
    address: str | None = None
    """Where it went to; None: to the contact's address on that channel."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened besides touches and consents."""

    outside_id: str
    at: int
    kind: EventKind
    source_id: str
    channel: str | None = None
    subject: str | None = None
    """A hold's kind, the id of a ticket, incident or promise, a register, the cap a contact chose, the address that
    bounced."""
    until: int | None = None
    """A hold's end, a promise's due, a snooze's end."""
    amount: float | None = None
    currency: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """`reason` and `by` of a hold, `about` of one that has an id of its own, `listed` of a look-up, ..."""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One thing that a contact said yes or no to."""

    outside_id: str
    at: int | None
    """None: undated. An opt-in then lies before everything, a stop is taken as said now."""
    kind: EventKind
    category: str | None = None
    """None: all."""
    channel: str | None = None
    """None: all."""
    source_id: str = ""
    by: str | None = None
    message: int | None = None
    """Our message that it answered."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of the rows of one call; numbers in lists are places in what was given."""

    new: int = 0
    """Rows that were written."""
    changed: int = 0
    """Rows that changed what was there."""
    repeated: int = 0
    """Rows that said what was known."""
    unknown: tuple[int, ...] = ()
    """Rows of contacts that aren't known."""
    too_late: tuple[int, ...] = ()
    """Rows more than a day ahead of now: refused."""
    kept_stopped: tuple[int, ...] = ()
    """Rows that opt in to what the contact has stopped: the stop stands."""
    ambiguous: tuple[int, ...] = ()
    """Rows without an outside id whose address several contacts have."""
    merged: int = 0
    """Circles that went into others."""
    largest_circle: int = 0
    """Contacts in the largest circle that was written to."""
    contacts: tuple[tuple[int, int], ...] = ()
    """(shard, id) of the contacts whose answers it may change: to be asked again."""
