"""How far back touches are loaded follows from the policy and from the caps that contacts chose for themselves."""

from __future__ import annotations

from cadence.facts import DAY, Wish
from cadence.store.people import reach_of


def test_the_longest_window_counts_whoever_chose_it() -> None:
    wishes = [Wish(), Wish(less_often=(1, "7d")), Wish(less_often=(2, "30d"))]
    assert [reach_of(0, wishes), reach_of(90 * DAY, wishes), reach_of(0, [Wish()])] == [30 * DAY, 90 * DAY, 0]


def test_a_window_without_an_end_needs_all_there_is() -> None:
    assert reach_of(DAY, [Wish(less_often=(1, "ever"))]) is None
    assert reach_of(None, [Wish(less_often=(1, "7d"))]) is None
