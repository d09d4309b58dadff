"""The welcome instant: the least instant that all rules accept, found as a fixed point over columns (design.md
section 3).

Each pass asks every rule from the same instant and goes on from the latest answer, until nothing moves. Only the
candidates that moved are asked again. Where that goes on and on (hours that a contact chose against quiet hours), the
passes ahead are made many at a time; they are the same passes. What a rule's answer means for a message, and in which
order messages go, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cadence.calendar.trails import PATIENCE, look_ahead, trails
from cadence.facts import FIVE_YEARS, HELD, NEVER, NONE, Codes, Ints
from cadence.policy.governed import Governed
from cadence.rules.view import View

MOST_TURNS = 10_000
"""A limit to the search: no policy that people write needs a hundredth of it."""


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
    search = _Search(view, rules, rows, at.copy(), at, k)
    active = np.arange(k, dtype=np.int64)
    for turn in range(MOST_TURNS):
        if not len(active):
            break
        active = search.far(active) if turn >= PATIENCE else search.step(active)
    beyond = (at > search.horizon) & (at < HELD)
    beyond[active] = True
    at[beyond] = NEVER
    if len(rules):
        search.binding[beyond] = np.argmax(search.answers[:, beyond] != NONE, axis=0)
    return Welcome(rows, at, search.binding, search.answers, search.asked, search.errors)


class _Search:
    """The passes of one search, and what is to be told of them."""

    def __init__(self, view: View, rules: Sequence[Governed], rows: Ints, start: Ints, at: Ints, k: int) -> None:
        self.view, self.rules, self.rows = view, rules, rows
        self.start, self.at = start, at
        self.horizon = start + FIVE_YEARS
        self.binding = np.full(k, -1, np.int32)
        self.answers = np.full((len(rules), k), NONE, np.int64)
        self.asked = np.full((len(rules), k), NONE, np.int64)
        self.errors: dict[tuple[int, int], str] = {}

    def step(self, active: Ints) -> Ints:
        """One pass. Those that it moved, and not past the horizon."""
        return self._move(active, self.at[active])

    def far(self, active: Ints) -> Ints:
        """Many passes at once, the same as would be made one by one: every rule is asked along the whole trail."""
        errors: dict[tuple[int, int], str] = {}

        def latest(place: Ints, t: Ints) -> Ints:
            return self._ask_all(self.rows[active[place]], t, errors)[0]

        until = look_ahead(self.start[active], self.at[active], self.horizon[active])
        which, t = trails(latest, self.at[active], until)
        if errors:  # perhaps of an instant that the passes never come to
            return self.step(active)
        return self._move(active[which], t)

    def _move(self, places: Ints, t: Ints) -> Ints:
        """Ask from t on for these places, in trails (one instant or more of one place, ascending), and go on from the end
        of each."""
        latest, by, pushes = self._ask_all(self.rows[places], t, self.errors)
        for j, where, answer in pushes:  # in order, so that the last of each trail stays
            self.answers[j, places[where]] = answer
            self.asked[j, places[where]] = t[where]
        moved = np.flatnonzero(latest > t)
        self.at[places[moved]], self.binding[places[moved]] = latest[moved], by[moved]
        ends = np.ones(len(places), np.bool_)
        ends[:-1] = places[1:] != places[:-1]
        going = moved[ends[moved] & (latest[moved] <= self.horizon[places[moved]])]
        return np.asarray(places[going], np.int64)

    def _ask_all(
        self, rows: Ints, t: Ints, errors: dict[tuple[int, int], str]
    ) -> tuple[Ints, Codes, list[tuple[int, Ints, Ints]]]:
        """Every rule asked from t: the latest answers, whose they were (-1: nobody's, t stands), and all that pushed:
        the rule, for which places, and its answers."""
        latest, by, pushes = t.copy(), np.full(len(t), -1, np.int32), []
        for j, governed in enumerate(self.rules):
            asked_about = governed.candidates[rows]
            mine = None if asked_about.all() else asked_about.nonzero()[0]
            if mine is not None and not len(mine):
                continue
            asked, since = (rows, t) if mine is None else (rows[mine], t[mine])
            answer = _ask(self.view, governed, asked, since, j, errors)
            pushed = (answer > since).nonzero()[0]
            if not len(pushed):
                continue
            where, answer = pushed if mine is None else mine[pushed], answer[pushed]
            pushes.append((j, where, answer))
            later = answer > latest[where]
            latest[where[later]], by[where[later]] = answer[later], j
        return latest, by, pushes


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
