"""Explaining one answer: what every rule said, the sentence a person would say, when the next message of each category would
be welcome, and what is quiet or closed when.

It asks the same core that decides, about a scene that was set; it decides nothing for the queue and draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from cadence.calendar import zone_name
from cadence.decide.decision import Decision, bound_by, decision_of
from cadence.decide.round import decide
from cadence.facts import CHANNEL_KEYS, HELD, NEVER, Bools, Candidates, Ints, Outcome, Push, Verdict, instant
from cadence.policy.contact_facts import ContactFacts
from cadence.policy.governed import Governed, governed
from cadence.policy.segments import segment_of
from cadence.policy.week import interval_of
from cadence.rules.sentence import sentence
from cadence.rules.view import View
from cadence.store.shown import touches_shown
from cadence.workbench.scene import Scene


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """What one rule said of the message."""

    rule: str
    kind: str
    segment: str | None
    """Whose rule it is; None for everyone's."""
    welcome_at: int
    """Its last answer on the way to the welcome instant: the instant asked about where it had nothing against it."""
    because: str
    """A plain sentence; empty where it had nothing against it."""
    touches: tuple[int, ...]
    binds: bool
    only_watches: bool


@dataclass(frozen=True, slots=True)
class Next:
    """When the next message of a category would be welcome."""

    category: str
    transactional: bool
    welcome_at: int
    rule: str | None
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer, explained."""

    scene: Scene
    zone: str
    """The contact's own (first) zone."""
    locale: str
    segment: str | None
    decision: Decision
    """As decided anew, from the scene."""
    welcome_at: int
    own_words: str
    """The reason in the contact's language."""
    answers: tuple[RuleAnswer, ...]
    """Of the rules that govern the message, in the order in which they bind."""
    not_asked: tuple[str, ...]
    """Names of everyone's rules, and of the contact's segment, that don't govern it."""
    next_ones: tuple[Next, ...]
    touches: Mapping[int, Mapping[str, Any]]
    """What is shown of each touch: the contact's own, and those that evidence names."""
    asking: _Asking

    def quiet(self, t: Ints) -> Bools:
        """Whether it is quiet time for the contact at these instants, in any of their zones."""
        return self.asking.closed_by(t, quiet_only=True)

    def closed(self, t: Ints) -> Bools:
        """Whether any rule speaks against the message at these instants, by what is known now: for those to come."""
        return self.asking.closed_by(t, quiet_only=False)

    @property
    def agrees(self) -> bool:
        """Whether the decision on record, where it was made at this very instant, is what comes out now."""
        recorded = self.scene.recorded
        if recorded is None or recorded.at != self.scene.now:
            return True
        until = None if self.welcome_at >= HELD else self.welcome_at
        anew = (self.decision.verdict, self.decision.rule, until, self.segment)
        return anew == (recorded.verdict.word, recorded.rule, recorded.until, recorded.segment)


class _Asking:
    """The rules that govern the message, ready to be asked at any instant."""

    def __init__(self, scene: Scene, candidates: Candidates, row: int) -> None:
        policy, history, now = scene.policy, scene.history, scene.now
        self.row = row
        self.segment = segment_of(policy, ContactFacts.of(policy, history, now))
        facts = ContactFacts(now, history, policy, self.segment)
        self.view = View(now, history, candidates, policy.by_key, policy.renamed)
        self.rules = [g for g in governed(policy, self.view, facts, self.segment) if g.candidates[row]]

    @cached_property
    def binding(self) -> list[Governed]:
        """Without those that only watch."""
        return [g for g in self.rules if not g.rule.only_watch]

    def closed_by(self, t: Ints, quiet_only: bool) -> Bools:
        """Where any of the rules, or any quiet interval, answers later than asked."""
        closed = np.zeros(len(t), bool)
        rows = np.full(len(t), self.row, np.int64)
        for g in self.binding:
            if not quiet_only or interval_of(g.rule) is not None:
                closed |= self._later(g, rows, t)
        return closed

    def _later(self, g: Governed, rows: Ints, t: Ints) -> Bools:
        if g.error is None:
            try:
                return np.asarray(g.module.welcome_at(g.rule, self.view, rows, t) > t, bool)
            except Exception:  # noqa: BLE001 - a rule that throws holds what made it throw
                return np.ones(len(t), bool)
        return np.ones(len(t), bool)


def explain(conn: Connection, scene: Scene, locale: str = "en") -> Explanation:
    """Explain the answer to the scene's message. locale: the reader's, for sentences."""
    decided = decide(scene.policy, scene.history, scene.candidates, scene.now)
    id_ = int(scene.candidates.id[scene.row])
    outcome = next(o for o in decided.outcomes if o.message == id_)
    people = scene.history.people
    zone, own = zone_name(int(people.zones.row(scene.person)[0])), people.locale.text(scene.person) or "en"
    code = int(decided.segment[scene.person])
    segment = scene.policy.segments[code].name if code >= 0 else None
    touches = _touches(conn, scene, outcome)
    asking = _Asking(scene, scene.candidates, scene.row)
    told = partial(decision_of, outcome, policy=scene.policy.hash, segment=segment, touches=touches, zone=zone)
    return Explanation(
        scene=scene,
        zone=zone,
        locale=own,
        segment=segment,
        decision=told(locale=locale),
        welcome_at=outcome.welcome_at,
        own_words=told(locale=own).reason,
        answers=_answers(asking, outcome, scene.now, locale, zone),
        not_asked=_not_asked(scene, asking, segment),
        next_ones=_next_ones(scene, locale, zone),
        touches=touches,
        asking=asking,
    )


def _answers(asking: _Asking, outcome: Outcome, now: int, locale: str, zone: str) -> tuple[RuleAnswer, ...]:
    """A line for each rule that governs the message, and one for what isn't a rule but bound (lookahead, an expiry).

    Rules of one kind and name share a line: that of the latest answer, and before all of the one that bound."""
    bound = bound_by(outcome.pushes, outcome.rule)
    told = [*outcome.watched, *sorted(outcome.pushes, key=lambda p: p.welcome_at), *([bound] if bound else [])]
    said: dict[tuple[str, str], Push] = {(p.rule, p.kind): p for p in told}
    out: dict[tuple[str, str], RuleAnswer] = {}
    for g in asking.rules:
        rule, push = g.rule, said.pop((g.rule.name, g.rule.kind), None)
        if (rule.name, rule.kind) in out and push is None:
            continue
        out[rule.name, rule.kind] = RuleAnswer(
            rule.name,
            rule.kind,
            rule.segment,
            now if push is None else push.welcome_at,
            "" if push is None else sentence(push, push.kind, locale, zone),
            () if push is None else push.touches,
            push is not None and push is bound,
            rule.only_watch,
        )
    for push in said.values():
        because = sentence(push, push.kind, locale, zone)
        line = RuleAnswer(push.rule, push.kind, None, push.welcome_at, because, push.touches, push is bound, False)
        out[push.rule, push.kind] = line
    return tuple(out.values())


def _not_asked(scene: Scene, asking: _Asking, segment: str | None) -> tuple[str, ...]:
    asked = {(g.rule.kind, g.rule.name, g.rule.segment) for g in asking.rules}
    return tuple(
        r.name
        for r in scene.policy.rules
        if r.segment in (None, segment) and (r.kind, r.name, r.segment) not in asked and not r.always_on
    )


def _next_ones(scene: Scene, locale: str, zone: str) -> tuple[Next, ...]:
    """Each category asked about by itself, as if the message at hand weren't there."""
    categories = list(scene.policy.categories)
    unwritten = scene.unwritten(categories)
    out = []
    for row, name in enumerate(categories):
        one = unwritten.take(np.array([row], np.int64))
        (outcome,) = decide(scene.policy, scene.history, one, scene.now).outcomes
        at = scene.now if outcome.verdict is Verdict.SEND else outcome.welcome_at
        bound = bound_by(outcome.pushes, outcome.rule)
        because = "" if bound is None else sentence(bound, bound.kind, locale, zone)
        out.append(Next(name, scene.policy.categories[name].transactional, at, outcome.rule, because))
    return tuple(out)


def _touches(conn: Connection, scene: Scene, outcome: Outcome) -> dict[int, Mapping[str, Any]]:
    """The contact's touches that the history holds, and those that evidence names; of a message that goes before this one
    in the same round by its id, negated."""
    own = scene.history.touches
    named = {t for p in (*outcome.pushes, *outcome.watched) for t in p.touches}
    shown = touches_shown(conn, scene.shard, {*own.id[own.contact == scene.person].tolist(), *named})
    names = {k: c.name for k, c in scene.policy.by_key.items()}
    told = scene.candidates
    for row, id_ in enumerate(told.id.tolist()):
        if -id_ in named:
            category, channel = names.get(int(told.category[row])), CHANNEL_KEYS.get(int(told.channel[row]))
            shown[-id_] = {"id": id_, "at": instant(scene.now), "category": category, "channel": channel}
    return shown


def withheld(at: int) -> bool:
    """Whether an answer is no instant: held until something ends, or never."""
    return at in (HELD, NEVER)


__all__ = ["Explanation", "Next", "RuleAnswer", "explain", "withheld"]
