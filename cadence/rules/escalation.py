"""The rule `escalation`: no more contact than in the stretch of time before, unless answers didn't become fewer.

Which touches are counted is the view's work. Two stretches slide along with t, so what was refused can become welcome
when a touch leaves the later one, or when an old answer leaves the earlier one; only such instants are tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from cadence.facts import ENGAGEMENT, NEVER, Bools, EventKind, Ints, Push, among, expand, starts
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Count, ExactDuration, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.runs import Runs
from cadence.rules.view import View

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

    def touch_reach(self) -> int | None:
        """Both stretches."""
        return 2 * int(self.window.micros)

    def event_reach(self) -> Mapping[EventKind, int]:
        """Engagement in both stretches."""
        return dict.fromkeys(ENGAGEMENT, 2 * int(self.window.micros))


@dataclass(frozen=True, slots=True)
class _Stretches:
    """What lies in the stretch that ends at an instant t, (t - window, t], and in the one before it.

    Counting is searching, and is done as seldom as can be: that a stretch holds at least so many is seen from the
    instant of the so-manieth. What lies after t counts as if it lay at t."""

    window: int
    allow: int
    floor: int
    touches: Runs
    answers: Runs
    """Its `touch` holds rows in History.events."""

    def no_more(self, rows: Ints, late: Ints, t: Ints) -> Bools:
        """Whether `late` touches in the later stretch, and this one, are no more than the earlier one allows."""
        needed = late + 1 - self.allow
        return np.asarray(
            (needed <= 0) | (self.touches.most_recent(rows, late + np.maximum(needed, 1)) > t - 2 * self.window),
            np.bool_,
        )

    def answered(self, rows: Ints, t: Ints) -> Bools:
        """Whether there are answers in the later stretch, and no fewer than in the earlier one."""
        good = self.answers.most_recent(rows) > t - self.window
        some = np.flatnonzero(good)
        late = self.answers.after(rows[some], t[some] - self.window)
        good[some] = self.answers.most_recent(rows[some], 2 * late + 1) <= t[some] - 2 * self.window
        return good

    def earliest(self, rows: Ints, late: Ints, t: Ints) -> Ints:
        """For candidates that t refuses, with so many touches in the later stretch: when that ends.

        At the latest when all touches but those of the floor have left it, for that is welcome whatever came before.
        Of several at one instant only the last leaves as many as it says, and none leaves fewer."""
        at = self.touches.most_recent(rows, self.floor) + self.window
        end = self.touches.end[rows]
        leaving, start = expand(end - late, end - self.floor + 1)
        which = np.repeat(np.arange(len(rows), dtype=np.int64), np.diff(start))
        tried = self.touches.at[leaving] + self.window
        welcome = np.flatnonzero(self.no_more(rows[which], end[which] - 1 - leaving, tried))
        np.minimum.at(at, which[welcome], tried[welcome])
        some = np.flatnonzero(self.answers.most_recent(rows) > t - self.window)
        at[some] = np.minimum(at[some], self._outweighed_at(rows[some], t[some]))
        return at

    def _outweighed_at(self, rows: Ints, t: Ints) -> Ints:
        """The first instant after t at which an answer leaves the earlier stretch and no more are in it than in the
        later one; NEVER without."""
        at = np.full(len(rows), NEVER, np.int64)
        end = self.answers.end[rows]
        leaving, start = expand(end - self.answers.after(rows, t - 2 * self.window), end)
        which = np.repeat(np.arange(len(rows), dtype=np.int64), np.diff(start))
        tried = self.answers.at[leaving] + 2 * self.window
        half = np.maximum((end[which] - leaving) // 2, 1)
        good = self.answers.most_recent(rows[which], half) > tried - self.window
        np.minimum.at(at, which[good], tried[good])
        return at


def _stretches(rule: Rule, view: View) -> _Stretches:
    keys = rule.keys
    answers = view.remember("escalation.answers", lambda: _answers(view))
    return _Stretches(keys.window.micros, keys.allow, keys.floor, view.counted(rule), answers)


def _answers(view: View) -> Runs:
    """All engagement of each candidate's contact."""
    rows = np.flatnonzero(among(view.events.kind, ENGAGEMENT))
    start, contact = starts(view.events.contact[rows], len(view.people)), view.candidates.contact
    return Runs(view.events.at[rows], rows, start[contact], start[contact + 1])


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The least of the instants at which a refusal can end that is welcome, or t itself."""
    stretches = _stretches(rule, view)
    at = t.copy()
    left = np.flatnonzero(stretches.touches.most_recent(rows, stretches.floor) > t - stretches.window)
    if not len(left):
        return at
    left = left[~stretches.answered(rows[left], t[left])]
    late = stretches.touches.after(rows[left], t[left] - stretches.window)
    more = ~stretches.no_more(rows[left], late, t[left])
    left, late = left[more], late[more]
    at[left] = stretches.earliest(rows[left], late, t[left])
    return at


def _both(runs: Runs, row: int, t: int, window: int) -> tuple[int, int]:
    """How many lie in the later stretch, and in the earlier one."""
    one = np.array([row], np.int64)
    late, all_ = (int(runs.after(one, np.array([t - back], np.int64))[0]) for back in (window, 2 * window))
    return late, all_ - late


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The touches in the later stretch, and how many there were of them and of answers in both."""
    stretches = _stretches(rule, view)
    late, before = _both(stretches.touches, row, t, stretches.window)
    answers, answers_before = _both(stretches.answers, row, t, stretches.window)
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


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unanswered": (
            "Messages in {window}, this one included: {count}; in as long a time before: {before}. While the person "
            "doesn't answer, this policy allows at most {most}, so the next one is welcome from {welcome_at}."
        ),
        "fewer": (
            "Messages in {window}, this one included: {count}; in as long a time before: {before}. While answers become "
            "fewer ({answers}, after {answers_before}), this policy allows at most {most}, so the next one is welcome "
            "from {welcome_at}."
        ),
    },
    "sv": {
        "unanswered": (
            "Meddelanden på {window}, detta medräknat: {count}; under lika lång tid dessförinnan: {before}. Så "
            "länge personen inte svarar tillåter policyn högst {most}, så nästa är välkommet från {welcome_at}."
        ),
        "fewer": (
            "Meddelanden på {window}, detta medräknat: {count}; under lika lång tid dessförinnan: {before}. När svaren "
            "blir färre ({answers}, tidigare {answers_before}) tillåter policyn högst {most}, så nästa är välkommet "
            "från {welcome_at}."
        ),
    },
    "nb": {
        "unanswered": (
            "Meldinger på {window}, denne medregnet: {count}; i like lang tid før dette: {before}. Så lenge personen ikke "
            "svarer, tillater reglene høyst {most}, så den neste er velkommen fra {welcome_at}."
        ),
        "fewer": (
            "Meldinger på {window}, denne medregnet: {count}; i like lang tid før dette: {before}. Når svarene blir færre "
            "({answers}, tidligere {answers_before}), tillater reglene høyst {most}, så den neste er velkommen fra "
            "{welcome_at}."
        ),
    },
    "uk": {
        "unanswered": (
            "Повідомлень за {window}, разом із цим: {count}; за такий самий час до того: {before}. Доки людина не "
            "відповідає, правила дозволяють щонайбільше {most}, тож наступне доречне від {welcome_at}."
        ),
        "fewer": (
            "Повідомлень за {window}, разом із цим: {count}; за такий самий час до того: {before}. Доки відповідей "
            "меншає ({answers}, а було {answers_before}), правила дозволяють щонайбільше {most}, тож наступне доречне "
            "від {welcome_at}."
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
