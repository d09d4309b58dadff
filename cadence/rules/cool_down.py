"""The rule `cool_down`: a wait after something happened, such as a purchase, a refusal or a solved ticket.

It goes by events, never by attributes and never by touches (those are the rule `gap`'s).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from cadence.calendar import Duration, WaitField, Window, add, window_frees_at
from cadence.facts import EventKind, Ints, Push
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Keys as Base
from cadence.rules.rule import Rule, Stricter, event_words, listed
from cadence.rules.view import View

KIND = "cool_down"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = True
COUNTS_ACROSS = False
INHERITS = True

NO_END = (EventKind.SNOOZE, EventKind.LESS_OFTEN, EventKind.SCREENED)
"""What is no moment to wait after: wishes and look-ups have rules of their own."""
AFTER: tuple[EventKind, ...] = tuple(k for k in EventKind if k not in NO_END)


class Keys(Base):
    """After what, and how long."""

    after: Annotated[
        tuple[str, ...],
        BeforeValidator(listed),
        AfterValidator(event_words(AFTER)),
        Field(
            min_length=1,
            json_schema_extra={
                "type": ["string", "array"],
                "items": {"type": "string", "enum": [k.word for k in AFTER]},
            },
        ),
    ]
    """One event or a list of them: purchase, reply, refusal, ticket_solved..."""
    wait: Annotated[WaitField, Stricter.MORE]
    """Since the latest of them: `7d`, `1mo`, or `7 local days`, where the day of the event is the first."""


def _kinds(words: Sequence[str]) -> tuple[EventKind, ...]:
    return tuple(EventKind[w.upper()] for w in words)


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The latest such event plus the wait, or t where that is over."""
    latest = view.latest(_kinds(rule.keys.after))[view.candidates.contact[rows]]
    return np.maximum(t, _over(latest, rule.keys.wait, view, rows))


def _over(at: Ints, wait: Duration | Window, view: View, rows: Ints) -> Ints:
    if isinstance(wait, Window):
        return window_frees_at(at, wait, view.zone[rows])
    return add(at, wait, view.zone[rows])


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The event that it waits after."""
    contact = view.candidates.contact[row]
    latest = {k: int(view.latest((k,))[contact]) for k in _kinds(rule.keys.after)}
    kind = max(latest, key=lambda k: latest[k])
    detail = {"why": "recent", "event": kind.word, "event_at": latest[kind], "wait": rule.keys.wait.text}
    return Push(rule.name, KIND, welcome_at, (), detail)


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "recent": (
            "Something happened on {event_at} ({event}), and {wait} of calm follow it. Messages are welcome again "
            "from {welcome_at}."
        ),
    },
    "sv": {
        "recent": (
            "Något hände {event_at} ({event}), och därefter är det lugnt i {wait}. Meddelanden är välkomna igen från "
            "{welcome_at}."
        ),
    },
    "nb": {
        "recent": (
            "Noe skjedde {event_at} ({event}), og deretter er det ro i {wait}. Meldinger er velkomne igjen fra "
            "{welcome_at}."
        ),
    },
    "uk": {
        "recent": (
            "Сталася подія {event_at} ({event}), і після неї робимо паузу на {wait}. Повідомлення знову доречні "
            "від {welcome_at}."
        ),
    },
}

ELSEWHERE = (
    "Pega's suppression policies go by outcome: two messages ignored in thirty days, and sixty days without. None was "
    "found that waits after a purchase or a refusal to the contact's local days."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  guard_rails:
    cool_down: {after: [purchase, refusal], wait: 7 local days}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: the day of the purchase is the first of seven
    history:
      - {at: "2026-03-02T23:00+01:00", engagement: purchase}
    message: {category: newsletter}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T00:00+01:00", rule: cool_down}
  - name: when the eighth local day begins, it is over
    history:
      - {at: "2026-03-02T23:00+01:00", engagement: purchase}
    message: {category: newsletter}
    now: "2026-03-09T00:00+01:00"
    expect: {verdict: send}
"""
