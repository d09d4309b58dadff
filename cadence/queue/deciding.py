"""Asking the decision core for a loaded batch, and what the queue adds to its answers: `still_if`, and batches that
throw.

Pure but for one thing: a batch that throws is asked circle by circle, so that one broken circle holds only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cadence.decide.round import Decided, decide
from cadence.facts import HELD, NEVER, Bools, Candidates, Ints, Outcome, Push, Verdict
from cadence.policy import conditions, segments
from cadence.queue.active import Active
from cadence.queue.load import Loaded, candidates
from cadence.rules.sentence import ERROR


@dataclass(frozen=True, slots=True)
class Answers:
    """What a batch came to."""

    loaded: Loaded
    asked: Candidates
    """What was asked in the end."""
    outcomes: list[tuple[int, Outcome]]
    """(row in loaded.messages, outcome), in the order in which they were decided."""
    no_longer: list[int]
    """Rows that would have gone, but whose `still_if` doesn't hold."""
    segment: list[str | None]
    """Of each contact of the history."""
    next_change: Ints
    """int64[contacts]: when time alone may change an answer, NEVER if it can't."""


def answer(active: Active, loaded: Loaded, rows: Ints, due: Bools, now: int) -> Answers:
    """Decide the due ones of these rows at `now`; the others are only looked at by arbitration. Raises what the core
    raises."""
    asked = candidates(active, loaded, rows, due)
    no_longer: list[int] = []
    while True:
        decided = decide(active.policy, loaded.history, asked, now)
        row_of = {int(i): int(r) for i, r in zip(asked.id, rows, strict=True)}
        outcomes = [(row_of[o.message], o) for o in decided.outcomes]
        failing = _failing(loaded, decided, outcomes)
        if not failing:
            break
        # Without them the others are asked anew: a message that doesn't go holds nobody up. Each pass takes some out.
        no_longer += failing
        stay = np.flatnonzero(~np.isin(rows, failing))
        asked, rows = asked.take(stay), rows[stay]
    names = [active.policy.segments[s].name if s >= 0 else None for s in decided.segment.tolist()]
    return Answers(loaded, asked, outcomes, no_longer, names, segments.next_change(active.policy, decided.facts))


def answer_or_hold(
    active: Active,
    loaded: Loaded,
    rows: Ints,
    due: Bools,
    now: int,
    reload: Callable[[tuple[int, int]], Loaded],
    tell: Callable[[str], None],
) -> list[Answers]:
    """The same, never raising: a batch that throws is asked again one circle at a time, and what throws then is held
    as error.

    reload: loads one circle, given as (shard, id), alone."""
    try:
        return [answer(active, loaded, rows, due, now)]
    except Exception as problem:  # noqa: BLE001 - whatever it is, it must hold messages, not let them pass nor stop the others
        tell(f"a batch of {len(rows)} messages could not be decided together ({type(problem).__name__}: {problem})")
    out = []
    m = loaded.messages
    is_due = dict(zip(rows.tolist(), due.tolist(), strict=True))
    for circle in dict.fromkeys((m["shard"][r], m["circle"][r]) for r in rows.tolist()):
        ids = {m["id"][r]: is_due[r] for r in rows.tolist() if (m["shard"][r], m["circle"][r]) == circle}
        alone = reload(circle)
        mine = np.array([r for r, i in enumerate(alone.messages["id"]) if i in ids], np.int64)
        mine_due = np.array([ids[alone.messages["id"][r]] for r in mine.tolist()], bool)
        try:
            out.append(answer(active, alone, mine, mine_due, now))
        except Exception as problem:  # noqa: BLE001
            out.append(_held(active, alone, mine[mine_due], f"{type(problem).__name__}: {problem}"))
    return out


def _failing(loaded: Loaded, decided: Decided, outcomes: Sequence[tuple[int, Outcome]]) -> list[int]:
    """Rows about to go whose campaign's `still_if` doesn't hold for the contact now."""
    holds = {name: conditions.holds(condition, decided.facts) for name, condition in loaded.still_if().items()}
    campaign = loaded.messages["campaign"]
    going = [row for row, outcome in outcomes if outcome.verdict is Verdict.SEND] if holds else []
    return [row for row in going if campaign[row] in holds and not holds[campaign[row]][loaded.person[row]]]


def _held(active: Active, loaded: Loaded, rows: Ints, error: str) -> Answers:
    """Every one of these rows held, because deciding them throws."""
    ids = loaded.messages["id"]
    push = Push(ERROR, ERROR, HELD, (), {"error": error})
    outcomes = [(r, Outcome(ids[r], Verdict.DEFER, HELD, ERROR, (push,))) for r in rows.tolist()]
    people = len(loaded.history.people)
    asked = candidates(active, loaded, rows, np.ones(len(rows), bool))
    return Answers(loaded, asked, outcomes, [], [None] * people, np.full(people, NEVER, np.int64))
