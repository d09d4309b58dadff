"""Runs of touches: counted and found the same as by looking at one touch after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import NEVER, NONE, starts
from cadence.rules.runs import Runs

INSTANTS = st.integers(0, 20)
histories = st.lists(st.lists(INSTANTS, max_size=19).map(sorted), min_size=1, max_size=6)
SOME_INSTANTS = st.one_of(INSTANTS, st.sampled_from([NONE, NEVER, -1, 21]))


def runs_of(histories: list[list[int]]) -> Runs:
    at = np.array([instant for history in histories for instant in history], np.int64)
    start = np.cumsum([0, *map(len, histories)]).astype(np.int64)
    return Runs(at, np.arange(len(at), dtype=np.int64), start[:-1], start[1:])


@given(histories, st.lists(SOME_INSTANTS, min_size=6, max_size=6))
def test_as_many_lie_after_an_instant_as_can_be_counted(histories: list[list[int]], instants: list[int]) -> None:
    rows = np.arange(len(histories))[::-1]
    after = np.array(instants[: len(histories)], np.int64)
    found = runs_of(histories).after(rows, after)
    assert found.tolist() == [sum(x > a for x in histories[r]) for r, a in zip(rows, after.tolist(), strict=True)]


@given(histories, st.lists(st.integers(1, 22), min_size=6, max_size=6))
def test_the_nth_most_recent_is_counted_from_the_end(histories: list[list[int]], nth: list[int]) -> None:
    rows = np.arange(len(histories))
    found = runs_of(histories).most_recent(rows, np.array(nth[: len(rows)], np.int64))
    assert found.tolist() == [h[-n] if n <= len(h) else NONE for h, n in zip(histories, nth, strict=False)]


def test_owners_without_rows_begin_where_the_next_one_does() -> None:
    assert starts(np.array([1, 1, 3]), 5).tolist() == [0, 0, 2, 2, 3, 3]
