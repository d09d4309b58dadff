"""The rule `gap`: a wait since the latest counted touch. It is a cap of 1, but for waits by the calendar (`1mo`).

Which touches are counted is the view's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np

from cadence.calendar import DurationField, add
from cadence.facts import DAY, Ints, Push
from cadence.rules.evidence import Behind
from cadence.rules.rule import Keys as Base
from cadence.rules.rule import Rule, Stricter
from cadence.rules.view import View

KIND = "gap"
ALWAYS_ON = False
MARKETING_ONLY = False
RELEASABLE = True
COUNTS_ACROSS = True
INHERITS = False


class Keys(Base):
    """How long to wait."""

    wait: Annotated[DurationField, Stricter.MORE]
    """Since the latest counted touch: `24h`, `3d`, `1mo`."""

    @property
    def spacing(self) -> int:
        """The wait itself; of months at least 28 days each."""
        return self.wait.micros if self.wait.exact else self.wait.months * 28 * DAY

    def default_name(self) -> str:
        """`1 per 24h`."""
        return f"1 per {self.wait.text}"

    def touch_reach(self) -> int | None:
        """As far back as the wait lasts at the most."""
        return int(self.wait.at_most_micros())


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The latest counted touch plus the wait, or t where that is over."""
    return np.maximum(t, add(view.counted(rule).most_recent(rows), rule.keys.wait, view.zone[rows]))


def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
    """The touches not yet older than the wait."""
    runs, wait = view.counted(rule), rule.keys.wait
    behind = Behind(runs, rows)
    young = behind.ids(view, add(behind.at, wait, view.zone[rows[behind.slot]]) > t[behind.slot])
    told = zip(welcome_at.tolist(), young, runs.most_recent(rows).tolist(), strict=True)
    return [
        Push(rule.name, KIND, answer, touches, {"why": "recent", "wait": wait.text, "touch_at": latest})
        for answer, touches, latest in told
    ]


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {"recent": "The latest message was on {touch_at}. The next one is welcome {wait} later, from {welcome_at}."},
    "sv": {"recent": "Det senaste meddelandet kom {touch_at}. Nästa är välkommet {wait} senare, från {welcome_at}."},
    "nb": {"recent": "Den siste meldingen kom {touch_at}. Den neste er velkommen {wait} senere, fra {welcome_at}."},
    "uk": {"recent": "Останнє повідомлення — {touch_at}. Наступне доречне через {wait}, від {welcome_at}."},
}

ELSEWHERE = (
    "Klaviyo's Smart Sending is one rolling gap per channel, and who falls into it is skipped for good. CleverTap and "
    "MoEngage have a least delay too and drop the second message; WebEngage queues it for a day."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {promotion: {consent: none}, service: {transactional: true}}
  guard_rails:
    gap: {name: not right after a service message, wait: 24h, categories: [promotion], counts: {categories: [service]}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: a promotion waits a day after a service message
    history:
      - {at: "2026-03-02T12:00+01:00", touch: service}
    message: {category: promotion}
    now: "2026-03-02T18:00+01:00"
    expect: {verdict: defer, until: "2026-03-03T12:00+01:00", rule: not right after a service message}
  - name: a day after it, it is welcome
    history:
      - {at: "2026-03-02T12:00+01:00", touch: service}
    message: {category: promotion}
    now: "2026-03-03T12:00+01:00"
    expect: {verdict: send}
"""
