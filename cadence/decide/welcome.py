"""The welcome instant: the least instant that all rules accept, found as a fixed point over columns (design.md
section 3).

Each pass asks every rule from the same instant and goes on from the latest answer, until nothing moves. Only the
candidates
that moved are asked again. What a rule's answer means for a message, and in which order messages go, is decided
elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cadence.facts import FIVE_YEARS, HELD, NEVER, NONE, Codes, Ints
from cadence.policy.governed import Governed
from cadence.rules.view import View

MOST_PASSES = 10_000
"""A policy under which no instant within five years is welcome moves a few times a day at most."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the rules said, for k candidates."""

    rows: Ints
    """Rows in Candidates, int64[k]."""
    at: Ints
    """The welcome instants, HELD or NEVER, int64[k]."""
    binding: Codes
    """Which of the governing rules bound, as index; -1 where none pushed, int32[k]."""
    answers: Ints
    """The last answer of each rule that pushed, NONE where it didn't: int64[rules, k]."""
    asked: Ints
    """The instant from which that answer was asked: int64[rules, k]."""
    errors: dict[tuple[int, int], str]
    """(rule, row in Candidates) -> what the rule threw; such a candidate is HELD."""


def welcome(view: View, rules: Sequence[Governed], rows: Ints, start: int | Ints) -> Welcome:
    """The welcome instants of these candidates from `start` on: one instant, or one for each.

    No accepted instant within five years of it is NEVER; then the first rule, in the order given, of all that pushed
    binds."""
    k = len(rows)
    at = np.broadcast_to(np.asarray(start, np.int64), k).copy()
    horizon = np.minimum(at + FIVE_YEARS, HELD - 1)
    binding = np.full(k, -1, np.int32)
    answers = np.full((len(rules), k), NONE, np.int64)
    asked = np.full((len(rules), k), NONE, np.int64)
    errors: dict[tuple[int, int], str] = {}
    active = np.arange(k, dtype=np.int64)
    for _ in range(MOST_PASSES):
        if not len(active):
            break
        latest, by = _ask_all(view, rules, rows, active, at, answers, asked, errors)
        moved = latest > at[active]
        active, latest, by = active[moved], latest[moved], by[moved]
        at[active], binding[active] = latest, by
        active = active[latest <= horizon[active]]
    beyond = (at > horizon) & (at < HELD)
    beyond[active] = True
    at[beyond] = NEVER
    binding[beyond] = np.argmax(answers[:, beyond] != NONE, axis=0) if len(rules) else -1
    return Welcome(rows, at, binding, answers, asked, errors)


def _ask_all(
    view: View,
    rules: Sequence[Governed],
    rows: Ints,
    active: Ints,
    at: Ints,
    answers: Ints,
    asked: Ints,
    errors: dict[tuple[int, int], str],
) -> tuple[Ints, Codes]:
    """One pass: every rule asked from the same instants. The latest answer of each active candidate, and whose it
    was."""
    latest = at[active].copy()
    by = np.full(len(active), -1, np.int32)
    for j, governed in enumerate(rules):
        mine = governed.candidates[rows[active]]
        whole = bool(mine.all())
        places = active if whole else active[mine]
        if not len(places):
            continue
        t = at[places]
        answer = _ask(view, governed, rows[places], t, j, errors)
        pushed = answer > t
        if not pushed.any():
            continue
        answers[j, places[pushed]] = answer[pushed]
        asked[j, places[pushed]] = t[pushed]
        within = np.flatnonzero(pushed) if whole else np.flatnonzero(mine)[pushed]
        later = answer[pushed] > latest[within]
        latest[within[later]] = answer[pushed][later]
        by[within[later]] = j
    return latest, by


def _ask(view: View, governed: Governed, rows: Ints, t: Ints, j: int, errors: dict[tuple[int, int], str]) -> Ints:
    """One rule's answers. Where it throws, its candidates are asked one by one, and only those that make it throw
    are held."""
    if governed.error is not None:
        errors.update({(j, int(row)): governed.error for row in rows})
        return np.full(len(rows), HELD, np.int64)
    try:
        return governed.module.welcome_at(governed.rule, view, rows, t)
    except Exception:  # noqa: BLE001 - a rule that throws must hold what made it throw, never let it pass
        answer = np.full(len(rows), HELD, np.int64)
        for i in range(len(rows)):
            try:
                answer[i] = governed.module.welcome_at(governed.rule, view, rows[i : i + 1], t[i : i + 1])[0]
            except Exception as problem:  # noqa: BLE001
                errors[(j, int(rows[i]))] = f"{type(problem).__name__}: {problem}"
        return answer
