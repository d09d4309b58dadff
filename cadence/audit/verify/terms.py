"""A stored policy in the verifier's own reading: its canonical JSON, straight, with the defaults that the language
gives.

No model of the policy's is used. It knows who is governed by what; what a rule demands stands in `clauses`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from cadence.audit.verify.localtime import day_start, exact

ALWAYS = ("consent", "own_wishes", "holds", "evasion")
"""On without being written, never exempted."""
MARKETING_ONLY = frozenset(
    {*ALWAYS, "cool_down", "silence", "follow_ups", "channel_hop", "surveillance", "escalation", "repetition"}
    | {"screened", "trust"}
)
PASSED_BY_RELEASE = frozenset({"caps", "gap", "cool_down", "silence", "fatigue", "repetition", "trust", "lookahead"})
SEES_ALL = frozenset({"follow_ups", "repetition"})
"""Kinds that see the touches of uncounted categories too."""
_INHERITS_NOTHING = frozenset({"caps", "gap", "quiet_hours"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy, with what it inherits."""

    kind: str
    name: str
    says: Mapping[str, Any]


class Filtered(Protocol):
    """A message or a touch, as filters see it."""

    @property
    def channel(self) -> str:
        """Its channel."""

    @property
    def category(self) -> str | None:
        """Its category."""

    @property
    def campaign(self) -> str | None:
        """Its campaign."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""


class Terms:
    """One version of the policy."""

    def __init__(self, content: str, campaigns: Mapping[str, str] | None = None) -> None:
        """campaigns: by name of a campaign that was renamed, what stands for all names that it had."""
        told = json.loads(content)
        self.defaults: dict[str, Any] = told.get("defaults") or {}
        self.categories: dict[str, dict[str, Any]] = {k: v or {} for k, v in (told.get("categories") or {}).items()}
        self.lookahead: int = exact((told.get("arbitration") or {}).get("lookahead", 0))
        self.trust: dict[str, Any] = told.get("trust") or {}
        self._now_called = {
            old: name for name, says in self.categories.items() for old in _listed(says.get("was")) if old != name
        }
        rails = [(kind, says or {}) for kind, says in told.get("guard_rails") or []]
        self.shared_by = max((int(s["shared_by"]) for k, s in rails if k == "evasion" and "shared_by" in s), default=3)
        self.rails = [_rule(kind, _of_rail(kind, says)) for kind, says in rails]
        self._campaigns = campaigns or {}
        self._counted: dict[str | None, bool] = {}
        self.segments: list[tuple[str, Any]] = []
        self.of_segment: dict[str, list[Rule]] = {}
        for segment in told.get("segments") or []:
            self.segments.append((segment["name"], segment.get("where")))
            rules = segment.get("cadence") or []
            self.of_segment[segment["name"]] = [
                _rule(kind, _inherited(kind, says or {}, rails)) for kind, says in rules
            ]

    @property
    def zone(self) -> str:
        """The zone of the policy's own dates, and of contacts without one."""
        return str(self.defaults.get("timezone", "UTC"))

    @property
    def spread(self) -> int:
        """Over how long what falls due together is spread, in microseconds."""
        return exact(self.defaults.get("spread", 0))

    def now_called(self, category: str | None) -> str | None:
        """What a category is called today."""
        return None if category is None else self._now_called.get(category, category)

    def campaign(self, name: str | None) -> str | None:
        """A campaign by one name for all that it was ever called."""
        return None if name is None else self._campaigns.get(name, name)

    def category(self, name: str | None) -> dict[str, Any]:
        """What is said of a category; nothing of one that the policy doesn't know."""
        return self.categories.get(self.now_called(name) or "", {})

    def transactional(self, category: str | None) -> bool:
        """Whether no rule for marketing governs it."""
        return bool(self.category(category).get("transactional", False))

    def counted(self, category: str | None) -> bool:
        """Whether its touches count; those of a category that the policy doesn't know do."""
        if category not in self._counted:
            self._counted[category] = self._counts(category)
        return self._counted[category]

    def _counts(self, category: str | None) -> bool:
        says = self.category(category)
        given = says.get("counted")
        return not says.get("transactional", False) if given is None else bool(given)

    def priority(self, category: str | None) -> float:
        """Who goes first."""
        return float(self.category(category).get("priority", 50))

    def need(self, category: str | None, channel: str) -> dict[str, Any]:
        """The consent that a category needs on a channel, as a mapping with `kind`."""
        need = self.category(category).get("consent", "opt_in")
        if isinstance(need, Mapping) and "kind" not in need:
            need = need.get(channel, "opt_in")
        return {"kind": need} if isinstance(need, str) else dict(need)

    def governing(self, message: Filtered, segment: str | None, now: int, *, released: bool) -> Iterator[Rule]:
        """The rules, besides those that are always on, that govern a message; whether their `where` holds is another
        question."""
        marketing = not self.transactional(message.category)
        exempt = _listed(self.category(message.category).get("exempt", [] if marketing else ["all"]))
        for rule in [*self.rails, *self.of_segment.get(segment or "", ())]:
            words = {"all", rule.kind, rule.name} | ({"caps"} if rule.kind == "gap" else set())
            if rule.says.get("only_watch") or words & set(exempt):
                continue
            if (rule.kind in MARKETING_ONLY and not marketing) or (released and rule.kind in PASSED_BY_RELEASE):
                continue
            if self.in_force(rule, now) and self.in_scope(rule.says, message):
                yield rule

    def in_force(self, rule: Rule, now: int) -> bool:
        """Whether `now` lies between the rule's dates, both included."""
        says = rule.says.get("in_force") or {}
        first, until = says.get("from"), says.get("until")
        if first and now < day_start(date.fromisoformat(str(first)), self.zone):
            return False
        return not until or now < day_start(date.fromisoformat(str(until)) + timedelta(days=1), self.zone)

    def in_scope(self, says: Mapping[str, Any], thing: Filtered) -> bool:
        """Whether a message or touch matches a rule's filters and isn't excepted."""
        return self.matches(says, thing) and not (says.get("except") and self.matches(says["except"], thing))

    def matches(self, filters: Mapping[str, Any], thing: Filtered) -> bool:
        """Whether any value of each filter that is given matches."""
        if filters.get("channels") and thing.channel not in filters["channels"]:
            return False
        if filters.get("campaigns"):
            asked = [self.campaign(c) for c in filters["campaigns"]]
            if self.campaign(thing.campaign) not in asked:
                return False
        if filters.get("categories"):
            named = [self.now_called(c) for c in filters["categories"]]
            if self.now_called(thing.category) not in named:
                return False
        return not filters.get("tags") or bool(set(filters["tags"]) & set(thing.tags))

    def counts(self, kind: str, says: Mapping[str, Any], touch: Filtered) -> bool:
        """Whether a rule counts a touch, whoever's it is."""
        chosen = says.get("counts")
        if chosen:
            return bool(chosen.get("all")) or self.matches(chosen, touch)
        return (kind in SEES_ALL or self.counted(touch.category)) and self.in_scope(says, touch)


def _listed(value: Any) -> Sequence[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _inherited(kind: str, says: Mapping[str, Any], rails: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A segment's rule with what it leaves out, but the name, from the rail of its kind, where there is exactly one."""
    same = [rail for other, rail in rails if other == kind]
    if kind in _INHERITS_NOTHING or len(same) != 1:
        return dict(says)
    return {**{k: v for k, v in same[0].items() if k != "name"}, **says}


def _of_rail(kind: str, says: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a rail is asked for: one of evasion for its further scopes only, since addresses are always looked at."""
    return {k: v for k, v in says.items() if k != "shared_by"} if kind == "evasion" else says


def _rule(kind: str, says: Mapping[str, Any]) -> Rule:
    unnamed = kind
    if kind == "caps":
        unnamed = f"{says.get('max')} per {says.get('per')}"
    if kind == "gap":
        unnamed = f"1 per {says.get('wait')}"
    if kind == "follow_ups" and not says.get("categories"):
        says = {**says, "categories": ["follow_up"]}
    return Rule(kind, says.get("name") or unnamed, says)
