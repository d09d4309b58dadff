"""The rule `evasion`: a stop can't be got round through somebody who is the same person to us. Always on over addresses;
further as a policy says.

Contacts who share a mailbox are one person here, unless too many share it; those of a household or an account are where
a rail's `scope` names it. The contact's own stops are the rule consent's. No stop is kept by brand, so each reaches the
messages of all brands as it is, and the scope `brands` adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field

from cadence.facts import NEVER, NONE, Bools, Ints, Push, expand
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Category, Count, Remarks, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.statements import decisive, groups
from cadence.rules.view import View

KIND = "evasion"
ALWAYS_ON = True
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True

SHARED_BY = 3
"""An address that more contacts share is an office's, not a person's."""
Scope = Literal["addresses", "household", "account", "brands"]
Pairs = tuple[Ints, Ints]
"""Places of candidates, and what belongs to each of them; one may stand several times."""


def _always_addresses(scope: tuple[Scope, ...]) -> tuple[Scope, ...]:
    if not scope:
        raise ValueError("the scope names nothing; leave it out, or name household, account or brands")
    return tuple(dict.fromkeys(("addresses", *scope)))


class Keys(Base):
    """How far a stop reaches beyond the contact who said it."""

    scope: Annotated[
        tuple[Scope, ...], Field(json_schema_extra={"minItems": 1}), AfterValidator(_always_addresses), Stricter.MORE
    ] = ("addresses",)
    """Over what: always addresses; household, account and brands besides."""
    shared_by: Annotated[Count, Stricter.MORE] = SHARED_BY
    """So many contacts may share an address and still be taken for one person."""

    @classmethod
    def always_on(cls, rails: Sequence[Base]) -> Self:
        """Over addresses; of several rails that say how many may share one, the strictest goes."""
        said = [r.shared_by for r in rails if isinstance(r, Keys) and "shared_by" in r.model_fields_set]
        return cls(shared_by=max(said, default=SHARED_BY))

    def asked(self, in_segment: bool) -> Self | None:
        """A rail is asked for its further scopes only. A segment's over addresses too where it says who shares them."""
        further = tuple(s for s in self.scope if s not in ("addresses", "brands"))
        if in_segment and "shared_by" in self.model_fields_set:
            further = ("addresses", *further)
        return self.model_copy(update={"scope": further}) if further else None

    @property
    def over_accounts(self) -> bool:
        """Whether who shares an account must be in one circle."""
        return "account" in self.scope

    def remarks(self) -> Remarks:
        """A scope that adds nothing."""
        if "brands" not in self.scope:
            return []
        every = "no stop is kept by brand, so each reaches the messages of all brands already, as far as it names them"
        return [(("scope",), f"the scope brands adds nothing: {every}")]

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """Who shares an address is said for everyone, not for some."""
        if rule is None or rule.segment is not None or "shared_by" not in self.model_fields_set:
            return []
        if rule.filters.everything and not rule.excluded and not (rule.where or rule.in_force or rule.only_watch):
            return []
        return [
            (
                ("shared_by",),
                "shared_by goes for everyone and always; write it into a rail without filters or conditions",
            )
        ]


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t where no stop of another who is the same person to us reaches this message, else NEVER."""
    at = t.copy()
    if view.history.consents.given.all():
        return at
    stopped = list(_stopped(view, rows))
    for shared, (place, group) in _sharing(rule, view, rows):
        mine = view.candidates.contact[rows[place]]
        for places, stop in stopped if len(place) else ():
            others = shared.count(stop)[group] - (stop[mine] & shared.has(mine, group))
            at[place[(others > 0) & np.isin(place, places)]] = NEVER
    return at


def _stopped(view: View, rows: Ints) -> Iterator[tuple[Ints, Bools]]:
    """For each kind of message: which places of `rows` are that, and which contacts' stop names it, bool[contacts]."""
    for category, channel, places in groups(view, rows):
        yield places, _stops(view, decisive(view, category, channel))


def _stops(view: View, statement: Ints) -> Bools:
    stop: Bools = statement >= 0
    stop[stop] = ~view.history.consents.given[statement[stop]]
    return stop


@dataclass(frozen=True, slots=True)
class _Shared:
    """Contacts by what they share: those of group g are contact[start[g]:start[g + 1]], ascending."""

    start: Ints
    contact: Ints

    @classmethod
    def of(cls, group: Ints, contact: Ints) -> _Shared:
        """From pairs of a group and a contact, each once, by group and contact; groups are numbered from 0."""
        most = int(group[-1]) + 1 if len(group) else 0
        return cls(np.searchsorted(group, np.arange(most + 1)).astype(np.int64), contact)

    @property
    def group(self) -> Ints:
        """The group of each entry of `contact`."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int64), np.diff(self.start))

    def count(self, chosen: Bools) -> Ints:
        """How many of each group are among these contacts."""
        before = np.append(0, np.cumsum(chosen[self.contact]))
        return np.asarray(before[self.start[1:]] - before[self.start[:-1]], np.int64)

    def has(self, contact: Ints, group: Ints) -> Bools:
        """Whether each of these contacts is in that group, which is one there is."""
        wide = int(self.contact.max()) + 2
        entries = self.group * wide + self.contact
        wanted = group * wide + np.minimum(contact, wide - 1)
        place = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
        return np.asarray(entries[place] == wanted, np.bool_)

    def groups_of(self, contact: Ints) -> Pairs:
        """Pairs of a place in `contact` and a group that this one is in."""
        order = np.argsort(self.contact, kind="stable")
        owner, group = self.contact[order], self.group[order]
        index, bounds = expand(np.searchsorted(owner, contact, "left"), np.searchsorted(owner, contact, "right"))
        return np.repeat(np.arange(len(contact), dtype=np.int64), np.diff(bounds)), group[index]


def _sharing(rule: Rule, view: View, rows: Ints) -> Iterator[tuple[_Shared, Pairs]]:
    """For each scope of the rule: who shares what, and through what of it a stop may reach each of these messages."""
    for scope in rule.keys.scope:
        if scope == "addresses":
            mailbox, shared = view.remember("evasion.mailboxes", lambda: _mailboxes(view))
            yield shared, _through_mailboxes(int(rule.keys.shared_by), view, rows, mailbox, shared)
        else:
            shared = view.remember(("evasion", scope), partial(_members, view, scope))
            yield shared, shared.groups_of(view.candidates.contact[rows])


def _members(view: View, scope: str) -> _Shared:
    """Who belongs to one household or account, each of at least two; a group lies within a circle."""
    shared, circle = getattr(view.people, scope), view.people.circle
    rows = np.flatnonzero(shared != 0)
    rows = rows[np.lexsort((rows, shared[rows], circle[rows]))]
    new = np.ones(len(rows), bool)
    new[1:] = (circle[rows[1:]] != circle[rows[:-1]]) | (shared[rows[1:]] != shared[rows[:-1]])
    group = np.cumsum(new) - 1
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    return _Shared.of(np.unique(group[several], return_inverse=True)[1].astype(np.int64), rows[several])


def _mailboxes(view: View) -> tuple[Ints, _Shared]:
    """The distinct mailboxes, sorted, and who has each.

    Who shares one is in the same circle, so circles of one are left out."""
    addresses, circle = view.history.addresses, view.people.circle
    members = np.bincount(circle)[circle]
    rows = np.flatnonzero((addresses.mailbox != 0) & (members[addresses.contact] > 1))
    rows = rows[np.lexsort((addresses.contact[rows], addresses.mailbox[rows]))]
    mailbox, contact = addresses.mailbox[rows], addresses.contact[rows]
    new = np.ones(len(rows), bool)
    new[1:] = (mailbox[1:] != mailbox[:-1]) | (contact[1:] != contact[:-1])
    distinct, group = np.unique(mailbox[new], return_inverse=True)
    return distinct, _Shared.of(group.astype(np.int64), contact[new])


def _through_mailboxes(most: int, view: View, rows: Ints, mailbox: Ints, shared: _Shared) -> Pairs:
    """A mailbox of the contact's that at most so many share, and in any case the one that the message goes to."""
    if not len(mailbox):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    place, box = shared.groups_of(view.candidates.contact[rows])
    personal = np.diff(shared.start)[box] <= most
    written_to = view.candidates.mailbox[rows]
    there = np.minimum(np.searchsorted(mailbox, written_to), len(mailbox) - 1)
    known = np.flatnonzero(mailbox[there] == written_to)
    return np.concatenate([place[personal], known]), np.concatenate([box[personal], there[known]])


_WHY = {"addresses": ("stopped", "undated")}
"""By scope, what the sentence of a stop with an instant is called, and of one without; by default after the scope."""


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """Who said stop, when, and what they share."""
    candidate = np.array([row], np.int64)
    ((category, channel, _),) = groups(view, candidate)
    statement = decisive(view, category, channel)
    stop = _stops(view, statement)
    stop[view.candidates.contact[row]] = False
    said_at, latest, by, through = view.history.consents.at, -1, -1, ""
    for scope, (shared, (_, group)) in zip(rule.keys.scope, _sharing(rule, view, candidate), strict=True):
        index, _ = expand(shared.start[group], shared.start[group + 1])
        who = shared.contact[index]
        who = who[stop[who]]
        if len(who) and (latest < 0 or said_at[statement[who]].max() > said_at[latest]):
            by, through = int(who[np.argmax(said_at[statement[who]])]), scope
            latest = int(statement[by])
    at = int(said_at[latest])
    dated, undated = _WHY.get(through, (through, f"{through}_undated"))
    detail: dict[str, Any] = {"why": undated} if at == NONE else {"why": dated, "stopped_at": at}
    return Push(rule.name, KIND, welcome_at, (), detail | {"stopped_by": int(view.people.id[by])})


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "stopped": "Someone with the same address said stop on {stopped_at}. That reaches this contact too.",
        "undated": "Someone with the same address has said stop. That reaches this contact too.",
        "household": "Someone in the same household said stop on {stopped_at}. That reaches this contact too.",
        "household_undated": "Someone in the same household has said stop. That reaches this contact too.",
        "account": "Someone of the same customer account said stop on {stopped_at}. That reaches this contact too.",
        "account_undated": "Someone of the same customer account has said stop. That reaches this contact too.",
    },
    "sv": {
        "stopped": "Någon med samma adress sade stopp {stopped_at}. Det gäller även den här personen.",
        "undated": "Någon med samma adress har sagt stopp. Det gäller även den här personen.",
        "household": "Någon i samma hushåll sade stopp {stopped_at}. Det gäller även den här personen.",
        "household_undated": "Någon i samma hushåll har sagt stopp. Det gäller även den här personen.",
        "account": "Någon med samma kundkonto sade stopp {stopped_at}. Det gäller även den här personen.",
        "account_undated": "Någon med samma kundkonto har sagt stopp. Det gäller även den här personen.",
    },
    "nb": {
        "stopped": "Noen med samme adresse sa stopp {stopped_at}. Det gjelder også denne personen.",
        "undated": "Noen med samme adresse har sagt stopp. Det gjelder også denne personen.",
        "household": "Noen i samme husstand sa stopp {stopped_at}. Det gjelder også denne personen.",
        "household_undated": "Noen i samme husstand har sagt stopp. Det gjelder også denne personen.",
        "account": "Noen med samme kundekonto sa stopp {stopped_at}. Det gjelder også denne personen.",
        "account_undated": "Noen med samme kundekonto har sagt stopp. Det gjelder også denne personen.",
    },
    "uk": {
        "stopped": "Хтось із такою самою адресою сказав «стоп» {stopped_at}. Це стосується й цієї людини.",
        "undated": "Хтось із такою самою адресою сказав «стоп». Це стосується й цієї людини.",
        "household": "Хтось із того самого домогосподарства сказав «стоп» {stopped_at}. Це стосується й цієї людини.",
        "household_undated": "Хтось із того самого домогосподарства сказав «стоп». Це стосується й цієї людини.",
        "account": "Хтось із того самого клієнтського облікового запису сказав «стоп» {stopped_at}. "
        "Це стосується й цієї людини.",
        "account_undated": "Хтось із того самого клієнтського облікового запису сказав «стоп». "
        "Це стосується й цієї людини.",
    },
}

ELSEWHERE = (
    "Emarsys has a switch against writing to duplicate addresses, Dynamics 365 counts by address, Customer.io can "
    "suppress an identifier for ever. None was found that follows a stop to another address, a household or a brand."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  guard_rails:
    evasion: {scope: [household]}
  segments:
    - {name: everyone}
contact:
  id: anna
  timezone: Europe/Stockholm
  country: SE
  addresses: {email: anna@example.com, sms: "+46700000001"}
  household: Elm Street 5
cases:
  - name: the stop of a second record with the same mailbox reaches every channel
    circle:
      - contact: {id: anna-again, addresses: {email: Anna@Example.com}}
        history: [{at: "2026-03-01T12:00+01:00", opt_out: all}]
    message: {category: newsletter, channel: sms}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: evasion}
  - name: so does that of somebody of the household, where the scope names it
    circle:
      - contact: {id: bo, addresses: {email: bo@example.com}}
        shares: [household]
        history: [{at: "2026-03-01T12:00+01:00", opt_out: all}]
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: evasion}
  - name: a stop for another channel doesn't
    circle:
      - contact: {id: anna-again, addresses: {email: anna@example.com}}
        history: [{at: "2026-03-01T12:00+01:00", opt_out: all, channel: phone}]
    message: {category: newsletter, channel: sms}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send}
"""
