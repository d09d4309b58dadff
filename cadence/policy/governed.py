"""Who is governed by which rule: filters, `except`, `where`, `in_force`, segments, exemptions and releases, in one
place.

It answers with a column of yes and no per rule. What a rule then says is the rule's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cadence.facts import Bools, Codes, among
from cadence.policy.conditions import ContactFacts, holds
from cadence.policy.policy import Policy
from cadence.rules.registry import RULES, RuleModule
from cadence.rules.rule import Each, Rule
from cadence.rules.view import View


@dataclass(frozen=True, slots=True)
class Governed:
    """One rule and the candidates it is asked about."""

    rule: Rule
    module: RuleModule
    candidates: Bools
    """bool[candidates]"""
    error: str | None = None
    """Why it could not be found out who is governed: then nobody in scope passes."""


def governed(policy: Policy, view: View, facts: ContactFacts, segment: Codes) -> list[Governed]:
    """Each rule of the policy, in binding order, with the candidates it governs; rules that govern nobody are left out.

    segment: int32[contacts], index into policy.segments. A rule with `each: tag` stands once for each place of a
    tag."""
    marketing = view.marketing()
    found = []
    for rule in policy.rules:
        module = RULES[rule.kind]
        if not _in_force(rule, view.now) or not (mask := _asked(policy, rule, module, view, marketing, segment)).any():
            continue
        error = None
        if rule.where is not None:
            try:
                mask = mask & holds(rule.where, facts)[view.candidates.contact]
            except Exception as problem:  # noqa: BLE001 - whatever it is, it must hold the message, not let it pass
                error = f"{type(problem).__name__}: {problem}"
        for place in range(_places(rule, view)):
            at_place = replace(rule, tag=place) if place else rule
            here = mask if rule.each is None else mask & (view.value_of(rule.each, place) != 0)
            if here.any():
                found.append(Governed(at_place, module, here, error))
    return found


def _asked(policy: Policy, rule: Rule, module: RuleModule, view: View, marketing: Bools, segment: Codes) -> Bools:
    """The candidates in the rule's scope, whatever its `where`."""
    mask = view.in_scope(rule, view.candidates)
    if rule.segment is not None:
        mine = next(i for i, s in enumerate(policy.segments) if s.name == rule.segment)
        mask &= segment[view.candidates.contact] == mine
    if module.MARKETING_ONLY:
        mask &= marketing
    if module.RELEASABLE:
        mask &= ~view.candidates.released
    if not module.ALWAYS_ON:
        mask &= ~_exempt(policy, rule, view)
    return mask


def _exempt(policy: Policy, rule: Rule, view: View) -> Bools:
    """Candidates whose category names this rule, or its kind, in `exempt`. `caps` covers `gap`."""
    words = {"all", rule.kind, rule.name} | ({"caps"} if rule.kind == "gap" else set())
    return among(view.candidates.category, (k for k, c in policy.by_key.items() if words & c.exempt))


def _in_force(rule: Rule, now: int) -> bool:
    return rule.in_force is None or rule.in_force[0] <= now < rule.in_force[1]


def _places(rule: Rule, view: View) -> int:
    """How often the rule stands in the list: once, or with `each: tag` once for each tag a message may have."""
    if rule.each is not Each.TAG:
        return 1
    return int(np.diff(view.candidates.tags.start).max(initial=0))
