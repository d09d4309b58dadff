"""Evidence for many answers at once: what a rule tells of the touches behind its answers, laid out in columns.

Nothing here decides. A rule whose evidence is asked of every message tells it in columns; the others tell it one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from cadence.facts import Bools, Ints, Push, expand
from cadence.rules.rule import Rule
from cadence.rules.runs import Runs
from cadence.rules.view import View

Pushes = Callable[[Rule, View, Ints, Ints, Ints], list[Push]]
"""(rule, view, rows, t, welcome_at) -> the evidence of each: candidates rows[i], asked from t[i], with its answer."""


class Behind:
    """Touches behind the answers about some candidates: those of each one's run, oldest first.

    touch: rows in History.touches, int64[k]. slot: whose each is, as place among the candidates, int64[k]."""

    def __init__(self, runs: Runs, rows: Ints) -> None:
        index, self._start = expand(runs.begin[rows], runs.end[rows])
        self.touch, self.at = runs.touch[index], runs.at[index]
        self.slot = np.repeat(np.arange(len(rows), dtype=np.int64), np.diff(self._start))

    def ids(self, view: View, kept: Bools) -> list[tuple[int, ...]]:
        """For each candidate the ids of those of its touches that are kept: bool[k]."""
        before = np.zeros(len(kept) + 1, np.int64)
        np.cumsum(kept, out=before[1:])
        bounds = before[self._start].tolist()
        ids = view.touches.id[self.touch[kept]].tolist()
        return [tuple(ids[a:b]) for a, b in pairwise(bounds)]


def one_by_one(push: Callable[[Rule, View, int, int, int], Push]) -> Pushes:
    """The evidence of many out of that of one: push(rule, view, row, t, welcome_at)."""

    def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
        asked = zip(rows.tolist(), t.tolist(), welcome_at.tolist(), strict=True)
        return [push(rule, view, row, since, answer) for row, since, answer in asked]

    return pushes
