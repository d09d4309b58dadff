"""A whole round of decisions: a batch of candidates and the history of their circles in, an outcome for each out.

The steps: segments, who is governed, the welcome instants, who goes first, what that leaves for the others. All of it is pure;
claiming, loading and writing down are the queue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cadence.decide.arbitration import Yielding, lookahead, ranks
from cadence.decide.welcome import Welcome, welcome
from cadence.facts import HELD, NONE, Bools, Candidates, Codes, History, Ints, Outcome, Push, Ragged, Touches, Verdict
from cadence.policy.conditions import ContactFacts
from cadence.policy.governed import Governed, governed
from cadence.policy.policy import Policy
from cadence.policy.segments import segment_of
from cadence.rules.view import View

LOOKAHEAD = "lookahead"
ERROR = "error"
"""The name under which a message is held because a rule threw."""
EXPIRY = "expires"
"""The name under which a message ends that had expired before it was asked."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a round came to."""

    outcomes: list[Outcome]
    """One for each due candidate, in the order in which they were decided."""
    segment: Codes
    """int32[contacts]: index into policy.segments."""
    facts: ContactFacts
    """What the conditions saw: `segments.next_change` tells from it when time alone changes an answer."""


def decide(policy: Policy, history: History, candidates: Candidates, now: int) -> Decided:
    """Decide every due candidate at the instant `now`.

    Candidates that aren't due are only looked at by lookahead. Several for one circle go in the order of arbitration, each
    seeing the touches of those before it; such a touch bears the id of its message, negated, in later evidence.
    Deterministic: same input, same outcomes."""
    facts = ContactFacts.of(policy, history, now)
    segment = segment_of(policy, facts)
    round_ = _Round(policy, history, candidates, now, facts, segment)
    due = np.flatnonzero(candidates.due)
    circle = history.people.circle[candidates.contact[due]].astype(np.int64)
    turn = ranks(candidates.take(due), circle, policy.arbitration)
    outcomes: list[Outcome] = []
    for place in range(int(turn.max(initial=-1)) + 1):
        outcomes += round_.take_turn(due[turn == place])
    return Decided(outcomes, segment, facts)


class _Round:
    """The history as it grows while a round goes on, and who still waits."""

    def __init__(
        self, policy: Policy, history: History, candidates: Candidates, now: int, facts: ContactFacts, segment: Codes
    ) -> None:
        self.policy, self.history, self.candidates, self.now = policy, history, candidates, now
        self.facts, self.segment = facts, segment
        self.waits = np.ones(len(candidates), bool)
        self._made: tuple[View, list[Governed], list[Governed]] | None = None

    def take_turn(self, rows: Ints) -> list[Outcome]:
        """Decide candidates of different circles, and let the sent ones be touches from then on."""
        view, binding, watching = self._seen(self.history)
        found = welcome(view, binding, rows, self.now)
        sends = (found.at == self.now) & (self.candidates.expires_at[rows] > self.now)
        self.waits[rows[sends]] = False
        yielding = self._yield(view, rows[sends])
        outcomes = [
            self._outcome(view, binding, watching, found, i, yielding) for i in range(len(rows))
        ]
        sent = rows[np.array([o.verdict is Verdict.SEND for o in outcomes], bool)] if len(rows) else rows
        final = np.array([o.verdict is not Verdict.DEFER for o in outcomes], bool)
        self.waits[rows] = ~final
        if len(sent):
            self.history = replace(self.history, touches=_with_touches(self.history, self.candidates, sent, self.now))
            self._made = None
        return outcomes

    def _seen(self, history: History) -> tuple[View, list[Governed], list[Governed]]:
        """The view of this history, the rules that bind, and those that only watch."""
        if self._made is None or self._made[0].history is not history:
            view = View(self.now, history, self.candidates, self.policy.by_key, self.policy.renamed)
            rules = governed(self.policy, view, self.facts, self.segment)
            self._made = (view, [g for g in rules if not g.rule.only_watch], [g for g in rules if g.rule.only_watch])
        return self._made

    def _yield(self, view: View, sending: Ints) -> Yielding:
        """Which of those about to go must let a more important message of the same contact pass."""

        def welcome_of(rows: Ints, sent: Ints) -> Ints:
            history = self.history
            if len(sent):
                history = replace(history, touches=_with_touches(history, self.candidates, sent, self.now))
            seen = View(self.now, history, self.candidates, self.policy.by_key, self.policy.renamed)
            rules = [g for g in governed(self.policy, seen, self.facts, self.segment) if not g.rule.only_watch]
            return welcome(seen, rules, rows, self.now).at

        reach = self.policy.arbitration.lookahead
        return lookahead(
            self.candidates, sending, np.flatnonzero(self.waits), view.marketing(), self.now, reach, welcome_of
        )

    def _outcome(
        self,
        view: View,
        binding: Sequence[Governed],
        watching: Sequence[Governed],
        found: Welcome,
        i: int,
        yielding: Yielding,
    ) -> Outcome:
        row, at, by = int(found.rows[i]), int(found.at[i]), int(found.binding[i])
        message, expires = int(self.candidates.id[row]), int(self.candidates.expires_at[row])
        pushes = _pushes(view, binding, found, i)
        watched = self._watched(view, watching, row, at)
        rule = binding[by].rule.name if by >= 0 else None
        if at == HELD and by >= 0 and (by, row) in found.errors:
            rule = ERROR
        place = np.searchsorted(yielding.rows, row)
        if at == self.now and place < len(yielding.rows) and yielding.rows[place] == row:
            at, rule = int(yielding.until[place]), LOOKAHEAD
            favoured = int(self.candidates.id[yielding.favoured[place]])
            pushes = (*pushes, Push(LOOKAHEAD, LOOKAHEAD, at, (), {"message": favoured}))
        if expires <= self.now:
            return Outcome(message, Verdict.SUPPRESS, at, rule or EXPIRY, pushes, watched)
        if at == self.now:
            return Outcome(message, Verdict.SEND, at, rule, pushes, watched)
        verdict = Verdict.DEFER if at < expires or at == HELD else Verdict.SUPPRESS
        return Outcome(message, verdict, at, rule, pushes, watched)

    def _watched(self, view: View, watching: Sequence[Governed], row: int, at: int) -> tuple[Push, ...]:
        """What rules that only watch would have answered from the instant that the others accept."""
        start = at if at < HELD else self.now
        mine = [g for g in watching if g.candidates[row]]
        if not mine:
            return ()
        found = welcome(view, mine, np.array([row], np.int64), start)
        return _pushes(view, mine, found, 0)


def _pushes(view: View, rules: Sequence[Governed], found: Welcome, i: int) -> tuple[Push, ...]:
    """The evidence: the last answer of each rule that pushed, in binding order."""
    row = int(found.rows[i])
    out = []
    for j in np.flatnonzero(found.answers[:, i] != NONE):
        rule, answer = rules[j].rule, int(found.answers[j, i])
        if (error := found.errors.get((int(j), row))) is not None:
            out.append(Push(rule.name, rule.kind, HELD, (), {"error": error}))
        else:
            out.append(rules[j].module.push(rule, view, row, int(found.asked[j, i]), answer))
    return tuple(out)


def _with_touches(history: History, candidates: Candidates, sent: Ints, now: int) -> Touches:
    """The history's touches and those of the messages sent now, in the order the columns keep."""
    old, n = history.touches, len(sent)
    tags = candidates.tags.take(sent)
    columns: dict[str, Ints | Bools | Ragged] = {
        name: np.concatenate([getattr(old, name), getattr(candidates, name)[sent]])
        for name in ("contact", "channel", "category", "campaign", "thread", "topic", "content", "mailbox")
    }
    columns["id"] = np.concatenate([old.id, -candidates.id[sent]])
    columns["at"] = np.concatenate([old.at, np.full(n, now, np.int64)])
    columns["triggered"] = np.concatenate([old.triggered, candidates.trigger_at[sent] != NONE])
    columns["tags"] = Ragged(
        np.concatenate([old.tags.start, old.tags.start[-1] + tags.start[1:]]),
        np.concatenate([old.tags.values, tags.values]),
    )
    grown = Touches(**columns)  # type: ignore[arg-type]
    return grown.take(np.lexsort((np.arange(len(old) + n), grown.at, grown.contact)))

