"""The rule `repetition`: the same content isn't sent again within a window, whatever campaign it comes by.

It sees all touches, also those of uncounted categories; a message without a content isn't its business. What a content
is, its sender says: a name, or the hash of its template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np

from cadence.calendar import WindowField, window_frees_at
from cadence.facts import NEVER, Ints, Push
from cadence.rules.caps import freed
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Each, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "repetition"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = True
COUNTS_ACROSS = False
INHERITS = True


class Keys(Base):
    """How long the same content stays away."""

    window: Annotated[WindowField, Stricter.MORE]
    """The window: `60d` (rolling), `60 local days`, `calendar quarter` or `ever`."""

    def touch_reach(self) -> int | None:
        """As far back as its window lasts at the most."""
        return self.window.reach_micros()


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the latest touch with the same content leaves the window, or t where none lies in it."""
    latest = view.sharing(rule, Each.CONTENT).most_recent(rows)
    return np.maximum(t, freed(latest, rule.keys.window, view, rows))


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The touches with the same content that lie in the window at t."""
    mine = view.sharing(rule, Each.CONTENT).of(row)
    at = view.touches.at[mine]
    zone = np.full(len(mine), view.zone[row], np.int32)
    inside = mine[window_frees_at(np.minimum(at, t), rule.keys.window, zone) > t]
    detail = {
        "why": "ever" if welcome_at == NEVER else "again",
        "window": rule.keys.window.text,
        "touch_at": int(at[-1]),
    }
    return Push(rule.name, KIND, welcome_at, tuple(view.touches.id[inside].tolist()), detail)


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "again": (
            "The same content was sent on {touch_at} and isn't repeated within {window}. It is welcome again from "
            "{welcome_at}."
        ),
        "ever": "The same content was sent on {touch_at}. This policy never repeats it.",
    },
    "sv": {
        "again": (
            "Samma innehåll skickades {touch_at} och upprepas inte inom {window}. Det är välkommet igen från "
            "{welcome_at}."
        ),
        "ever": "Samma innehåll skickades {touch_at}. Det upprepas aldrig.",
    },
    "nb": {
        "again": (
            "Det samme innholdet ble sendt {touch_at} og gjentas ikke i løpet av {window}. Det er velkomment igjen fra "
            "{welcome_at}."
        ),
        "ever": "Det samme innholdet ble sendt {touch_at}. Det gjentas aldri.",
    },
    "uk": {
        "again": (
            "Той самий вміст надіслано {touch_at}, а за {window} його надсилаємо лише раз. Знову доречно від "
            "{welcome_at}."
        ),
        "ever": "Той самий вміст надіслано {touch_at}. Повторно його ніколи не надсилаємо.",
    },
}

ELSEWHERE = (
    "HCL Unica can keep one offer from following another within thirty days, by their names. None was found that knows "
    "the same content under another campaign's name."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, promotion: {consent: none}}
  guard_rails:
    repetition: {window: 60d}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: the same hats under another campaign's name wait for sixty days
    history:
      - {at: "2026-03-02T12:00+01:00", touch: newsletter, campaign: spring-letter, content: hats}
    message: {category: promotion, campaign: easter-offer, content: hats, expires: 90d}
    now: "2026-03-30T12:00+02:00"
    expect: {verdict: defer, until: "2026-05-01T13:00+02:00", rule: repetition}
  - name: shoes are another content
    history:
      - {at: "2026-03-02T12:00+01:00", touch: newsletter, campaign: spring-letter, content: hats}
    message: {category: promotion, campaign: easter-offer, content: shoes}
    now: "2026-03-30T12:00+02:00"
    expect: {verdict: send}
"""
