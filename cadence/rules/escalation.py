"""The rule `escalation`: no more contact than in the stretch of time before, unless answers didn't become fewer.

Which touches are counted is the view's work. Two stretches slide along with t, so what was refused can become welcome
when a touch leaves the later one, or when an old answer leaves the earlier one; only such instants are tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from cadence.facts import ENGAGEMENT, Bools, EventKind, Ints, Push, expand
from cadence.rules.rule import Category, Count, ExactDuration, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import Runs, View

KIND = "escalation"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True


class Keys(Base):
    """How long the stretches are that are held against one another, and what may be done whatever came before."""

    window: ExactDuration
    """The length of each stretch: `14d` holds the last fourteen days against the fourteen before."""
    allow: Annotated[int, Field(strict=True, ge=0), Stricter.LESS] = 0
    """So many touches more than in the stretch before are no escalation."""
    floor: Annotated[Count, Stricter.LESS] = 2
    """So many touches in a stretch are none in any case, this one included."""


def default_name(keys: Any) -> str:
    """The kind."""
    return KIND


def problems(
    keys: Any, categories: Mapping[str, Category], rule: Rule | None = None
) -> list[tuple[tuple[str, ...], str]]:
    """None that the keys' own types wouldn't find."""
    return []


def touch_reach(rule: Rule) -> int | None:
    """Both stretches."""
    return 2 * int(rule.keys.window.micros)


def event_reach(rule: Rule) -> Mapping[EventKind, int]:
    """Engagement in both stretches."""
    return dict.fromkeys(ENGAGEMENT, 2 * int(rule.keys.window.micros))


@dataclass(frozen=True, slots=True)
class _Stretches:
    """What lies in the stretch that ends at an instant, and in the one before it."""

    window: int
    allow: int
    floor: int
    touches: Runs
    answers: Runs
    """Its `touch` holds rows in History.events."""

    def both(self, runs: Runs, rows: Ints, t: Ints) -> tuple[Ints, Ints]:
        """How many lie in (t - window, t], and how many in the stretch before: each int64[len(rows)].

        What lies after t counts as if it lay at t."""
        late = runs.after(rows, t - self.window)
        return late, runs.after(rows, t - 2 * self.window) - late

    def accept(self, rows: Ints, t: Ints) -> Bools:
        """Which of these candidates are welcome at their t: bool[len(rows)]."""
        late = self.touches.after(rows, t - self.window)
        welcome = late < self.floor
        left = np.flatnonzero(~welcome)
        late, before = self.both(self.touches, rows[left], t[left])
        welcome[left] = late < before + self.allow
        left = left[~welcome[left]]
        late, before = self.both(self.answers, rows[left], t[left])
        welcome[left] = (late > 0) & (late >= before)
        return welcome


def _stretches(rule: Rule, view: View) -> _Stretches:
    keys = rule.keys
    answers = view.remember("escalation.answers", lambda: _answers(view))
    return _Stretches(keys.window.micros, keys.allow, keys.floor, view.counted(rule), answers)


def _answers(view: View) -> Runs:
    """All engagement of each candidate's contact."""
    rows = np.flatnonzero(np.isin(view.events.kind, [int(k) for k in ENGAGEMENT]))
    start = np.zeros(len(view.people) + 1, np.int64)
    np.cumsum(np.bincount(view.events.contact[rows], minlength=len(view.people)), out=start[1:])
    contact = view.candidates.contact
    return Runs(view.events.at[rows], rows, start[contact], start[contact + 1])


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The least of the instants at which a refusal can end that is welcome, or t itself."""
    stretches = _stretches(rule, view)
    at = t.copy()
    refused = np.flatnonzero(~stretches.accept(rows, t))
    if len(refused):
        at[refused] = _earliest(stretches, rows[refused], t[refused])
    return at


def _earliest(stretches: _Stretches, rows: Ints, t: Ints) -> Ints:
    """For candidates that t refuses: when it ends.

    That can be when a touch leaves the later stretch, or when an answer leaves the earlier one. At the latest it is
    when all touches but those of the floor have left, for that is welcome whatever came before."""
    window, touches, answers = stretches.window, stretches.touches, stretches.answers
    last = touches.most_recent(rows, stretches.floor) + window
    leaving, start = expand(
        touches.end[rows] - touches.after(rows, t - window), touches.end[rows] - stretches.floor + 1
    )
    fading, begin = expand(
        answers.end[rows] - answers.after(rows, t - 2 * window),
        answers.end[rows] - answers.after(rows, last - 2 * window),
    )
    place = np.arange(len(rows), dtype=np.int64)
    which = np.concatenate([np.repeat(place, np.diff(start)), np.repeat(place, np.diff(begin))])
    tried = np.concatenate([touches.at[leaving] + window, answers.at[fading] + 2 * window])
    welcome = stretches.accept(rows[which], tried)
    np.minimum.at(last, which[welcome], tried[welcome])
    return last


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The touches in the later stretch, and how many there were of them and of answers in both."""
    stretches, one, then = _stretches(rule, view), np.array([row], np.int64), np.array([t], np.int64)
    late, before = (int(n[0]) for n in stretches.both(stretches.touches, one, then))
    answers, answers_before = (int(n[0]) for n in stretches.both(stretches.answers, one, then))
    detail = {
        "why": "fewer" if answers else "unanswered",
        "count": late + 1,
        "before": before,
        "most": max(stretches.floor, before + stretches.allow),
        "answers": answers,
        "answers_before": answers_before,
        "window": rule.keys.window.text,
    }
    touches = stretches.touches.since(row, t - stretches.window)
    return Push(rule.name, KIND, welcome_at, tuple(view.touches.id[touches].tolist()), detail)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unanswered": (
            "With this one, messages in {window}: {count}; in as long a time before it was {before}, so {most} are "
            "allowed while nobody answers. The next one is welcome from {welcome_at}."
        ),
        "fewer": (
            "With this one, messages in {window}: {count}; in as long a time before it was {before}, so {most} are "
            "allowed while answers become fewer ({answers}, after {answers_before}). The next one is welcome from "
            "{welcome_at}."
        ),
    },
    "sv": {
        "unanswered": (
            "Med detta, meddelanden på {window}: {count}; under lika lång tid dessförinnan var det {before}, så {most} "
            "är tillåtna medan ingen svarar. Nästa är välkommet från {welcome_at}."
        ),
        "fewer": (
            "Med detta, meddelanden på {window}: {count}; under lika lång tid dessförinnan var det {before}, så {most} "
            "är tillåtna medan svaren blir färre ({answers}, efter {answers_before}). Nästa är välkommet från "
            "{welcome_at}."
        ),
    },
    "nb": {
        "unanswered": (
            "Med denne, meldinger på {window}: {count}; i like lang tid før det var det {before}, så {most} er tillatt "
            "så lenge ingen svarer. Den neste er velkommen fra {welcome_at}."
        ),
        "fewer": (
            "Med denne, meldinger på {window}: {count}; i like lang tid før det var det {before}, så {most} er tillatt "
            "mens svarene blir færre ({answers}, etter {answers_before}). Den neste er velkommen fra {welcome_at}."
        ),
    },
    "uk": {
        "unanswered": (
            "Разом із цим повідомлень за {window}: {count}; за такий самий час до того — {before}, тож, доки людина не "
            "відповідає, дозволено {most}. Наступне доречне від {welcome_at}."
        ),
        "fewer": (
            "Разом із цим повідомлень за {window}: {count}; за такий самий час до того — {before}, тож, доки "
            "відповідей стає менше ({answers}, а було {answers_before}), дозволено {most}. Наступне доречне від "
            "{welcome_at}."
        ),
    },
}

ELSEWHERE = (
    "None was found. Tools that learn a best frequency give those who answer less a lower one at most; none forbids "
    "to write more as answers get fewer."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  guard_rails:
    escalation: {window: 14d, allow: 0, floor: 2}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: a third letter in fourteen days, after one in the fourteen before and no answer, waits
    history:
      - {at: "2026-02-20T12:00+01:00", touch: newsletter}
      - {at: "2026-03-03T12:00+01:00", touch: newsletter}
      - {at: "2026-03-06T12:00+01:00", touch: newsletter}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-17T12:00+01:00", rule: escalation}
  - name: as many as in the fourteen days before are welcome
    history:
      - {at: "2026-02-17T12:00+01:00", touch: newsletter}
      - {at: "2026-02-20T12:00+01:00", touch: newsletter}
      - {at: "2026-02-23T12:00+01:00", touch: newsletter}
      - {at: "2026-03-03T12:00+01:00", touch: newsletter}
      - {at: "2026-03-06T12:00+01:00", touch: newsletter}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: send}
  - name: and so are more, to someone who answers no less than before
    history:
      - {at: "2026-03-03T12:00+01:00", touch: newsletter}
      - {at: "2026-03-06T12:00+01:00", touch: newsletter}
      - {at: "2026-03-06T13:00+01:00", engagement: click}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: send}
"""
