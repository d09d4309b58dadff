"""Ids are new, grow, and fall into the same shards for ever."""

from __future__ import annotations

import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cadence.facts import MINUTE
from cadence.store.ids import SHARDS, id_at, instant_of, new_ids, shard_of, shards_of, spread_of


def test_ids_are_distinct_and_grow() -> None:
    ids = np.concatenate([new_ids(n) for n in (1, 1000, 3, 70_000)])
    assert (np.diff(ids) > 0).all()
    assert ids[0] > 0


def test_threads_get_different_ids() -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(new_ids(500).tolist())) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(found)) == 2_000


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1))
def test_one_circle_falls_into_the_shard_that_many_do(circles: list[int]) -> None:
    assert shards_of(np.array(circles, np.int64)).tolist() == [shard_of(c) for c in circles]


def test_the_shard_of_a_circle_never_changes() -> None:
    assert [shard_of(c) for c in (1, 2, 3, 2**40, 2**62)] == [37, 10, 48, 56, 5]


def test_circles_spread_evenly_over_the_shards() -> None:
    counts = np.bincount(shards_of(new_ids(64_000)), minlength=SHARDS)
    assert counts.min() > 800
    assert counts.max() < 1_200


@given(st.integers(0, 2**62), st.integers(1, 10**10))
def test_an_offset_lies_within_its_width_and_is_stable(id_: int, width: int) -> None:
    first, second = (int(spread_of(np.array([id_]), width)[0]) for _ in range(2))
    assert 0 <= first < width
    assert first == second


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1000
    assert abs(instant_of(int(new_ids(1)[0])) - before) < 10 * MINUTE  # ids run ahead where many are made


@given(st.integers(0, 2**53))
def test_the_id_of_an_instant_is_the_least_of_its_millisecond(at: int) -> None:
    assert instant_of(id_at(at)) == at - at % 1000
    assert instant_of(id_at(at) - 1) == at - at % 1000 - 1000
