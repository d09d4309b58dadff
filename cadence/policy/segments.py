"""In which segment each contact is, and when time alone may change that or any rule's `where`.

The first segment whose condition holds wins. Segments are not kept here: a stored one is what the store remembers of
this answer.
"""

from __future__ import annotations

import numpy as np

from cadence.facts import NEVER, Codes, Ints
from cadence.policy.conditions import Condition, Needs, holds, needs
from cadence.policy.conditions import next_change as condition_changes
from cadence.policy.contact_facts import ContactFacts
from cadence.policy.policy import Policy


def segment_of(policy: Policy, facts: ContactFacts) -> Codes:
    """The index into policy.segments of the first segment each contact matches: int32[n]; -1 where none does.

    The facts know it from then on, so that conditions can ask for it."""
    out = np.full(len(facts), -1, np.int32)
    for index in reversed(range(len(policy.segments))):
        where = policy.segments[index].where
        if where is None:
            out[:] = index
        else:
            out[holds(where, facts)] = index
    facts.segment = out
    return out


def segment_needs(policy: Policy) -> Needs:
    """What has to be loaded to tell contacts' segments and which rules' `where` hold for them."""
    out = Needs()
    for where in _conditions(policy):
        out |= needs(where)
    return out


def next_change(policy: Policy, facts: ContactFacts) -> Ints:
    """For each contact the next instant after now at which time alone may change its segment, a rule's `where`, or
    which rules are in force: int64[n], NEVER if none can. A lower bound."""
    out = np.full(len(facts), min(_edges(policy, facts.now), default=NEVER), np.int64)
    for where in dict.fromkeys(_conditions(policy)):
        np.minimum(out, condition_changes(where, facts), out=out)
    return out


def _conditions(policy: Policy) -> list[Condition]:
    """Every condition of a policy, segments' first."""
    return [s.where for s in policy.segments if s.where is not None] + [
        r.where for r in policy.rules if r.where is not None
    ]


def _edges(policy: Policy, now: int) -> list[int]:
    """When rules come into force or end, after now."""
    return [edge for rule in policy.rules if rule.in_force is not None for edge in rule.in_force if edge > now]
