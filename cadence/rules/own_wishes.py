"""The rule `own_wishes`: what the contact asked for themselves: a pause, a cap of their own, hours and days that
suit them.

The wishes stand with the contact, in `People`; which of several wishes is the latest was settled when they were loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cadence.calendar import Window, next_change, open_windows
from cadence.calendar.shown import LAST_SHOWN
from cadence.facts import DAY, HELD, NEVER, Ints, Push, Wish, expand
from cadence.rules.caps import freed, in_window
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Rule
from cadence.rules.view import View

KIND = "own_wishes"
Keys = None
ALWAYS_ON = True
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = False

_SEARCHED = 400 * DAY
"""Hours that don't meet in all of a contact's zones within a year and its changes of clocks never do."""
_WEEK = 8 * DAY
"""A week, and a day to be sure that all of it was seen."""


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the pause is over, their cap has a free slot and it is one of their hours, in all of their zones."""
    allowed = _allowed(rule, view, rows, t)
    return _in_hours(view, rows, allowed)


def _allowed(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When pause and cap are over: from then on both let everything pass."""
    at = np.maximum(t, view.people.snooze_until[view.candidates.contact[rows]])

    def capped(wish: Wish, places: Ints) -> None:
        if wish.less_often is not None:
            most, window = wish.less_often[0], Window.parse(wish.less_often[1])
            filling = view.counted(rule).most_recent(rows[places], most)
            at[places] = np.maximum(at[places], freed(filling, window, view, rows[places]))

    _by_wish(view, rows, capped)
    return at


def _by_wish(view: View, rows: Ints, what: Callable[[Wish, Ints], None]) -> None:
    """what(wish, places of `rows` whose contacts have this wish), for each distinct wish."""
    wishes, which = view.people.wishes, view.people.wish[view.candidates.contact[rows]]
    wishing = np.flatnonzero(which >= 0)
    if not len(wishing):
        return
    same = view.remember("own_wishes.alike", lambda: _alike(wishes))[which[wishing]]
    order = np.argsort(same, kind="stable")
    bounds = np.flatnonzero(np.diff(same[order], prepend=-1, append=-1))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        places = wishing[order[begin:end]]
        what(wishes[int(which[places[0]])], places)


def _alike(wishes: Sequence[Wish]) -> Ints:
    """A number for each wish, the same for equal ones."""
    distinct = {wish: i for i, wish in enumerate(dict.fromkeys(wishes))}
    return np.array([distinct[w] for w in wishes], np.int64)


def _in_hours(view: View, rows: Ints, t: Ints) -> Ints:
    """The earliest instant from t on that lies in the chosen hours and days, in each of the contact's zones."""
    at = t.copy()

    def suiting(wish: Wish, places: Ints) -> None:
        if wish.hours or wish.days:
            open_ = places[t[places] < HELD]
            at[open_] = _meeting(wish, view, rows[open_], t[open_])

    _by_wish(view, rows, suiting)
    return at


def _meeting(wish: Wish, view: View, rows: Ints, t: Ints) -> Ints:
    """The same for candidates whose contacts have one and the same wish.

    Zones take turns in moving on to their next opening, until all agree. Between two changes of clocks every week is
    like the one before, so that after one without a meeting it is enough to go on from the next change."""
    zones, contact = view.people.zones, view.candidates.contact[rows]
    begin, end = zones.start[:-1][contact], zones.start[1:][contact]
    at, since, change = t.copy(), t.copy(), t.copy()
    left = np.arange(len(rows), dtype=np.int64)
    while len(left):
        index, start = expand(begin[left], end[left])
        which, zone = np.repeat(left, np.diff(start)), zones.values[index]
        before = at[left]
        np.maximum.at(at, which, open_windows(wish.hours, wish.days, at[which], zone))
        left = left[(at[left] > before) & (at[left] < HELD) & (end[left] - begin[left] > 1)]
        changed = left[at[left] >= change[left]]
        since[changed], change[changed] = at[changed], NEVER
        again = np.isin(which, changed)
        np.minimum.at(change, which[again], next_change(at[which[again]], zone[again]))
        alike = left[at[left] - since[left] > _WEEK]
        at[alike] = change[alike]
        at[left[at[left] - t[left] > _SEARCHED]] = NEVER
        left = left[at[left] < HELD]
    return at


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """Which wish it was: that for hours where it moved the answer on, else the later of pause and cap."""
    contact = int(view.candidates.contact[row])
    one, from_t = np.array([row], np.int64), np.array([t], np.int64)
    place = int(view.people.wish[contact])
    wish = view.people.wishes[place] if place >= 0 else Wish()
    snoozed = int(view.people.snooze_until[contact])
    allowed = int(_allowed(rule, view, one, from_t)[0])
    if welcome_at > allowed:
        return Push(rule.name, KIND, welcome_at, (), {"why": "never" if welcome_at == NEVER else "hours"})
    if allowed == snoozed or wish.less_often is None:
        why = "snooze" if snoozed <= LAST_SHOWN else "snooze_for_good"
        return Push(rule.name, KIND, welcome_at, (), {"why": why, "snooze_until_at": snoozed})
    most, window = wish.less_often[0], Window.parse(wish.less_often[1])
    (touches,) = in_window(rule, window, view, one, from_t)
    detail = {
        "why": "ever" if welcome_at == NEVER else "less_often",
        "max": most,
        "window": window.text,
        "count": len(touches),
    }
    return Push(rule.name, KIND, welcome_at, touches, detail)


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "snooze": "The person asked for a pause until {snooze_until_at}.",
        "snooze_for_good": "The person asked for a pause without an end.",
        "less_often": (
            "The person asked to hear less often ({max} in {window}). The next message is welcome from {welcome_at}."
        ),
        "ever": "The person set a limit for all messages ever ({max}), and that many have been sent.",
        "hours": "The person chose hours or days that suit them. The next of these begins at {welcome_at}.",
        "never": (
            "The hours and days that the person chose never come at the same time in all of their possible time zones."
        ),
    },
    "sv": {
        "snooze": "Personen bad om en paus till {snooze_until_at}.",
        "snooze_for_good": "Personen har bett om en paus utan slut.",
        "less_often": "Personen bad om färre meddelanden ({max} på {window}). Nästa är välkommet från {welcome_at}.",
        "ever": "Personen har satt en gräns för antalet meddelanden totalt ({max}), och så många har skickats.",
        "hours": "Personen har valt tider eller dagar som passar. Nästa sådan tid börjar {welcome_at}.",
        "never": "De tider och dagar som personen valt infaller aldrig samtidigt i alla möjliga tidszoner.",
    },
    "nb": {
        "snooze": "Personen ba om en pause til {snooze_until_at}.",
        "snooze_for_good": "Personen har bedt om en pause uten slutt.",
        "less_often": "Personen ba om færre meldinger ({max} på {window}). Den neste er velkommen fra {welcome_at}.",
        "ever": "Personen har satt en grense for antall meldinger totalt ({max}), og så mange er sendt.",
        "hours": "Personen har valgt tider eller dager som passer. Neste slike tid begynner {welcome_at}.",
        "never": "Tidene og dagene personen har valgt, faller aldri sammen i alle mulige tidssoner.",
    },
    "uk": {
        "snooze": "Людина попросила зробити паузу до {snooze_until_at}.",
        "snooze_for_good": "Людина попросила про паузу без кінцевої дати.",
        "less_often": (
            "Людина попросила писати рідше ({max} за {window}). Наступне повідомлення доречне від {welcome_at}."
        ),
        "ever": "Людина обмежила загальну кількість повідомлень ({max}), і стільки вже надіслано.",
        "hours": "Людина обрала зручні години або дні. Найближчий такий час — {welcome_at}.",
        "never": "Обрані людиною години та дні ніколи не збігаються в усіх її можливих часових поясах.",
    },
}

ELSEWHERE = (
    "Novu lets people set hours for each day of the week, and skips what falls outside them. Mautic keeps a frequency "
    "that a contact chose. HubSpot's users asked for one that people choose themselves, and were given one cap for "
    "the whole account."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE, hours: ["09:00-12:00", "17:00-19:00"], days: [mon, tue]}
cases:
  - name: the next of the chosen hours
    message: {category: newsletter}
    now: "2026-03-02T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-02T17:00+01:00", rule: own_wishes}
  - name: the next of the chosen days
    message: {category: newsletter}
    now: "2026-03-03T19:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T09:00+01:00", rule: own_wishes}
  - name: within the hours and days that they chose
    message: {category: newsletter}
    now: "2026-03-03T18:59+01:00"
    expect: {verdict: send}
  - name: less often counts what was sent before they asked
    history:
      - {at: "2026-02-20T10:00+01:00", touch: newsletter}
      - {at: "2026-02-21T10:00+01:00", less_often: 1 per 30d}
    message: {category: newsletter, expires: 60d}
    now: "2026-03-02T10:00+01:00"
    expect: {verdict: defer, until: "2026-03-23T09:00+01:00", rule: own_wishes}
"""
