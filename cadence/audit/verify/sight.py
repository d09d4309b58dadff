"""What was known of a circle when something was decided: its facts up to a number, as they were laid before the rules.

`before and after` mean the numbers that facts of a circle take, not clocks (design.md section 5); only what a stop is
to have held back at the hand-over is told by when it was recorded. What a rule makes of it stands in `clauses`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cadence.audit.verify.localtime import zones_in
from cadence.audit.verify.rows import Circle, Event, Message, Person, Said, Touch
from cadence.audit.verify.terms import Terms
from cadence.facts import ENGAGEMENT, SECOND, EventKind

_SAID = (EventKind.OPT_IN, EventKind.OPT_OUT, EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT)
EVERYTHING = (EventKind.COMPLAINT, EventKind.DO_NOT_CONTACT)
WRITING = 30 * SECOND
"""Who records something may wait so long for his turn, with an instant that he took before: what was recorded earlier was
surely known."""


@dataclass(frozen=True, slots=True)
class Known:
    """Which facts were known. Those numbered above `after` and up to `until` (None: all), or recorded before an
    instant, a consent also at it: which came first isn't told then. Of those recorded in the last `doubted` microseconds
    before that only consents: all else may have been written afterwards."""

    after: int = 0
    until: int | None = None
    recorded_before: int | None = None
    doubted: int = 0

    def sees(self, fact: Event | Said) -> bool:
        """Whether an event or a statement was known."""
        if self.recorded_before is not None:
            consents = fact.kind == EventKind.OPT_IN and fact.recorded_at <= self.recorded_before
            return consents or fact.recorded_at < self.recorded_before - self.doubted
        return self.after < fact.number and (self.until is None or fact.number < self.until)

    def stands(self, touch: Touch) -> bool:
        """Whether a touch was known, and not yet withdrawn."""
        gone = touch.withdrawn_number
        if self.until is None:
            return self.after < touch.number and gone is None
        return self.after < touch.number < self.until and (gone is None or gone > self.until)


@dataclass(frozen=True, slots=True)
class Thing:
    """A message as rules see it."""

    channel: str
    category: str | None
    campaign: str | None
    tags: tuple[str, ...]
    thread: str | None
    topic: str | None
    content: str | None
    mailbox: str | None
    """Of the address that it goes to."""
    trigger_at: int | None
    about: str | None
    expires_at: int | None = None


class Sight:
    """One message, or the touch that it became, and what was known of its circle at the instant `now`."""

    def __init__(self, circle: Circle, person: Person, terms: Terms, now: int, known: Known, thing: Thing) -> None:
        self.circle = circle
        self.person = person
        self.terms = terms
        self.now = now
        self.known = known
        self.thing = thing
        self.segment: str | None = None
        self.addresses_by = now
        """Addresses that were recorded by then are known; they take no numbers."""
        self._touches: dict[bool, list[Touch]] = {}

    def surely(self) -> Sight:
        """The same without what was perhaps still being written: addresses, and facts told by when they were recorded."""
        known = replace(self.known, doubted=WRITING)
        other = Sight(self.circle, self.person, self.terms, self.now, known, self.thing)
        other.segment, other.addresses_by = self.segment, self.now - WRITING
        return other

    def of(self, person: Person) -> Sight:
        """The same for another member of the circle."""
        other = Sight(self.circle, person, self.terms, self.now, self.known, self.thing)
        other.addresses_by = self.addresses_by
        return other

    def apart(self, each: str | None) -> list[Sight]:
        """The same for each value of the message's that is counted apart: one for each of its tags, none where it has no
        value."""
        if each != "tag":
            return [self] if each is None or getattr(self.thing, each) is not None else []
        found = [copy(self) for _ in self.thing.tags]
        for one, tag in zip(found, self.thing.tags, strict=True):
            one.thing = replace(self.thing, tags=(tag,))
        return found

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The contact's possible zones; the first is the one that local days go by."""
        if self.person.zones:
            return self.person.zones
        country = self.person.country or self.terms.defaults.get("country")
        strict = self.terms.defaults.get("unknown_zone") == "strict"
        return (strict and country and zones_in(country)) or (self.terms.zone,)

    @property
    def zone(self) -> str:
        """The zone of local days and calendar periods."""
        return self.zones[0]

    @property
    def country(self) -> str | None:
        """The contact's, else the policy's."""
        return self.person.country or self.terms.defaults.get("country")

    @property
    def changed_since(self) -> bool:
        """Whether the contact's row was perhaps written after `now`, so that it may have said something else."""
        return self.changed_of(self.person.id)

    def touches(self, *, everyone: bool = False) -> list[Touch]:
        """The contact's touches, or the whole circle's, as they stood, by instant; a later one lies at `now`."""
        if everyone in self._touches:
            return self._touches[everyone]
        found = [
            t if t.at <= self.now else replace(t, at=self.now)
            for t in self.circle.touches
            if (everyone or t.contact == self.person.id) and self.known.stands(t)
        ]
        found.sort(key=lambda t: (t.at, t.number))
        self._touches[everyone] = found
        return found

    def counted(self, kind: str, says: Any) -> list[Touch]:
        """The touches that a rule counts for this message, by instant."""
        across = says.get("across", "contact")
        wide = kind in ("caps", "gap") or across != "contact"
        return [
            t
            for t in self.touches(everyone=wide)
            if (t.contact == self.person.id or (wide and self._together(across, t)))
            and self.terms.counts(kind, says, t)
            and self._same(says.get("each"), t)
        ]

    def _together(self, across: str, touch: Touch) -> bool:
        """Whether another contact's touch is counted with this one's."""
        if across in ("household", "account"):
            other, mine = self.circle.people.get(touch.contact), getattr(self.person, across)
            return other is not None and mine is not None and getattr(other, across) == mine
        if not self.thing.mailbox:
            return False
        if across == "address":
            return self.thing.mailbox in self.mailboxes(touch.contact)
        return bool(touch.mailbox == self.thing.mailbox)

    def _same(self, each: str | None, touch: Touch) -> bool:
        """Whether touch and message have the same value of what is counted apart."""
        if each is None:
            return True
        if each == "tag":
            return bool(set(touch.tags) & set(self.thing.tags))
        mine, theirs = getattr(self.thing, each), getattr(touch, each)
        if each == "category":
            mine, theirs = self.terms.now_called(mine), self.terms.now_called(theirs)
        if each == "campaign":
            mine, theirs = self.terms.campaign(mine), self.terms.campaign(theirs)
        return mine is not None and mine == theirs

    def events(self, *kinds: EventKind, contact: int | None = None) -> list[Event]:
        """What had happened by now and was known, of these kinds, by instant; a statement that lies in `consent` is one
        too."""
        who = self.person.id if contact is None else contact
        found = [
            e for e in self.circle.events.get(who, ()) if e.kind in kinds and e.at <= self.now and self.known.sees(e)
        ]
        if set(kinds) & set(_SAID):
            found += [
                Event(s.contact, s.number, s.at, s.recorded_at, s.kind, s.channel, s.category, None, 0.0, {})
                for s in self.circle.said.get(who, ())
                if s.kind in kinds and s.at is not None and s.at <= self.now and self.known.sees(s)
            ]
        return sorted(found, key=lambda e: (e.at, e.number))

    def answers(self, words: Sequence[str] | str | None = None) -> list[Event]:
        """Engagement of these kinds (default: all)."""
        if words is None:
            return self.events(*ENGAGEMENT)
        named = [words] if isinstance(words, str) else words
        return self.events(*(EventKind[w.upper()] for w in named))

    def decisive(self, contact: int, category: str | None, channel: str | None) -> Said | None:
        """The latest statement of a contact that names a category and a channel; at one instant the stop."""
        name = self.terms.now_called(category)
        found = [
            s
            for s in self.circle.said.get(contact, ())
            if self.known.sees(s) and (s.at is None or s.at <= self.now) and self._names(s, name, channel)
        ]
        first = -(2**63)
        return max(
            found,
            key=lambda s: (first if s.at is None else s.at, s.kind != EventKind.OPT_IN, s.number),
            default=None,
        )

    def _names(self, said: Said, category: str | None, channel: str | None) -> bool:
        if said.kind in EVERYTHING:
            return True
        named = said.category is None or self.terms.now_called(said.category) == category
        return named and (said.channel is None or said.channel == channel)

    def mailboxes(self, contact: int) -> set[str]:
        """The mailboxes known to be a contact's."""
        return {a.mailbox for a in self.circle.addresses if a.contact == contact and a.recorded_at <= self.addresses_by}

    def sharing_an_address(self, most: int) -> list[int]:
        """Other contacts who have a mailbox of this one's that at most so many share, or the one that this goes to."""
        sharing: dict[str, set[int]] = {}
        for address in self.circle.addresses:
            if address.recorded_at <= self.addresses_by:
                sharing.setdefault(address.mailbox, set()).add(address.contact)
        found: set[int] = set()
        for mailbox in self.mailboxes(self.person.id) | ({self.thing.mailbox} if self.thing.mailbox else set()):
            members = sharing.get(mailbox, set()) | {self.person.id}
            if len(members) <= most or mailbox == self.thing.mailbox:
                found |= members
        return sorted(found - {self.person.id})

    def belonging_together(self, scope: str) -> list[int]:
        """Other contacts of the same household or account."""
        mine = getattr(self.person, scope)
        same = [o.id for o in self.circle.people.values() if mine is not None and getattr(o, scope) == mine]
        return sorted(set(same) - {self.person.id})

    def changed_of(self, contact: int) -> bool:
        """The same of another contact of the circle."""
        other = self.circle.people.get(contact)
        return other is not None and other.recorded_at > self.now - WRITING

    def dead_address(self) -> int | None:
        """When the address that this goes to bounced hard, if it is known to have; None where it isn't, or where it
        can't be told which address it was."""
        channel = self.thing.channel
        dead: dict[str, int] = {}
        for contact in self.circle.people:
            known = [a for a in self.circle.addresses if a.contact == contact and a.channel == channel]
            for bounce in self.events(EventKind.BOUNCE_HARD, contact=contact):
                if (bounce.channel or "email") == channel:
                    hit = [bounce.subject] if bounce.subject else [a.address for a in known if a.at <= bounce.at]
                    dead.update({address: bounce.at for address in hit if address is not None})
        mine = [
            a.address
            for a in self.circle.addresses
            if a.contact == self.person.id
            and a.channel == channel
            and a.recorded_at <= self.addresses_by
            and a.mailbox == self.thing.mailbox
        ]
        return max(dead[a] for a in mine) if mine and all(a in dead for a in mine) else None


def touched(touch: Touch, message: Message | None) -> Thing:
    """What became a touch, as rules saw it: by what the touch says, and of its message what no touch keeps."""
    shared = (touch.channel, touch.category, touch.campaign, touch.tags, touch.thread, touch.topic, touch.content)
    if message is None:
        return Thing(*shared, touch.mailbox, None, None)
    return Thing(*shared, touch.mailbox, message.trigger_at, message.about, message.expires_at)


def meant(message: Message, mailbox: str | None) -> Thing:
    """A message that waits, as rules see it."""
    m = message
    shared = (m.channel, m.category, m.campaign, m.tags, m.thread, m.topic, m.content)
    return Thing(*shared, mailbox, m.trigger_at, m.about, m.expires_at)
