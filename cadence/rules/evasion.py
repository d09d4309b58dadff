"""The rule `evasion`: a stop can't be got round through another contact with the same address. Always on over
addresses.

Contacts who share a mailbox are one person here, unless too many share it. The contact's own stops are the rule
consent's. The wider scopes (household, account, brands) are refused when a policy is checked: they aren't built yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from cadence.facts import NEVER, NONE, EventKind, Ints, Push, expand
from cadence.rules.rule import Category, Count, Rule, Stricter
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


class Keys(Base):
    """How far a stop reaches beyond the contact who said it."""

    scope: Annotated[tuple[Literal["addresses", "household", "account", "brands"], ...], Field(min_length=1)] = (
        "addresses",
    )
    """Over what: always addresses; household, account and brands besides."""
    shared_by: Annotated[Count, Stricter.MORE] = SHARED_BY
    """So many contacts may share an address and still be taken for one person."""


def default_name(keys: Any) -> str:
    """Always the kind."""
    return KIND


def problems(
    keys: Any, categories: Mapping[str, Category], rule: Rule | None = None
) -> list[tuple[tuple[str, ...], str]]:
    """Scopes that aren't built yet."""
    return [
        (("scope",), f"evasion over {scope} isn't built yet; it is always on over addresses, leave {scope} out")
        for scope in keys.scope
        if scope != "addresses"
    ]


def touch_reach(rule: Rule) -> int | None:
    """It asks about no touch."""
    return 0


def event_reach(rule: Rule) -> Mapping[EventKind, int]:
    """It asks about no event."""
    return {}


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t where no stop of another contact with the same address reaches this message, else NEVER."""
    at = t.copy()
    for _, place, _ in _reached(rule, view, rows):
        at[place] = NEVER
    return at


def _reached(rule: Rule, view: View, rows: Ints) -> list[tuple[Ints, Ints, Ints]]:
    """For each kind of message: who said stop (contacts), which place of `rows` it reaches, and their statement."""
    if not len(rows) or not (~view.history.consents.given).any():
        return []
    place, other = _one_person(_shared_by(rule), view, rows)
    found = []
    for category, channel, places in groups(view, rows) if len(place) else ():
        mine = np.isin(place, places)
        statement = decisive(view, category, channel)[other[mine]]
        stop = statement >= 0
        stop[stop] = ~view.history.consents.given[statement[stop]]
        found.append((other[mine][stop], place[mine][stop], statement[stop]))
    return found


def _shared_by(rule: Rule) -> int:
    return SHARED_BY if rule.keys is None else int(rule.keys.shared_by)


def _one_person(most: int, view: View, rows: Ints) -> tuple[Ints, Ints]:
    """Pairs of a place of `rows` and another contact whose stops reach that message, each int64[...].

    Through a mailbox that at most `most` contacts share they reach every channel; through any other only that
    mailbox."""
    mailbox, start, contact = view.remember("evasion.mailboxes", lambda: _mailboxes(view))
    if not len(mailbox):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    place, box = _boxes_of(view, rows, mailbox, start, contact)
    sharing = start[box + 1] - start[box]
    written_to = view.candidates.mailbox[rows[place]] == mailbox[box]
    reaching = (sharing <= most) | written_to
    place, box = place[reaching], box[reaching]
    index, bounds = expand(start[box], start[box + 1])
    place, other = np.repeat(place, np.diff(bounds)), contact[index]
    apart = other != view.candidates.contact[rows[place]]
    return place[apart], other[apart]


def _mailboxes(view: View) -> tuple[Ints, Ints, Ints]:
    """The distinct mailboxes, sorted; where the contacts of each begin (int64[mailboxes + 1]); and these contacts.

    Who shares one is in the same circle, so circles of one are left out."""
    addresses, circle = view.history.addresses, view.people.circle
    members = np.bincount(circle, minlength=1)[circle] if len(circle) else np.zeros(0, np.int64)
    rows = np.flatnonzero((addresses.mailbox != 0) & (members[addresses.contact] > 1))
    rows = rows[np.lexsort((addresses.contact[rows], addresses.mailbox[rows]))]
    mailbox, contact = addresses.mailbox[rows], addresses.contact[rows]
    again = (mailbox[1:] == mailbox[:-1]) & (contact[1:] == contact[:-1])
    new = np.concatenate([[True], ~again])[: len(rows)]
    mailbox, first = np.unique(mailbox[new], return_index=True)
    return mailbox, np.append(first, int(new.sum())).astype(np.int64), contact[new]


def _boxes_of(view: View, rows: Ints, mailbox: Ints, start: Ints, contact: Ints) -> tuple[Ints, Ints]:
    """Pairs of a place of `rows` and a mailbox (index) of its contact, or one that it is written to, that others
    have too."""
    shared = np.repeat(np.arange(len(mailbox), dtype=np.int64), np.diff(start))
    several = (np.diff(start) > 1)[shared]
    owner, shared = contact[several], shared[several]
    order = np.argsort(owner, kind="stable")
    owner, shared = owner[order], shared[order]
    mine = view.candidates.contact[rows]
    index, bounds = expand(np.searchsorted(owner, mine, "left"), np.searchsorted(owner, mine, "right"))
    place = np.repeat(np.arange(len(rows), dtype=np.int64), np.diff(bounds))
    written_to = view.candidates.mailbox[rows]
    box = np.minimum(np.searchsorted(mailbox, written_to), len(mailbox) - 1)
    known = np.flatnonzero(mailbox[box] == written_to)
    pairs = np.stack([np.concatenate([place, known]), np.concatenate([shared[index], box[known]])], axis=1)
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """Who said stop, and when."""
    others, _, statements = _reached(rule, view, np.array([row], np.int64))[0]
    latest = int(np.argmax(statements))
    at = int(view.history.consents.at[statements[latest]])
    detail: dict[str, Any] = {"why": "undated"} if at == NONE else {"why": "stopped", "stopped_at": at}
    return Push(rule.name, KIND, welcome_at, (), detail | {"stopped_by": int(view.people.id[others[latest]])})


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "stopped": "Someone with the same address said stop on {stopped_at}. That reaches this contact too.",
        "undated": "Someone with the same address has said stop. That reaches this contact too.",
    },
    "sv": {
        "stopped": "Någon med samma adress sade stopp {stopped_at}. Det gäller även den här kontakten.",
        "undated": "Någon med samma adress har sagt stopp. Det gäller även den här kontakten.",
    },
    "nb": {
        "stopped": "Noen med samme adresse sa stopp {stopped_at}. Det gjelder også denne kontakten.",
        "undated": "Noen med samme adresse har sagt stopp. Det gjelder også denne kontakten.",
    },
    "uk": {
        "stopped": "Хтось із такою самою адресою сказав «стоп» {stopped_at}. Це стосується й цього контакту.",
        "undated": "Хтось із такою самою адресою сказав «стоп». Це стосується й цього контакту.",
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
  segments:
    - {name: everyone}
contact: {id: anna, timezone: Europe/Stockholm, country: SE, addresses: {email: anna@example.com, sms: "+46700000001"}}
cases:
  - name: the stop of a second record with the same mailbox reaches every channel
    circle:
      - contact: {id: anna-again, addresses: {email: Anna@Example.com}}
        history: [{at: "2026-03-01T12:00+01:00", opt_out: all}]
    message: {category: newsletter, channel: sms}
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
