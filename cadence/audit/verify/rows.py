"""The rows that the verifier judges, as the record has them. Where they are read stands in `record`; nothing is judged here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """A contact's row, as it stands today."""

    id: int
    zones: tuple[str, ...]
    country: str | None
    region: str | None
    locale: str | None
    household: str | None
    account: str | None
    attributes: dict[str, Any]
    hours: tuple[str, ...]
    days: tuple[str, ...]
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Touch:
    """One attempt, ours or told of."""

    id: int
    contact: int
    number: int
    at: int
    recorded_at: int
    channel: str
    category: str | None
    campaign: str | None
    thread: str | None
    topic: str | None
    content: str | None
    mailbox: str | None
    triggered: bool
    tags: tuple[str, ...]
    outcome: str | None
    message: int | None
    source: str
    source_id: str
    withdrawn_at: int | None
    withdrawn_number: int | None

    @property
    def ours(self) -> bool:
        """Whether the engine itself decided it."""
        return self.source == "cadence" and self.message is not None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a contact besides touches and consents."""

    contact: int
    number: int
    at: int
    recorded_at: int
    kind: int
    channel: str | None
    subject: str | None
    until: int | None
    amount: float
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A consent or a stop. at: None is undated."""

    contact: int
    number: int
    at: int | None
    recorded_at: int
    kind: int
    category: str | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a contact."""

    contact: int
    channel: str
    address: str
    mailbox: str
    at: int
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer that was written down."""

    id: int
    circle: int
    contact: int
    message: int
    at: int
    verdict: int
    until: int | None
    rule: str | None
    policy: str
    segment: str | None
    seen_number: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands today."""

    id: int
    contact: int
    state: str
    due_at: int | None
    until: int | None
    rule: str | None
    asked_at: int | None
    ask_because: str | None
    created_at: int
    recorded_at: int
    expires_at: int | None
    campaign: str | None
    channel: str
    category: str
    content: str | None
    thread: str | None
    topic: str | None
    tags: tuple[str, ...]
    trigger_at: int | None
    priority: float | None
    about: str | None
    decision: int | None
    decided_at: int | None
    touch: int | None
    hand_over_at: int | None
    attempts: int
    provider: str | None
    doubt_at: int | None
    outcome_at: int | None
    because: str | None
    released_at: int | None
    revives: int | None

    @property
    def changed_at(self) -> int:
        """When it became what it is, as far as its row tells."""
        steps = (self.asked_at, self.decided_at, self.hand_over_at, self.doubt_at, self.outcome_at, self.released_at)
        return max(self.recorded_at, *(at for at in steps if at is not None), 0)


@dataclass
class Circle:
    """All that is on record of the contacts that may not be decided apart. Rows are in the order of their numbers."""

    shard: int
    id: int
    shifts: dict[int, int] = field(default_factory=dict)
    """By circle that went into this one, what its numbers grew by."""
    people: dict[int, Person] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    events: dict[int, list[Event]] = field(default_factory=lambda: defaultdict(list))
    said: dict[int, list[Said]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[int, Message] = field(default_factory=dict)
    decisions: dict[int, Decision] = field(default_factory=dict)

    def as_of(self, at: int) -> Circle:
        """What had been written down by an instant. Messages are what they have become since: what they were isn't kept."""
        touches = [
            t if (t.withdrawn_at or 0) <= at else replace(t, withdrawn_at=None, withdrawn_number=None)
            for t in self.touches
            if t.recorded_at <= at
        ]
        return replace(
            self,
            addresses=[a for a in self.addresses if a.recorded_at <= at],
            touches=touches,
            events=defaultdict(list, {c: [e for e in told if e.recorded_at <= at] for c, told in self.events.items()}),
            said=defaultdict(list, {c: [s for s in told if s.recorded_at <= at] for c, told in self.said.items()}),
            messages={id_: m for id_, m in self.messages.items() if m.recorded_at <= at},
            decisions={id_: d for id_, d in self.decisions.items() if d.at <= at},
        )
