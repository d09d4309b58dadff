"""Which kinds of rule there are: a plain table, in the order in which always-on rules bind. Adding a rule adds a
line here.

A rule is a module with these names (see `RuleModule`); how it is chosen, counted, named and ordered is not its
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cadence.facts import Ints, Push
from cadence.rules import (
    caps,
    channel_hop,
    consent,
    cool_down,
    escalation,
    evasion,
    fatigue,
    follow_ups,
    gap,
    holds,
    own_wishes,
    quiet_hours,
    repetition,
    screened,
    silence,
    surveillance,
)
from cadence.rules.rule import Keys, Rule
from cadence.rules.view import View


class RuleModule(Protocol):
    """What every file in this folder offers."""

    @property
    def KIND(self) -> str:
        """The word in YAML."""

    @property
    def Keys(self) -> type[Keys] | None:
        """Its own keys, and what follows from them alone; None where it has none."""

    @property
    def ALWAYS_ON(self) -> bool:
        """Whether it is there without being written."""

    @property
    def MARKETING_ONLY(self) -> bool:
        """True: transactional messages are never asked. False: categories that don't name it in `exempt`."""

    @property
    def RELEASABLE(self) -> bool:
        """Whether an admin's release passes it."""

    @property
    def COUNTS_ACROSS(self) -> bool:
        """Whether `across` may be given."""

    @property
    def INHERITS(self) -> bool:
        """Whether a segment's rule takes the keys it leaves out from the rail of its kind."""

    @property
    def SENTENCES(self) -> Mapping[str, Mapping[str, str]]:
        """By locale (en, sv, nb, uk), then by the push's `detail["why"]`: a plain sentence with {fields} out of the
        detail."""

    @property
    def EXAMPLE(self) -> str:
        """A policy test in YAML that shows it (language.md section 8)."""

    @property
    def ELSEWHERE(self) -> str:
        """What other products do about the same, in English."""

    def welcome_at(self, rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
        """For candidates `rows`, from instants t on, none before the view's now: the earliest welcome instant >= t, HELD
        or NEVER. int64[len(rows)]."""

    def pushes(self, rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
        """The evidence for the answer `welcome_at` about each of these candidates, asked from t."""


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
    "follow_ups": follow_ups,
    "channel_hop": channel_hop,
    "surveillance": surveillance,
    "escalation": escalation,
    "repetition": repetition,
    "screened": screened,
}
