"""The rule `screened`: only people who were lately looked up in a register that outsiders keep, and weren't on it.

Looking somebody up is no business of this program: what a look-up came to is imported, like everything else that
happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from cadence.facts import HELD, NEVER, NONE, Bools, EventKind, Ints, Push, key
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import ExactDuration, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.view import View

KIND = "screened"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True


class Keys(Base):
    """Which register, and how old a look-up may be."""

    register_: Annotated[str, Field(alias="register", min_length=1, max_length=200)]
    """The register's name, as look-ups that are imported name it: `nix`."""
    within: Annotated[ExactDuration, Stricter.LESS]
    """A look-up is good for so long: `31d`."""

    def event_reach(self) -> Mapping[EventKind, int]:
        """Look-ups that are still good."""
        return {EventKind.SCREENED: self.within.micros}


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t while a look-up is good that didn't find the contact. HELD where none is good now; NEVER where they were found,
    and where the look-up that is good now won't be any more at t."""
    at, listed = _latest(rule, view)
    contact = view.candidates.contact[rows]
    looked_up_at = at[contact]
    good = looked_up_at > view.now - rule.keys.within.micros
    lapses = np.where(good, looked_up_at, 0) + rule.keys.within.micros
    answer = np.where(listed[contact] | (t >= lapses), NEVER, t)
    return np.where(good, answer, HELD)


def _latest(rule: Rule, view: View) -> tuple[Ints, Bools]:
    """For each contact when it was last looked up, NONE if never, and whether it stood on the register then."""
    register = key(rule.keys.register_)
    return view.remember(("screened.latest", register), lambda: _latest_in(view, register))


def _latest_in(view: View, register: int) -> tuple[Ints, Bools]:
    lookups = view.history.lookups
    rows = np.flatnonzero(lookups.register == register)
    latest = np.full(len(view.people), -1, np.int64)
    np.maximum.at(latest, lookups.contact[rows], rows)
    found = np.flatnonzero(latest >= 0)
    at, listed = np.full(len(latest), NONE, np.int64), np.zeros(len(latest), bool)
    at[found], listed[found] = lookups.at[latest[found]], lookups.listed[latest[found]]
    return at, listed


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The look-up, if one is good."""
    at, listed = _latest(rule, view)
    contact = int(view.candidates.contact[row])
    detail: dict[str, Any] = {"register": rule.keys.register_, "window": rule.keys.within.text}
    if welcome_at == HELD:
        return Push(rule.name, KIND, welcome_at, (), {"why": "missing", **detail})
    looked_up_at = int(at[contact])
    why = "listed" if listed[contact] else "lapses"
    lapses_at = looked_up_at + int(rule.keys.within.micros)
    return Push(
        rule.name, KIND, welcome_at, (), {"why": why, **detail, "looked_up_at": looked_up_at, "lapses_at": lapses_at}
    )


pushes = one_by_one(push)


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "listed": "The person stands on the register {register}, as it was looked up on {looked_up_at}.",
        "missing": (
            "Whether the person stands on the register {register} was not looked up within {window}. Nothing is sent "
            "until it is."
        ),
        "lapses": (
            "The person was looked up in the register {register} on {looked_up_at}. That is good until {lapses_at}, and "
            "this message would go later."
        ),
    },
    "sv": {
        "listed": "Personen finns i registret {register}, enligt kontrollen {looked_up_at}.",
        "missing": (
            "Det har inte kontrollerats på {window} om personen finns i registret {register}. Inget skickas förrän det "
            "är gjort."
        ),
        "lapses": (
            "Personen kontrollerades mot registret {register} {looked_up_at}. Det gäller till {lapses_at}, och "
            "meddelandet skulle gå senare."
        ),
    },
    "nb": {
        "listed": "Personen står i registeret {register}, ifølge kontrollen {looked_up_at}.",
        "missing": (
            "Det er ikke kontrollert på {window} om personen står i registeret {register}. Ingenting sendes før det er "
            "gjort."
        ),
        "lapses": (
            "Personen ble kontrollert mot registeret {register} {looked_up_at}. Det gjelder til {lapses_at}, og "
            "meldingen ville gått senere."
        ),
    },
    "uk": {
        "listed": "Людина є в реєстрі {register}, так показала перевірка {looked_up_at}.",
        "missing": (
            "Вже {window} не перевіряли, чи є людина в реєстрі {register}. Доки цього не зроблять, нічого не надсилаємо."
        ),
        "lapses": (
            "Людину перевірили за реєстром {register} {looked_up_at}. Перевірка дійсна до {lapses_at}, а повідомлення "
            "пішло б пізніше."
        ),
    },
}

ELSEWHERE = "None was found that refuses to go on until a register was looked up; lists are cleaned outside and loaded."

EXAMPLE = """\
policy:
  version: 1
  categories: {sales_call: {consent: none}}
  guard_rails:
    screened: {register: nix, within: 31d, channels: [phone]}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: nobody is called who wasn't looked up
    message: {category: sales_call, channel: phone}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: null, rule: screened}
  - name: nor on the strength of a look-up that is a year old
    history:
      - {at: "2025-03-01T08:00+01:00", screened: {register: nix, listed: false}}
    message: {category: sales_call, channel: phone}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: null, rule: screened}
  - name: who isn't on it may be called
    history:
      - {at: "2026-03-01T08:00+01:00", screened: {register: nix, listed: false}}
    message: {category: sales_call, channel: phone}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send}
  - name: who is on it isn't
    history:
      - {at: "2026-03-01T08:00+01:00", screened: {register: nix, listed: true}}
    message: {category: sales_call, channel: phone}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: screened}
"""
