"""The rule `quiet_hours`: nights, weekends and holidays in the contact's own time.

Laying an interval out in local time is the calendar's work. A contact with several possible zones is left in peace
while it is quiet in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import Field, StrictBool, StrictStr, ValidationInfo, field_validator

from cadence.calendar import QuietInterval, minute_of, parse_days, quiet_until, zone_name
from cadence.calendar.trails import settled
from cadence.facts import FIVE_YEARS, Codes, Ints, Push, expand
from cadence.rules.rule import Category, Remarks, Rule
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "quiet_hours"
ALWAYS_ON = False
MARKETING_ONLY = False
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = False


class Keys(Base):
    """One stretch of quiet: times, or the whole day; on which days, or on holidays."""

    from_: StrictStr | None = Field(None, alias="from", examples=["20:00"])
    """When it begins, in the contact's time: `"20:00"`. At this instant it is quiet."""
    to: StrictStr | None = Field(None, examples=["08:00"])
    """When it ends, the next day where that is earlier: `"08:00"`, at most `"24:00"`. At this instant it isn't
    quiet."""
    all_day: StrictBool | None = None
    """The whole local date; the same as leaving out both times."""
    days: tuple[StrictStr, ...] | None = Field(None, examples=[["sat", "sun"]])
    """Weekdays on which it begins: mon, tue, wed, thu, fri, sat, sun."""
    holidays: StrictBool | tuple[StrictStr, ...] | None = None
    """`true`: only on public holidays; or a list of the holidays package's categories."""

    @field_validator("from_", "to", "days", "holidays")
    @classmethod
    def _makes_sense(cls, given: Any, info: ValidationInfo) -> Any:
        """Each key by itself; what they come to together is looked at by `problems`."""
        if given is not None:
            _READ[str(info.field_name)](given)
        return given

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """Times that say nothing or contradict each other, and quiet without an end."""
        try:
            interval = interval_of(self)
        except ValueError as wrong:
            return [(("all_day" if self.all_day is not None else "from" if self.to is None else "to",), str(wrong))]
        if interval.always:
            return [
                ((), "it is quiet at all times, so nothing it governs would ever go out; give times, days or holidays")
            ]
        return []

    def covers(self, other: Any) -> bool:
        """Whether its stretches hold all those of the other: 22:00 to 07:00 lies within 20:00 to 08:00."""
        return interval_of(self).covers(interval_of(other))


_READ: Mapping[str, Callable[[Any], object]] = {
    "from_": minute_of,
    "to": lambda text: minute_of(text, end=True),
    "days": lambda days: parse_days(days) or QuietInterval.parse(days=days),
    "holidays": lambda holidays: QuietInterval.parse(holidays=holidays),
}


def interval_of(keys: Any) -> QuietInterval:
    """The interval that these keys describe. Raises ValueError with a plain sentence."""
    return _parsed(keys.from_, keys.to, keys.all_day, keys.days, keys.holidays)


@lru_cache(maxsize=1024)
def _parsed(
    from_: str | None, to: str | None, all_day: bool | None, days: tuple[str, ...] | None, holidays: Any
) -> QuietInterval:
    return QuietInterval.parse(from_, to, all_day, days, holidays)


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The first instant from t on at which it is quiet in none of the contact's zones.

    Where one stretch of quiet runs into the next (a Saturday into a Sunday), it goes on until none follows. What is
    quiet for more than five years is left there: the fixed point calls it never."""
    interval = interval_of(rule.keys)
    return settled(lambda place, at: _one_pass(interval, view, rows[place], at), t, FIVE_YEARS)


def _one_pass(interval: QuietInterval, view: View, rows: Ints, t: Ints) -> Ints:
    """The latest end of the intervals that cover t in any of the zones, or t."""
    zones, country, contact = view.people.zones, view.country, view.candidates.contact[rows]
    at = quiet_until(interval, t, view.zone[rows], country.codes[contact], country.names)
    begin, end = zones.start[:-1][contact] + 1, zones.start[1:][contact]
    more = np.flatnonzero(end > begin)
    if not len(more):
        return at
    index, start = expand(begin[more], end[more])
    which = np.repeat(more, np.diff(start))
    zone: Codes = zones.values[index]
    others = quiet_until(interval, t[which], zone, country.codes[contact[which]], country.names)
    at = at.copy()
    np.maximum.at(at, which, others)
    return at


def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
    """Which quiet it was, and in which of the contact's zones."""
    interval, contact = interval_of(rule.keys), view.candidates.contact[rows]
    zones = view.people.zones
    latest = _lasting_longest(interval, view, contact, t).tolist()
    said = {"name": rule.name, "from": rule.keys.from_ or "", "to": rule.keys.to or ""}
    why = "holiday" if interval.holidays else "day" if interval.all_day else "hours"
    told = []
    for who, since, answer, zone in zip(contact.tolist(), t.tolist(), welcome_at.tolist(), latest, strict=True):
        if answer - since > FIVE_YEARS:
            detail = {**said, "why": "never", "where": ", ".join(zone_name(z) for z in zones.row(who).tolist())}
        else:
            detail = {**said, "why": why, "where": zone_name(zone)}
        told.append(Push(rule.name, KIND, answer, (), detail))
    return told


def _lasting_longest(interval: QuietInterval, view: View, contact: Ints, t: Ints) -> Codes:
    """The zone of each contact in which the quiet at t lasts longest, the first of several: int32[len(contact)]."""
    zones, country = view.people.zones, view.country
    begin, end = zones.start[:-1][contact], zones.start[1:][contact]
    zone: Codes = zones.values[begin]
    several = np.flatnonzero(end - begin > 1)
    if len(several):
        index, start = expand(begin[several], end[several])
        which = np.repeat(several, np.diff(start))
        each: Codes = zones.values[index]
        ends = quiet_until(interval, t[which], each, country.codes[contact[which]], country.names)
        order = np.lexsort((-np.arange(len(which)), ends, which))
        last = order[start[1:] - 1]
        zone[several] = each[last]
    return zone


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "hours": (
            "It is quiet time in {where}, from {from} to {to} ({name}). Messages are welcome again from {welcome_at}."
        ),
        "day": "It is a quiet day in {where} ({name}). Messages are welcome again from {welcome_at}.",
        "holiday": "It is a holiday in {where} ({name}). Messages are welcome again from {welcome_at}.",
        "never": "It is quiet at all times ({name}), in one or another of {where}.",
    },
    "sv": {
        "hours": (
            "Det är tyst tid i {where}, från {from} till {to} ({name}). Meddelanden är välkomna igen från {welcome_at}."
        ),
        "day": "Det är en tyst dag i {where} ({name}). Meddelanden är välkomna igen från {welcome_at}.",
        "holiday": "Det är helgdag i {where} ({name}). Meddelanden är välkomna igen från {welcome_at}.",
        "never": "Det är alltid tyst tid ({name}), i någon av {where}.",
    },
    "nb": {
        "hours": (
            "Det er stille tid i {where}, fra {from} til {to} ({name}). Meldinger er velkomne igjen fra {welcome_at}."
        ),
        "day": "Det er en stille dag i {where} ({name}). Meldinger er velkomne igjen fra {welcome_at}.",
        "holiday": "Det er helligdag i {where} ({name}). Meldinger er velkomne igjen fra {welcome_at}.",
        "never": "Det er alltid stille tid ({name}), i en av {where}.",
    },
    "uk": {
        "hours": (
            "Це тихі години за часом {where}, від {from} до {to} ({name}). Повідомлення знову доречні від {welcome_at}."
        ),
        "day": "Це тихий день за часом {where} ({name}). Повідомлення знову доречні від {welcome_at}.",
        "holiday": "Це святковий день за часом {where} ({name}). Повідомлення знову доречні від {welcome_at}.",
        "never": "Завжди тихі години ({name}), принаймні за одним із часів: {where}.",
    },
}

ELSEWHERE = (
    "Braze holds until the hours end, in the user's zone. Iterable, Adobe Journey Optimizer and MoEngage let one "
    "choose between queueing and discarding; where no zone is known, Adobe enforces nothing and Iterable takes the "
    "project's. Novu skips. Holidays were found nowhere."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  guard_rails:
    quiet_hours:
      - {name: night, from: "20:00", to: "08:00"}
      - {name: Sundays, days: [sun]}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: a night in March, an hour short
    message: {category: newsletter}
    now: "2026-03-27T23:00+01:00"
    expect: {verdict: defer, until: "2026-03-28T08:00+01:00", rule: night}
  - name: Saturday night runs into Sunday, and Sunday into its night
    message: {category: newsletter}
    now: "2026-03-28T21:00+01:00"
    expect: {verdict: defer, until: "2026-03-30T08:00+02:00", rule: night}
  - name: at the end of the night it is welcome
    message: {category: newsletter}
    now: "2026-03-27T08:00+01:00"
    expect: {verdict: send}
"""
