"""The rule `holds`: no marketing into an open ticket, an incident, an overdue promise, or whatever else a company
holds for.

What is open now stands in the holds column already; this rule knows nothing of tickets or promises.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cadence.calendar.shown import LAST_SHOWN
from cadence.facts import NONE, HoldKind, Ints, Push, expand, key, starts
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Rule
from cadence.rules.view import View

KIND = "holds"
Keys = None
ALWAYS_ON = True
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = False

_WORDS = {key(kind.value): kind.value for kind in HoldKind}


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the last of the open holds ends by itself, HELD where that isn't known. A message isn't held by what it
    is about."""
    holds = view.history.holds
    if not len(holds.contact):
        return t
    start = view.remember("holds.starts", lambda: starts(holds.contact, len(view.people)))
    contact = view.candidates.contact[rows]
    begin, end = start[:-1][contact], start[1:][contact]
    held = np.flatnonzero(end > begin)
    index, bounds = expand(begin[held], end[held])
    which = np.repeat(held, np.diff(bounds))
    about = view.candidates.about[rows[which]]
    until = np.where((about != 0) & (holds.about[index] == about), NONE, holds.until[index])
    at = t.copy()
    np.maximum.at(at, which, until)
    return at


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The hold that ends last."""
    holds, contact = view.history.holds, int(view.candidates.contact[row])
    about = int(view.candidates.about[row])
    mine = [i for i in np.flatnonzero(holds.contact == contact).tolist() if about == 0 or int(holds.about[i]) != about]
    last = max(mine, key=lambda i: int(holds.until[i]))
    kind = int(holds.kind[last])
    why = "open" if welcome_at > LAST_SHOWN else "until"
    detail = {"why": why, "hold": _WORDS.get(kind, ""), "kind_key": kind, "about_key": int(holds.about[last])}
    return Push(rule.name, KIND, welcome_at, (), detail)


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "open": "Something is still open with this person ({hold}). Nothing is promoted until it is settled.",
        "until": "Something is still open with this person ({hold}). Messages are welcome again from {welcome_at}.",
    },
    "sv": {
        "open": "Något är ännu inte avklarat med personen ({hold}). Ingen reklam skickas förrän det är löst.",
        "until": "Något är ännu inte avklarat med personen ({hold}). Meddelanden är välkomna igen från {welcome_at}.",
    },
    "nb": {
        "open": "Noe er ennå ikke avklart med personen ({hold}). Ingen reklame sendes før det er løst.",
        "until": "Noe er ennå ikke avklart med personen ({hold}). Meldinger er velkomne igjen fra {welcome_at}.",
    },
    "uk": {
        "open": "З цією людиною ще не все владнано ({hold}). Рекламу не надсилаємо, доки питання не буде вирішено.",
        "until": "З цією людиною ще не все владнано ({hold}). Повідомлення знову доречні від {welcome_at}.",
    },
}

ELSEWHERE = "None of those read holds marketing for an open ticket, an incident or an overdue promise."

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, service: {transactional: true}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: an open ticket holds marketing, until nobody knows when
    history:
      - {at: "2026-03-02T12:00+01:00", ticket: opened, id: T-1}
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: null, rule: holds}
  - name: a service message passes
    history:
      - {at: "2026-03-02T12:00+01:00", ticket: opened, id: T-1}
    message: {category: service}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send}
  - name: a hold with an end ends then
    history:
      - {at: "2026-03-02T12:00+01:00", hold: bereavement, until: "2026-04-02T12:00+02:00"}
    message: {category: newsletter, expires: 60d}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: "2026-04-02T12:00+02:00", rule: holds}
"""
