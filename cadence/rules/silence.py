"""The rule `silence`: who never answers is written to ever less often, and at last no more.

What counts as a touch is the view's work; what counts as an answer says `answered_by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from cadence.facts import FIVE_YEARS, NEVER, Ints, Push
from cadence.rules.evidence import Behind
from cadence.rules.rule import ANY_ANSWER, AnsweredBy, Category, Count, ExactDuration, Remarks, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "silence"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = True
COUNTS_ACROSS = False
INHERITS = True

_LONG = 2 * FIVE_YEARS
"""No wait needs to be longer: beyond five years is never."""
_PRECISE = Context(prec=60, rounding=ROUND_CEILING)


class Keys(Base):
    """How the wait grows with each touch that got no answer, and when it ends."""

    base: Annotated[ExactDuration | None, Stricter.MORE] = None
    """The wait after the first touch without an answer: `2d`."""
    factor: Annotated[float, Field(strict=True, ge=1, allow_inf_nan=False), Stricter.MORE] = 1.0
    """How many times longer each next wait is."""
    max: Annotated[ExactDuration | None, Stricter.MORE] = None
    """No wait is longer than this."""
    stop_after: Annotated[Count | None, Stricter.LESS] = None
    """After so many touches without an answer, never again (until they answer)."""
    answered_by: Annotated[AnsweredBy, Stricter.LESS] = ANY_ANSWER
    """What ends a silence: all engagement, or some of it."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        if self.base is None and self.stop_after is None:
            raise ValueError("silence says nothing; give base (with factor and max), or stop_after, or both")
        if self.base is not None and self.max is not None and self.max.micros < self.base.micros:
            raise ValueError(
                f"max {self.max.text!r} is shorter than base {self.base.text!r}; give a max of at least the base"
            )

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """A growing wait without a first one."""
        if self.base is None and (self.max is not None or self.factor != 1):
            return [(("base",), "max and factor need a base to grow from; give one, for example base: 2d")]
        return []

    def touch_reach(self) -> int | None:
        """For ever: all touches since the latest answer are counted, however long ago that was."""
        return None


@lru_cache(maxsize=1024)
def _known_waits(keys: Any, most: int) -> Ints:
    return _waits(keys, most)


def _waits(keys: Any, most: int) -> Ints:
    """The waits after 0, 1, ... `most` touches without an answer, rounded up; NEVER once it is time to stop.
    int64[most + 1]."""
    waits = np.zeros(most + 1, np.int64)
    if keys.base is not None:
        longest = _LONG if keys.max is None else keys.max.micros
        factor, wait = Decimal(repr(keys.factor)), Decimal(keys.base.micros)
        for k in range(1, most + 1):
            waits[k] = min(longest, int(wait.to_integral_value(ROUND_CEILING)))
            if wait >= longest or factor == 1:
                waits[k:] = waits[k]
                break
            wait = _PRECISE.multiply(wait, factor)
    if keys.stop_after is not None:
        waits[keys.stop_after :] = NEVER
    return waits


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """The latest touch without an answer plus the wait that their number demands; t where there is none; else never."""
    runs = view.counted(rule)
    unanswered = view.unanswered(runs, rule.keys.answered_by, rows, t)
    wait = _known_waits(rule.keys, int(unanswered.max(initial=0)))[unanswered]
    over = np.where(unanswered > 0, runs.most_recent(rows) + wait, t)
    return np.where(wait == NEVER, NEVER, np.maximum(t, over))


def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
    """The touches without an answer."""
    runs = view.counted(rule)
    behind = Behind(runs, rows)
    unanswered = behind.ids(view, behind.at > view.answered_at(rule.keys.answered_by, rows)[behind.slot])
    stop = {} if rule.keys.stop_after is None else {"stop_after": rule.keys.stop_after}
    told = []
    for answer, touches, latest in zip(welcome_at.tolist(), unanswered, runs.most_recent(rows).tolist(), strict=True):
        why = "sunset" if answer == NEVER else "waiting"
        detail = {"why": why, "count": len(touches), "touch_at": latest, **stop}
        told.append(Push(rule.name, KIND, answer, touches, detail))
    return told


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "waiting": (
            "Messages without an answer: {count}, the latest on {touch_at}. The next one is welcome from {welcome_at}."
        ),
        "sunset": "Messages without an answer: {count}. After {stop_after} no more are sent until the person answers.",
    },
    "sv": {
        "waiting": "Meddelanden utan svar: {count}, det senaste {touch_at}. Nästa är välkommet från {welcome_at}.",
        "sunset": "Meddelanden utan svar: {count}. Efter {stop_after} skickas inga fler förrän personen svarar.",
    },
    "nb": {
        "waiting": "Meldinger uten svar: {count}, den siste {touch_at}. Den neste er velkommen fra {welcome_at}.",
        "sunset": "Meldinger uten svar: {count}. Etter {stop_after} sendes ingen flere før personen svarer.",
    },
    "uk": {
        "waiting": "Повідомлень без відповіді: {count}, останнє — {touch_at}. Наступне доречне від {welcome_at}.",
        "sunset": (
            "Повідомлень без відповіді: {count}. Після {stop_after} більше не надсилаємо, доки людина не відповість."
        ),
    },
}

ELSEWHERE = "Pega's two ignored messages and sixty days off is the nearest. None backs off step by step."

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}}
  guard_rails:
    silence: {base: 2d, factor: 2, max: 45d, stop_after: 4}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: after the third message without an answer the wait is eight days
    history:
      - {at: "2026-03-01T12:00+01:00", touch: newsletter}
      - {at: "2026-03-04T12:00+01:00", touch: newsletter}
      - {at: "2026-03-09T12:00+01:00", touch: newsletter}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-17T12:00+01:00", rule: silence}
  - name: a click ends the silence
    history:
      - {at: "2026-03-09T12:00+01:00", touch: newsletter}
      - {at: "2026-03-09T13:00+01:00", engagement: click}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: send}
  - name: after the fourth it is time to stop
    history:
      - {at: "2026-01-01T12:00+01:00", touch: newsletter}
      - {at: "2026-01-11T12:00+01:00", touch: newsletter}
      - {at: "2026-01-21T12:00+01:00", touch: newsletter}
      - {at: "2026-02-01T12:00+01:00", touch: newsletter}
    message: {category: newsletter}
    now: "2026-03-10T12:00+01:00"
    expect: {verdict: suppress, rule: silence}
"""
