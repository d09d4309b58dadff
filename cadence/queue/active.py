"""The policy that is active, with what the queue works out from it once: what to load, and what is looked at a second
time.

Swapped in one step when a new policy comes; never changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cadence.decide.needs import Needs, needs
from cadence.facts import key
from cadence.policy import conditions
from cadence.policy.policy import Arbitration, Policy
from cadence.rules.registry import RULES
from cadence.rules.rule import Category

NEUTRAL_PRIORITY = 50.0
"""Of a message in a category that the policy doesn't know."""


@dataclass(frozen=True, slots=True)
class Active:
    """A policy made ready for the queue."""

    policy: Policy
    needs: Needs
    second_look: Policy
    """What is asked once more right at hand-over: the rules that are always on, and nothing else."""
    second_needs: Needs
    categories: Mapping[int, Category]
    """By the key of each name, old ones too."""

    @classmethod
    def of(cls, policy: Policy) -> Active:
        """Make a policy ready."""
        always = tuple(rule for rule in policy.rules if RULES[rule.kind].ALWAYS_ON)
        second = replace(policy, rules=always, arbitration=Arbitration(policy.arbitration.order, 0))
        return cls(policy, needs(policy), second, needs(second), policy.by_key)

    def priority_of(self, category: str) -> float:
        """What a message of this category weighs when it doesn't say itself."""
        found = self.categories.get(key(category))
        return NEUTRAL_PRIORITY if found is None else float(found.priority)

    def is_marketing(self, category: str) -> bool:
        """Every category not marked transactional; one that the policy doesn't know is marketing."""
        found = self.categories.get(key(category))
        return found is None or not found.transactional


def with_condition(wanted: Needs, condition: conditions.Condition) -> Needs:
    """What to load so that a further condition can be answered too."""
    asked = conditions.needs(condition)
    touches = None if wanted.touches is None or asked.touches is None else max(wanted.touches, asked.touches)
    events = {k: max(wanted.events.get(k, 0), asked.events.get(k, 0)) for k in {*wanted.events, *asked.events}}
    return Needs(touches, events, wanted.attributes | asked.attributes)
