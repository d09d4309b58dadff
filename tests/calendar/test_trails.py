"""Trails: the way that single moves take, found from many points at once."""

from __future__ import annotations

import numpy as np

from cadence.calendar.trails import settled, trails
from cadence.facts import DAY, HELD, HOUR, NEVER


def test_a_trail_goes_through_every_move_up_to_its_end():
    start = np.array([0, 5, 7])
    rows, points = trails(lambda row, t: t + 20 * HOUR, start, np.array([40 * HOUR, 40 * HOUR + 4, 7]))
    assert rows.tolist() == [0, 0, 0, 1, 1, 2]
    assert points.tolist() == [0, 20 * HOUR, 40 * HOUR, 5, 5 + 20 * HOUR, 7]


def test_points_a_microsecond_apart_are_told_apart_in_each_of_many_rows():
    start = np.full(1000, HOUR)
    rows, points = trails(lambda row, t: np.minimum(t + 1, HOUR + 5), start, start + 36 * HOUR)
    assert rows.tolist() == np.repeat(np.arange(1000), 6).tolist()
    assert (points.reshape(1000, 6) == HOUR + np.arange(6)).all()


def test_as_many_rows_as_are_asked_from_together_keep_their_trails():
    start = np.arange(40_000)
    rows, points = trails(lambda row, t: row * 2, start, start + 20 * HOUR)
    assert np.array_equal(rows, np.repeat(start, 2)[1:])
    assert np.array_equal(points, (start[:, None] * [1, 2]).ravel()[1:])


def test_what_is_led_to_held_stays_there():
    start = np.array([HELD - 3, HELD, NEVER])
    led = settled(lambda row, t: np.where(t < HELD, np.minimum(t, HELD - 2) + 2, NEVER), start, DAY)
    assert led.tolist() == [HELD, HELD, NEVER]


def test_no_rows_have_no_trails():
    nothing = np.zeros(0, np.int64)
    assert [part.tolist() for part in trails(lambda row, t: t + 1, nothing, nothing)] == [[], []]
