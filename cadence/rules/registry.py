"""Which kinds of rule there are: a plain table, in the order in which always-on rules bind. Adding a rule adds a
line here.

A rule is a module with these names (see `RuleModule`); how it is chosen, counted, named and ordered is not its
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cadence.facts import EventKind, Ints, Push
from cadence.rules import caps, consent, cool_down, evasion, fatigue, gap, holds, own_wishes, quiet_hours, silence
from cadence.rules.rule import Category, Keys, Rule
from cadence.rules.view import View


class RuleModule(Protocol):
    """What every file in this folder offers."""

    KIND: str
    """The word in YAML."""
    Keys: type[Keys] | None
    """Its own keys; None where it has none."""
    ALWAYS_ON: bool
    MARKETING_ONLY: bool
    """True: transactional messages are never asked. False: categories that don't name it in `exempt`."""
    RELEASABLE: bool
    """Whether an admin's release passes it."""
    COUNTS_ACROSS: bool
    """Whether `across` may be given."""
    INHERITS: bool
    """Whether a segment's rule takes the keys it leaves out from the rail of its kind."""
    SENTENCES: Mapping[str, str]
    """By locale (en, sv, nb, uk): a plain sentence with {fields} out of the push's detail."""
    EXAMPLE: str
    """A policy test in YAML that shows it (language.md section 8)."""

    def default_name(self, keys: Keys) -> str:
        """What an unnamed rule is called."""

    def problems(self, keys: Keys, categories: Mapping[str, Category]) -> list[tuple[tuple[str, ...], str]]:
        """What is wrong with these keys taken together: the path of the key, and a sentence."""

    def touch_reach(self, rule: Rule) -> int | None:
        """How far back touches matter, in microseconds; 0: not at all; None: for ever."""

    def event_reach(self, rule: Rule) -> Mapping[EventKind, int]:
        """Which events are needed as rows, and how far back. Latest instants per kind are always there."""

    def welcome_at(self, rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
        """For candidates `rows`, from instants t on: the earliest welcome instant >= t, HELD or NEVER.
        int64[len(rows)]."""

    def push(self, rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
        """The evidence for one candidate's answer."""


RULES: Mapping[str, RuleModule] = {
    "consent": consent,
    "own_wishes": own_wishes,
    "holds": holds,
    "evasion": evasion,
    "caps": caps,
    "gap": gap,
    "cool_down": cool_down,
    "quiet_hours": quiet_hours,
    "silence": silence,
    "fatigue": fatigue,
}
