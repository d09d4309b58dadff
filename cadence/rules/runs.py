"""Runs of touches: for each candidate a range in an array, oldest first, so that asking for "the N-th most recent" costs
the same however long the history is.

Which touches are in a run is chosen elsewhere (`View`); here they are counted and found.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cadence.facts import NONE, Ints


@dataclass(frozen=True, slots=True)
class Runs:
    """For each candidate a run of touches, oldest first: entries begin[i]..end[i]) of `at` and `touch`."""

    at: Ints
    """Instants of the touches, ascending within a run."""
    touch: Ints
    """Rows in History.touches."""
    begin: Ints
    end: Ints
    _recent: dict[int, Ints] = field(default_factory=dict, repr=False, compare=False)
    """What `most_recent` has been asked for, for all candidates, by how manieth."""

    def count(self, rows: Ints) -> Ints:
        """How many touches the runs of these candidates hold."""
        return self.end[rows] - self.begin[rows]

    def most_recent(self, rows: Ints, nth: int | Ints = 1) -> Ints:
        """The instant of the nth most recent touch (1: the latest) of each of these candidates; NONE where there are
        fewer."""
        if not isinstance(nth, int):
            return self._nth_last(self.begin[rows], self.end[rows], nth)
        if nth not in self._recent:
            self._recent[nth] = self._nth_last(self.begin, self.end, nth)
        return self._recent[nth][rows]

    def _nth_last(self, begin: Ints, end: Ints, nth: int | Ints) -> Ints:
        if not len(self.at):
            return np.full(len(begin), NONE, np.int64)
        place = end - nth
        return np.where(place >= begin, self.at.take(place, mode="clip"), NONE)

    def of(self, row: int) -> Ints:
        """Rows in History.touches of one candidate's run, oldest first."""
        return self.touch[self.begin[row] : self.end[row]]

    def after(self, rows: Ints, instant: Ints) -> Ints:
        """How many touches of each of these candidates' runs lie strictly after its instant: int64[len(rows)]."""
        found = np.zeros(len(rows), np.int64)
        late = np.flatnonzero(self.most_recent(rows) > instant)
        if not len(late):
            return found
        begin, end, instant = self.begin[rows[late]], self.end[rows[late]], instant[late]
        first = end - 1  # the first that is known to lie after it; leaps of halving length go further back
        leap = 1 << int((first - begin).max()).bit_length()
        while leap := leap >> 1:
            place = np.maximum(first - leap, begin)
            first = np.where(self.at.take(place) > instant, place, first)
        found[late] = end - first
        return found

    def since(self, row: int, after: int) -> Ints:
        """Those of one candidate's run that lie strictly after an instant."""
        first = self.begin[row] + np.searchsorted(self.at[self.begin[row] : self.end[row]], after, side="right")
        return self.touch[first : self.end[row]]
