"""The rule `consent`: the contact's consent stands for this category on this channel, and the address hasn't bounced
hard.

What each category needs is the policy's; which statement decides is `statements`'. Transactional messages need no
consent and no stop applies to them; they are asked about the address only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cadence.calendar import Duration, add
from cadence.facts import CHANNEL_KEYS, NEVER, NONE, Bools, EventKind, Ints, Push
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Category, ConsentNeed, Rule
from cadence.rules.statements import decisive, groups
from cadence.rules.view import View

KIND = "consent"
Keys = None
ALWAYS_ON = True
MARKETING_ONLY = False
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = False


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t where the consent stands at t, else NEVER: one that has lapsed comes back by a new fact only."""
    refused = bounced(view)[rows]
    for category, channel, places in groups(view, rows):
        known = view.categories.get(category)
        if known is None or not known.transactional:
            need = known.need(channel) if known else ConsentNeed()
            contact = view.candidates.contact[rows[places]]
            refused[places] |= ~_stands(need, decisive(view, category, channel)[contact], view, contact, t[places])
    return np.where(refused, NEVER, t)


def bounced(view: View) -> Bools:
    """Which candidates would go to an address that bounced hard, under whichever contact of the circle.
    bool[candidates]"""
    return view.remember("consent.bounced", lambda: _bounced(view))


def _bounced(view: View) -> Bools:
    addresses, candidates = view.history.addresses, view.candidates
    found = np.zeros(len(candidates), bool)
    hard = (addresses.bounced_at != NONE) & (addresses.address != 0)
    for channel in np.unique(addresses.channel[hard]).tolist():
        dead = addresses.address[hard & (addresses.channel == channel)]
        found |= (candidates.channel == channel) & np.isin(candidates.address, dead)
    return found


def _stands(need: ConsentNeed, statement: Ints, view: View, contact: Ints, t: Ints) -> Bools:
    """Whether what is needed stands at t, for contacts whose decisive statements are these rows of Consents."""
    consents = view.history.consents
    said = statement >= 0
    given = np.zeros(len(statement), bool)
    given[said] = consents.given[statement[said]]
    stopped = said & ~given
    if need.kind == "none":
        return ~stopped
    zone = _zone(view, contact)
    if need.kind == "opt_in":
        if need.lasts is None:
            return given
        at = np.full(len(statement), NONE, np.int64)
        at[given] = consents.at[statement[given]]
        return np.asarray(given & ((at == NONE) | (t < add(at, need.lasts, zone))), np.bool_)
    if not need.grounds:
        return ~stopped
    grounded = np.zeros(len(statement), bool)
    for ground in need.grounds:
        since = _latest(view, ground.since)[contact]
        grounded |= (since != NONE) & (t < _lapses(since, ground.lasts, zone))
    return grounded & ~stopped


def _zone(view: View, contact: Ints) -> Ints:
    zones = view.people.zones
    return zones.values[zones.start[:-1][contact]]


def _latest(view: View, word: str) -> Ints:
    return view.latest((EventKind[word.upper()],))


def _lapses(since: Ints, lasts: Duration | None, zone: Ints) -> Ints:
    return np.full(len(since), NEVER, np.int64) if lasts is None else add(since, lasts, zone)


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """Why not: the address bounced, a stop, nothing said, or what was said has lapsed."""
    candidates = view.candidates
    category, channel = int(view.current(candidates, "category")[row]), int(candidates.channel[row])
    known = view.categories.get(category)
    detail: dict[str, Any] = {
        "category": known.name if known else "",
        "channel": CHANNEL_KEYS.get(channel, ""),
    }
    return Push(rule.name, KIND, welcome_at, (), detail | _why(view, row, category, channel, known))


pushes = one_by_one(push)


def _why(view: View, row: int, category: int, channel: int, known: Category | None) -> dict[str, Any]:
    """Which refusal it was, and when what refuses was said."""
    if bounced(view)[row]:
        addresses = view.history.addresses
        here = (addresses.address == view.candidates.address[row]) & (addresses.channel == channel)
        return {"why": "bounced", "bounced_at": int(addresses.bounced_at[here].max())}
    contact = int(view.candidates.contact[row])
    statement = int(decisive(view, category, channel)[contact])
    consents = view.history.consents
    if statement >= 0 and not consents.given[statement]:
        at = int(consents.at[statement])
        return {"why": "stopped_undated"} if at == NONE else {"why": "stopped", "stopped_at": at}
    need = known.need(channel) if known else ConsentNeed()
    if need.kind == "relationship":
        events = ", ".join(g.since for g in need.grounds)
        return {"why": "no_ground", "events": events}
    if statement < 0:
        return {"why": "missing"}
    zone = _zone(view, np.array([contact], np.int64))
    given_at = int(consents.at[statement])
    lapsed = _lapses(np.array([given_at], np.int64), need.lasts, zone)
    return {"why": "lapsed", "given_at": given_at, "lapsed_at": int(lapsed[0])}


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "bounced": "The address was reported dead on {bounced_at} (a hard bounce). Nothing is sent to it any more.",
        "stopped": "The person said stop on {stopped_at}, and that covers {category} by {channel}.",
        "stopped_undated": "The person has said stop, and that covers {category} by {channel}.",
        "missing": "The person has not agreed to receive {category} by {channel}.",
        "lapsed": "The person agreed to {category} by {channel} on {given_at}; that lapsed on {lapsed_at}.",
        "no_ground": "There is no relationship at present that {category} by {channel} could rest on ({events}).",
    },
    "sv": {
        "bounced": "Adressen rapporterades som ogiltig {bounced_at} (en hård studs). Inget mer skickas dit.",
        "stopped": "Personen sade stopp {stopped_at}, och det omfattar {category} via {channel}.",
        "stopped_undated": "Personen har sagt stopp, och det omfattar {category} via {channel}.",
        "missing": "Personen har inte samtyckt till {category} via {channel}.",
        "lapsed": "Personen samtyckte till {category} via {channel} {given_at}; samtycket löpte ut {lapsed_at}.",
        "no_ground": "Det finns för närvarande ingen relation som {category} via {channel} kan grundas på ({events}).",
    },
    "nb": {
        "bounced": "Adressen ble meldt ugyldig {bounced_at} (en hard retur). Det sendes ikke mer dit.",
        "stopped": "Personen sa stopp {stopped_at}, og det omfatter {category} via {channel}.",
        "stopped_undated": "Personen har sagt stopp, og det omfatter {category} via {channel}.",
        "missing": "Personen har ikke samtykket til {category} via {channel}.",
        "lapsed": "Personen samtykket til {category} via {channel} {given_at}; samtykket utløp {lapsed_at}.",
        "no_ground": "Det finnes for tiden ingen relasjon som {category} via {channel} kan bygge på ({events}).",
    },
    "uk": {
        "bounced": "Цієї адреси не існує: про це повідомили {bounced_at}. На неї більше нічого не надсилаємо.",
        "stopped": "Людина сказала «стоп» {stopped_at}, і це стосується {category} (канал: {channel}).",
        "stopped_undated": "Людина сказала «стоп», і це стосується {category} (канал: {channel}).",
        "missing": "Людина не давала згоди на {category} (канал: {channel}).",
        "lapsed": "Людина дала згоду на {category} (канал: {channel}) {given_at}; її термін сплив {lapsed_at}.",
        "no_ground": "Наразі немає підстав для {category} (канал: {channel}); підставою було б таке: {events}.",
    },
}

ELSEWHERE = "What was read of them was about frequency; how they keep consent was not compared."

EXAMPLE = """\
policy:
  version: 1
  categories:
    newsletter: {consent: {kind: opt_in, lasts: 2y}}
    winback: {consent: {kind: relationship, grounds: [{since: purchase, lasts: 2y}]}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: nobody is written to who hasn't agreed
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, until: null, rule: consent}
  - name: a consent stands until it lapses, to the instant
    history:
      - {at: "2024-03-05T12:00+01:00", opt_in: newsletter}
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: consent}
  - name: at one instant the stop decides
    history:
      - {at: "2026-03-01T12:00+01:00", opt_in: newsletter}
      - {at: "2026-03-01T12:00+01:00", opt_out: email}
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: consent}
  - name: a purchase carries a relationship for two years
    history:
      - {at: "2024-03-06T12:00+01:00", engagement: purchase}
    message: {category: winback}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send}
"""
