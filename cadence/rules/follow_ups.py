"""The rule `follow_ups`: after so many follow-ups in one thread without an answer, no more. Without `categories` it
governs and counts the category follow_up.

It sees all touches, also those of uncounted categories; a message without a thread isn't its business. What counts as
an answer says `answered_by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np

from cadence.facts import NEVER, Ints, Push
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import ANY_ANSWER, AnsweredBy, Count, Each, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "follow_ups"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True


class Keys(Base):
    """How many follow-ups a thread may have without an answer."""

    categories_unless_named: ClassVar[tuple[str, ...]] = ("follow_up",)

    max: Annotated[Count, Stricter.LESS]
    """So many follow-ups may lie in a thread without an answer, at least 1."""
    answered_by: Annotated[AnsweredBy, Stricter.LESS] = ANY_ANSWER
    """What is an answer: all engagement, or some of it."""

    def touch_reach(self) -> int | None:
        """For ever: a thread may rest for years, and all its follow-ups since the latest answer are counted."""
        return None


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t while the thread has fewer than `max` follow-ups without an answer, else never."""
    unanswered = view.unanswered(view.sharing(rule, Each.THREAD), rule.keys.answered_by, rows, t)
    return np.where(unanswered < rule.keys.max, t, NEVER)


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The follow-ups without an answer."""
    answer = int(view.answered_at(rule.keys.answered_by, np.array([row], np.int64))[0])
    touches = view.sharing(rule, Each.THREAD).since(row, answer)
    detail = {"why": "unanswered", "count": len(touches), "max": rule.keys.max}
    return Push(rule.name, KIND, welcome_at, tuple(view.touches.id[touches].tolist()), detail)


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unanswered": (
            "Follow-ups in this conversation without an answer: {count}. After {max} no more are sent until the person "
            "answers."
        ),
    },
    "sv": {
        "unanswered": (
            "Uppföljningar i den här konversationen utan svar: {count}. Efter {max} skickas inga fler förrän personen "
            "svarar."
        ),
    },
    "nb": {
        "unanswered": (
            "Oppfølginger i denne samtalen uten svar: {count}. Etter {max} sendes ingen flere før personen svarer."
        ),
    },
    "uk": {
        "unanswered": (
            "Повторних звернень у цій розмові без відповіді: {count}. Після {max} більше не надсилаємо, доки людина не "
            "відповість."
        ),
    },
}

ELSEWHERE = (
    "None of those read counts by thread: they cap by channel, category or campaign, so that the third reminder of one "
    "offer and the first of another are the same to them."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, follow_up: {consent: none}}
  guard_rails:
    follow_ups: {max: 2}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: after two follow-ups without an answer the third is one too many
    history:
      - {at: "2026-03-02T09:00+01:00", touch: newsletter, thread: offer-7}
      - {at: "2026-03-05T09:00+01:00", touch: follow_up, thread: offer-7}
      - {at: "2026-03-10T09:00+01:00", touch: follow_up, thread: offer-7}
    message: {category: follow_up, thread: offer-7}
    now: "2026-04-20T09:00+02:00"
    expect: {verdict: suppress, rule: follow_ups}
  - name: another thread is another conversation
    history:
      - {at: "2026-03-05T09:00+01:00", touch: follow_up, thread: offer-7}
      - {at: "2026-03-10T09:00+01:00", touch: follow_up, thread: offer-7}
    message: {category: follow_up, thread: offer-8}
    now: "2026-04-20T09:00+02:00"
    expect: {verdict: send}
  - name: an answer begins anew
    history:
      - {at: "2026-03-05T09:00+01:00", touch: follow_up, thread: offer-7}
      - {at: "2026-03-10T09:00+01:00", touch: follow_up, thread: offer-7}
      - {at: "2026-03-12T16:20+01:00", engagement: reply}
    message: {category: follow_up, thread: offer-7}
    now: "2026-04-20T09:00+02:00"
    expect: {verdict: send}
"""
