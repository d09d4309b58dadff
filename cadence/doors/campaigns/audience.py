"""Whom a campaign goes to, of a page of contacts: those in its zones for whom its condition holds now.

The same evaluator answers here as in segments and rules. Which page comes next, and what becomes of those chosen, is
told by `plan`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np
from sqlalchemy.engine import Connection

from cadence.calendar import zones_of_country
from cadence.decide.needs import Needs
from cadence.decide.needs import needs as needs_of_policy
from cadence.policy import conditions
from cadence.policy.conditions import Condition, ContactFacts
from cadence.policy.policy import Defaults, Policy
from cadence.policy.segments import segment_of
from cadence.queue.active import with_condition
from cadence.store.audience import Member
from cadence.store.people import history_of


def chosen(
    conn: Connection,
    policy: Policy,
    condition: Condition | None,
    zones: Collection[str],
    members: Sequence[Member],
    now: int,
) -> list[Member]:
    """Those of a page that a run goes to. zones: whose local time it is; empty: anywhere. condition: None for
    everyone."""
    there = [m for m in members if not zones or zone_of(m, policy.defaults) in zones]
    if condition is None or not there:
        return there
    wanted = with_condition(Needs(0, {}, frozenset()), condition)
    if conditions.needs(condition).segment:
        wanted = with_condition(needs_of_policy(policy), condition)
    circles = sorted({(m.shard, m.circle) for m in there})
    history = history_of(conn, circles, now, wanted, policy.defaults).history
    facts = ContactFacts.of(policy, history, now)
    if conditions.needs(condition).segment:
        facts = ContactFacts(now, history, policy, segment_of(policy, facts))
    ids = set(history.people.id[np.flatnonzero(conditions.holds(condition, facts))].tolist())
    return [m for m in there if m.id in ids]


def zone_of(member: Member, defaults: Defaults) -> str:
    """The zone that a contact's local days go by: the first of its own; else, with `unknown_zone: strict`, of its
    country's; else the policy's."""
    if member.zones and (own := json.loads(member.zones)):
        return str(own[0])
    country = member.country or defaults.country
    if defaults.unknown_zone == "strict" and country and (theirs := zones_of_country(country)):
        return theirs[0]
    return defaults.timezone
