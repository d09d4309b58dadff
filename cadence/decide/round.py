"""A whole round of decisions: a batch of candidates and the history of their circles in, an outcome for each out.

The steps: segments, who is governed, the welcome instants, who goes first, what that leaves for the others. All of
it is pure;
claiming, loading and writing down are the queue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cadence.decide.arbitration import Yielding, lookahead, ranks
from cadence.decide.blocks import blocks
from cadence.decide.welcome import Welcome, welcome
from cadence.facts import (
    DAY,
    HELD,
    NEVER,
    NONE,
    Bools,
    Candidates,
    Coded,
    Codes,
    History,
    Ints,
    Outcome,
    Push,
    Ragged,
    Touches,
    Verdict,
)
from cadence.policy.conditions import ContactFacts
from cadence.policy.governed import Governed, governed
from cadence.policy.policy import Policy
from cadence.policy.segments import segment_of
from cadence.rules.sentence import ERROR, TOGETHER
from cadence.rules.view import View

LOOKAHEAD = "lookahead"
EXPIRY = "expires"
"""The name under which a message ends that had expired before it was asked."""
_YEAR = 366 * DAY
_VERDICTS = {int(verdict): verdict for verdict in Verdict}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a round came to."""

    outcomes: list[Outcome]
    """One for each due candidate, in the order in which they were decided."""
    segment: Codes
    """int32[contacts]: index into policy.segments."""
    facts: ContactFacts
    """What the conditions saw: `segments.next_change` tells from it when time alone changes an answer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a round came to as columns, without evidence: k due candidates, in the order in which they were decided."""

    rows: Ints
    """Rows in Candidates, int64[k]."""
    verdict: npt.NDArray[np.int8]
    """`Verdict`, int8[k]."""
    welcome_at: Ints
    """The welcome instants, HELD or NEVER, int64[k]."""
    rule: Coded
    """The binding rules' names; missing where nothing pushed."""


def decide(policy: Policy, history: History, candidates: Candidates, now: int) -> Decided:
    """Decide every due candidate at the instant `now`, with evidence.

    Candidates that aren't due are only looked at by lookahead. Several for one circle go in the order of
    arbitration, each
    seeing the touches of those before it; such a touch bears the id of its message, negated, in later evidence.
    Deterministic: same input, same outcomes."""
    round_ = _Round(policy, history, candidates, now)
    outcomes = [outcome for turn in round_.turns() for outcome in turn.outcomes(candidates, now)]
    return Decided(outcomes, round_.segment, round_.facts)


def decide_columns(policy: Policy, history: History, candidates: Candidates, now: int) -> Answers:
    """The same decisions as `decide`, as columns and without evidence: for simulations, counts and benchmarks."""
    names = tuple(dict.fromkeys([*(r.name for r in policy.rules), LOOKAHEAD, ERROR, EXPIRY]))
    place = {name: i for i, name in enumerate(names)}
    empty = np.zeros(0, np.int64)
    columns: list[tuple[Any, ...]] = [(empty,) * 4]
    columns += [
        (which[turn.found.rows], turn.verdict, turn.at, turn.rule_codes(place))
        for some, mine, which in blocks(history, candidates)
        for turn in _Round(policy, some, mine, now).turns()
    ]
    rows, verdict, at, codes = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Answers(rows, verdict.astype(np.int8), at, Coded(codes.astype(np.int32), names))


@dataclass(frozen=True, slots=True)
class _Turn:
    """One message of each circle at most, decided: the columns, and what evidence is made from."""

    view: View
    rules: Sequence[Governed]
    watching: Sequence[Governed]
    found: Welcome
    yielding: Yielding
    at: Ints
    verdict: npt.NDArray[np.int8]
    yields: Ints
    """Place in `yielding` of each message that lets another pass, -1 for the others."""
    expired: Bools

    def rule_codes(self, place: Mapping[str, int]) -> Codes:
        """The binding rule of each message, as its place in a list of names."""
        names = np.array([*(place[g.rule.name] for g in self.rules), -1], np.int32)
        codes = names[self.found.binding]
        codes[self.yields >= 0] = place[LOOKAHEAD]
        codes[self.expired & (codes < 0)] = place[EXPIRY]
        for i, row in enumerate(self.found.rows) if self.found.errors else ():
            if (int(self.found.binding[i]), int(row)) in self.found.errors:
                codes[i] = place[ERROR]
        return codes

    def outcomes(self, candidates: Candidates, now: int) -> list[Outcome]:
        """Each message's outcome, with its evidence."""
        pushes, watched = _pushes(self.view, self.rules, self.found), self._watched(now)
        rule = [self.rules[by].rule.name if by >= 0 else None for by in self.found.binding.tolist()]
        for by, row in self.found.errors:
            i = int(np.flatnonzero(self.found.rows == row)[0])
            if by == self.found.binding[i]:
                rule[i] = ERROR
        for i in np.flatnonzero(self.yields >= 0).tolist():
            rule[i] = LOOKAHEAD
            favoured = int(candidates.id[self.yielding.favoured[self.yields[i]]])
            pushes[i].append(Push(LOOKAHEAD, LOOKAHEAD, int(self.at[i]), (), {"why": LOOKAHEAD, "message": favoured}))
        for i in np.flatnonzero(self.expired).tolist():
            rule[i] = rule[i] or EXPIRY
        told = zip(
            candidates.id[self.found.rows].tolist(), self.verdict.tolist(), self.at.tolist(), rule, pushes, strict=True
        )
        return [
            Outcome(message, _VERDICTS[verdict], at, name, tuple(mine), watched.get(i, ()))
            for i, (message, verdict, at, name, mine) in enumerate(told)
        ]

    def _watched(self, now: int) -> dict[int, tuple[Push, ...]]:
        """By message what rules that only watch would have answered from the instant that the others accept."""
        if not self.watching:
            return {}
        asked = np.any([g.candidates[self.found.rows] for g in self.watching], axis=0)
        mine = np.flatnonzero(asked)
        starts = np.where(self.at[mine] < HELD, self.at[mine], now)
        found = welcome(self.view, self.watching, self.found.rows[mine], starts)
        told = _pushes(self.view, self.watching, found)
        return {i: tuple(pushes) for i, pushes in zip(mine.tolist(), told, strict=True)}


class _Round:
    """The history as it grows while a round goes on, and who still waits."""

    def __init__(self, policy: Policy, history: History, candidates: Candidates, now: int) -> None:
        self.policy, self.history, self.candidates, self.now = policy, history, candidates, now
        self.facts = ContactFacts.of(policy, history, now)
        self.segment = segment_of(policy, self.facts)
        self.waits = np.ones(len(candidates), bool)
        self.lets_pass_until = np.full(len(candidates), NONE, np.int64)

    def turns(self) -> Iterator[_Turn]:
        """Turn by turn, the most important message of each circle first."""
        due = np.flatnonzero(self.candidates.due)
        circle = self.history.people.circle[self.candidates.contact[due]].astype(np.int64)
        turn = ranks(self.candidates, due, circle, self.policy.arbitration)
        last = int(turn.max(initial=-1))
        for place in range(last + 1):
            made = self._turn(due[turn == place])
            if place < last:
                self._see_sent(made)
            yield made

    def _turn(self, rows: Ints) -> _Turn:
        """Decide messages of different circles, and let the sent ones be touches from then on."""
        view, rules, watching = self._seen(self.history)
        found = welcome(view, rules, rows, self.now)
        expires = self.candidates.expires_at[rows]
        expired = expires <= self.now
        sends = (found.at == self.now) & ~expired
        self.waits[rows[sends]] = False  # nobody lets them pass any more: fewer to look at
        yielding = self._yield(view, rows[sends])
        self.lets_pass_until[yielding.rows] = yielding.until
        at, yields = found.at.copy(), np.full(len(rows), -1, np.int64)
        place = np.searchsorted(rows, yielding.rows)
        at[place], yields[place], sends[place] = yielding.until, np.arange(len(yielding.rows)), False
        defers = ~sends & ~expired & ((at < expires) | (at == HELD))
        verdict = np.where(sends, Verdict.SEND, np.where(defers, Verdict.DEFER, Verdict.SUPPRESS)).astype(np.int8)
        self.waits[rows] = defers
        return _Turn(view, rules, watching, found, yielding, at, verdict, yields, expired)

    def _see_sent(self, turn: _Turn) -> None:
        """Let those after see the touches of what was sent."""
        sent = turn.found.rows[turn.verdict == Verdict.SEND]
        if len(sent):
            self.history = replace(self.history, touches=with_touches(self.history, self.candidates, sent, self.now))

    def _seen(self, history: History) -> tuple[View, list[Governed], list[Governed]]:
        """The view of this history, the rules that bind, and those that only watch."""
        view = View(self.now, history, self.candidates, self.policy.by_key, self.policy.renamed)
        rules = governed(self.policy, view, self.facts, self.segment)
        return view, [g for g in rules if not g.rule.only_watch], [g for g in rules if g.rule.only_watch]

    def _yield(self, view: View, sending: Ints) -> Yielding:
        """Which of those about to go must let a more important message of the same contact pass."""

        def welcome_of(rows: Ints, sent: Ints) -> Ints:
            history = self.history
            if len(sent):
                history = replace(history, touches=with_touches(history, self.candidates, sent, self.now))
            seen, rules, _ = self._seen(history)
            starts = np.where(self.candidates.due[rows], self.now, np.maximum(self.candidates.due_at[rows], self.now))
            # One that lets another pass itself isn't welcome before: nobody waits for it until now.
            return welcome(seen, rules, rows, np.maximum(starts, self.lets_pass_until[rows])).at

        reach = self.policy.arbitration.lookahead
        return lookahead(
            self.candidates, sending, np.flatnonzero(self.waits), view.marketing(), self.now, reach, welcome_of
        )


def _pushes(view: View, rules: Sequence[Governed], found: Welcome) -> list[list[Push]]:
    """The evidence about each message: the last answer of each rule that pushed, in binding order."""
    out: list[list[Push]] = [[] for _ in range(len(found.rows))]
    together = _together(rules, found)
    for j, asked in enumerate(rules):
        rule, pushed = asked.rule, found.answers[j] != NONE
        for by, row in found.errors:
            if by == j:
                pushed &= found.rows != row
        where = np.flatnonzero(pushed)
        if len(where):
            told = asked.module.pushes(rule, view, found.rows[where], found.asked[j, where], found.answers[j, where])
            for i, push in zip(where.tolist(), told, strict=True):
                out[i].append(push)
                if i in together and j == found.binding[i]:
                    out[i][-1] = replace(push, detail={**push.detail, "why": TOGETHER, "rules": ", ".join(together[i])})
        for (by, row), error in found.errors.items():
            if by == j:
                for i in np.flatnonzero(found.rows == row).tolist():
                    out[i].append(Push(rule.name, rule.kind, HELD, (), {ERROR: error}))
    return out


def _together(rules: Sequence[Governed], found: Welcome) -> dict[int, tuple[str, ...]]:
    """By message the names of the rules that leave no time together, where none of them says never by itself.

    They are those that still pushed in the last year of the search; one that stopped before stands in nobody's way.
    Not where the rule that binds does it alone: then its own sentence says it better."""
    named = {}
    for i in np.flatnonzero((found.at == NEVER) & (found.binding >= 0)).tolist():
        answers = found.answers[:, i]
        last = np.flatnonzero(answers > answers.max() - _YEAR).tolist()
        if answers.max() < HELD and last != [int(found.binding[i])]:
            named[i] = tuple(rules[j].rule.name for j in last)
    return named


def with_touches(history: History, candidates: Candidates, sent: Ints, now: int) -> Touches:
    """The history's touches and those of the messages sent now, in the order the columns keep."""
    old = history.touches
    sent = sent[np.argsort(candidates.contact[sent], kind="stable")]
    place = _places(old, candidates.contact[sent], now)
    columns: dict[str, Ints | Bools | Ragged] = {
        name: np.insert(getattr(old, name), place, getattr(candidates, name)[sent])
        for name in ("contact", "channel", "category", "campaign", "thread", "topic", "content", "mailbox")
    }
    columns["id"] = np.insert(old.id, place, -candidates.id[sent])
    columns["at"] = np.insert(old.at, place, now)
    columns["triggered"] = np.insert(old.triggered, place, candidates.trigger_at[sent] != NONE)
    counts, tags = np.diff(old.tags.start), candidates.tags.take(sent)
    columns["tags"] = Ragged(
        np.concatenate([[0], np.cumsum(np.insert(counts, place, np.diff(tags.start)))]).astype(np.int64),
        np.insert(old.tags.values, np.repeat(old.tags.start[place], np.diff(tags.start)), tags.values),
    )
    return Touches(**columns)  # type: ignore[arg-type]


def _places(touches: Touches, contact: Ints, now: int) -> Ints:
    """Where touches made now to these contacts go in: behind all of theirs but those that a wrong clock dated later."""
    place = np.searchsorted(touches.contact, contact, side="right").astype(np.int64)
    first = np.searchsorted(touches.contact, contact, side="left")
    before = np.append(touches.at, NONE)  # so that there is something before the first touch
    while (ahead := np.flatnonzero((place > first) & (before[place - 1] > now))).size:
        place[ahead] -= 1
    return place
